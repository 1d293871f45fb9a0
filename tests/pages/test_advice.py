"""What the page advises after an abstention follows from the votes and the models at hand."""

from dataclasses import replace
from typing import Any

import pytest

from app.pages.advice import Advice, advice
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.procedures import replay
from smoothing.votes import Phase, Votes
from tests.pages.voting import card

MOST = 1_000_000


def abstained(*counts: int, sigma: float = 0.25, **asked: Any) -> Certificate:
    params = SmoothingParams(sigma=sigma, n=sum(counts), **asked)
    tally = {Phase.ESTIMATION: Votes(counts=counts)}
    if params.mode == "fixed":
        tally[Phase.SELECTION] = Votes(counts=(100, 0, 0))
    certificate = replay(params, 3, tally)
    assert certificate.abstained
    return certificate


def first(certificate: Certificate) -> Advice:
    return advice(certificate, None, (), max_draws=MOST)[0]


def test_more_draws_are_advised_where_they_would_do_at_the_same_rates() -> None:
    few = first(abstained(52, 48, 0, bound="runner-up"))
    many = first(abstained(5_060, 4_940, 0, mode="anytime"))

    assert few.text == "Draw more: 10,000 would be enough if they went on to fall as these did."
    assert few.fields == {"n": "10000"}
    assert int(many.fields["n"]) >= 100_000


def test_a_tie_is_not_said_to_end_by_more_draws() -> None:
    found = first(abstained(1_503, 1_497, 0, mode="anytime"))

    assert found.text.endswith("no number that may be asked for is enough.")
    assert found.fields == {"n": "30000"}


def test_no_more_than_the_service_allows_is_advised() -> None:
    certificate = abstained(520, 480, 0, mode="anytime")

    found = advice(certificate, None, (), max_draws=1_000)

    assert [each.fields for each in found] == [{}]


def test_less_noise_is_advised_of_another_model_of_the_same_classes() -> None:
    loud, calm = card("loud", (0.5,)), card("calm", (0.12, 0.25, 1.0))
    other = replace(card("other", (0.25,)), labels=("x", "y"))

    found = advice(abstained(4, 96, 0, sigma=0.5), loud, (calm, loud, other), max_draws=MOST)

    assert {"sigma": "0.25", "model": "calm"} in [each.fields for each in found]


@pytest.mark.parametrize("sigmas", [(0.25,), (0.25, 0.5)])
def test_no_other_noise_is_advised_at_the_least(sigmas: tuple[float, ...]) -> None:
    one = card("one", sigmas)

    found = advice(abstained(4, 96, 0), one, (one,), max_draws=MOST)

    assert not any("sigma" in each.fields for each in found)
