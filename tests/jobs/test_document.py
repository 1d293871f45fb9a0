"""The certificate document, recomputed with other code from what it says."""

import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from scipy.stats import beta, norm

from jobs.document import Making, certificate_document
from jobs.record import JobSpec, Maker
from smoothing.certificate import Certificate
from smoothing.params import SmoothingParams
from smoothing.procedures import procedure_for, replay
from smoothing.votes import Phase, Votes

MAKING = Making(
    key_commitment="ee" * 32,
    makers=(Maker(runtime="eager 2.15.0", noise_scheme="philox4x64-10/box-muller"),),
    versions={"python": "3.11", "torch": "2.15.0"},
    started_at=1_800_000_000.0,
    finished_at=1_800_000_004.5,
    attempts=1,
)


def document(life_spec: JobSpec, selection: Votes, estimation: Votes) -> dict[str, Any]:
    procedure = procedure_for(life_spec.params, life_spec.model.num_classes)
    tally = {Phase.SELECTION: selection, Phase.ESTIMATION: estimation}
    certificate = procedure.step(tally)
    assert isinstance(certificate, Certificate)
    return certificate_document(life_spec, certificate, MAKING)


@pytest.fixture
def certified(make_spec: Any) -> dict[str, Any]:
    """A certificate for class 1."""
    spec = make_spec(params=SmoothingParams(sigma=0.25, n0=100, n=1_000))
    estimation = Votes(counts=(12, 985, 1), invalid=2)
    return document(spec, Votes(counts=(0, 99, 1)), estimation)


@pytest.fixture
def abstained(make_spec: Any) -> dict[str, Any]:
    """An abstention."""
    spec = make_spec(params=SmoothingParams(sigma=0.25, n0=100, n=1_000))
    return document(spec, Votes(counts=(60, 40, 0)), Votes(counts=(505, 495, 0)))


def test_radii_follow_from_the_counts_by_scipy(certified: dict[str, Any]) -> None:
    hits, tv = certified["counts"]["estimation"]["1"], certified["noise"]["total_variation"]
    p_lower = beta.ppf(certified["alpha"], hits, certified["n"] - hits + 1)
    radius = math.floor((certified["sigma"] * norm.ppf(p_lower - tv) - 1e-9) * 1e6) / 1e6
    most = beta.ppf(certified["alpha"], certified["n"], 1)
    ceiling = math.floor((certified["sigma"] * norm.ppf(most - tv) - 1e-9) * 1e6) / 1e6

    assert certified["p_lower"] == pytest.approx(p_lower, abs=1e-12)
    assert certified["radius"] == radius
    assert certified["radius_ceiling"] == ceiling
    assert certified["radius_255"] == pytest.approx(255 * radius, abs=1e-12)


def test_implied_radii_never_claim_more_than_the_radius(certified: dict[str, Any]) -> None:
    radius, image = certified["radius"], certified["image"]

    assert certified["radius_linf"] * math.sqrt(3 * 8 * 8) <= radius
    assert 3 * certified["l0_pixels"] <= radius**2
    stretched = certified["radius_original"] * image["spectral_norm"] + 2 * image["rounding_slack"]
    assert radius - 1e-6 < stretched <= radius


def test_original_radius_is_nothing_where_rounding_leaves_nothing(make_spec: Any) -> None:
    spec = make_spec(image={"rounding_slack": 1.0})

    made = document(spec, Votes(counts=(20, 0, 0)), Votes(counts=(100, 0, 0)))

    assert made["radius"] > made["radius_original"] == 0.0


def test_a_certificate_names_what_it_is_about(certified: dict[str, Any]) -> None:
    assert certified["verdict"] == "certified"
    assert certified["predicted"] == {"index": 1, "label": "dog"}
    assert certified["counts"] == {
        "selection": {"1": 99, "2": 1},
        "estimation": {"0": 12, "1": 985, "2": 1, "invalid": 2},
    }
    assert certified["abstention"] is certified["p_runner_up_upper"] is None
    assert certified["noise"]["commitment"] == "ee" * 32
    assert certified["issued_at"] == "2027-01-15T08:00:04.500Z"
    assert (certified["duration_s"], certified["draws_per_s"]) == (4.5, 244.4)


def test_an_abstention_claims_nothing_and_says_why(abstained: dict[str, Any]) -> None:
    assert (abstained["verdict"], abstained["predicted"]) == ("abstained", None)
    assert abstained["radius"] == abstained["radius_255"] == abstained["radius_original"] == 0
    assert abstained["abstention"]["reason"] == "too_few_draws"
    assert "505 of 1000" in abstained["abstention"]["explanation"]
    assert "No radius is claimed" in abstained["statement"]


def test_the_statement_says_what_is_claimed_and_what_is_not(certified: dict[str, Any]) -> None:
    text = certified["statement"]

    assert f"{certified['radius']:.6f}" in text
    assert "Except with probability 0.001 " in text
    assert "Nothing is said about whether 'dog' is right" in text
    assert "heuristic" not in text


def test_fast_numerics_are_called_heuristic(make_spec: Any) -> None:
    spec = make_spec(params=SmoothingParams(sigma=0.25, n0=20, n=100, numerics="fast"))

    made = document(spec, Votes(counts=(20, 0, 0)), Votes(counts=(100, 0, 0)))

    assert (made["numerics"], made["noise"]["total_variation"]) == ("fast", 0)
    assert "heuristic" in made["statement"]


SURE = Votes(counts=(0, 1000, 0))
TORN = Votes(counts=(500, 500, 0))
OUTCOMES: dict[str, tuple[dict[str, Any], dict[Phase, Votes], Any]] = {
    "fixed": (
        {"n": 1000},
        {Phase.SELECTION: Votes(counts=(1, 99, 0)), Phase.ESTIMATION: SURE},
        ("certified", None, "complete", "clopper_pearson"),
    ),
    "adaptive, hopeless": (
        {"mode": "adaptive", "n": 1000},
        {Phase.SELECTION: Votes(counts=(48, 40, 40))},
        ("abstained", None, "hopeless", "clopper_pearson"),
    ),
    "decide, yes": (
        {"mode": "decide", "radius": 0.1, "n": 2000},
        {Phase.ESTIMATION: Votes(counts=(0, 64, 0))},
        ("certified", "yes", "shown", "truncated_mixture"),
    ),
    "decide, no": (
        {"mode": "decide", "radius": 0.4, "n": 2000},
        {Phase.ESTIMATION: Votes(counts=(32, 32, 0))},
        ("not_certified", "no", "futile", "truncated_mixture"),
    ),
    "anytime, early": (
        {"mode": "anytime", "n": 2000},
        {Phase.ESTIMATION: SURE},
        ("certified", None, "interim", "truncated_mixture"),
    ),
    "anytime, torn": (
        {"mode": "anytime", "n": 2000},
        {Phase.ESTIMATION: TORN},
        ("abstained", None, "interim", "truncated_mixture"),
    ),
    "anytime, complete": (
        {"mode": "anytime", "n": 1000},
        {Phase.ESTIMATION: SURE},
        ("certified", None, "complete", "truncated_mixture"),
    ),
    "predict": (
        {"mode": "predict", "n": 1000},
        {Phase.ESTIMATION: SURE},
        ("predicted", None, "complete", "binomial_test"),
    ),
    "predict, torn": (
        {"mode": "predict", "n": 1000, "family_size": 10},
        {Phase.ESTIMATION: TORN},
        ("abstained", None, "complete", "binomial_test"),
    ),
}
CLAIMS = {
    "fixed": "within L2 distance",
    "adaptive, hopeless": "No radius is claimed: the votes do not show, at alpha 0.001, that any "
    "one class has a majority",
    "decide, yes": "within L2 distance 0.100000 of this one's is classified 'dog'",
    "decide, no": "Nor is it claimed that the radius is smaller",
    "anytime, early": "of all that this request shows, early or late, together",
    "anytime, torn": "More draws of this request may show one",
    "anytime, complete": "of all that this request shows, early or late, together",
    "predict": "No radius is claimed: the class of an image that differs from this one",
    "predict, torn": "No class is claimed: the votes do not show, at alpha 0.001, shared by a "
    "family of 10 certificates",
}


def outcome(make_spec: Any, name: str) -> dict[str, Any]:
    asked, tally, _ = OUTCOMES[name]
    spec = make_spec(params=SmoothingParams(sigma=0.25, **asked))
    return certificate_document(spec, replay(spec.params, 3, tally), MAKING)


@pytest.mark.parametrize("name", OUTCOMES)
def test_each_mode_says_how_it_ended_and_what_it_claims(make_spec: Any, name: str) -> None:
    made = outcome(make_spec, name)

    ends = tuple(made[key] for key in ("verdict", "decision", "stop_reason", "method"))
    assert ends == OUTCOMES[name][2]
    assert CLAIMS[name] in made["statement"]
    assert (made["predicted"] is None) == (made["abstention"] is not None)
    assert json.loads(json.dumps(made, allow_nan=False)) == made


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_document_holds_all_that_its_proof_needs(make_spec: Any, name: str) -> None:
    """From its own text alone, a certificate gives the same certificate again."""
    made = outcome(make_spec, name)
    names = {field.name for field in fields(SmoothingParams)} - {"radius"}
    asked = {key: value for key, value in made.items() if key in names}
    asked["radius"] = made.get("radius_asked")
    votes = {Phase(key): Votes.from_sparse(made["counts"][key], 3) for key in made["counts"]}

    again = replay(SmoothingParams(**asked), made["model"]["num_classes"], votes)

    assert (again.radius, again.p_lower) == (made["radius"], made["p_lower"])
    assert (again.predicted is None) == (made["predicted"] is None)
    assert again.stop_reason == made["stop_reason"]


def test_a_family_is_named_with_what_each_of_it_may_spend(make_spec: Any) -> None:
    params = SmoothingParams(sigma=0.25, mode="anytime", n=1000, family_size=10)
    spec = make_spec(params=params)

    made = certificate_document(spec, replay(params, 3, {Phase.ESTIMATION: SURE}), MAKING)

    assert (made["alpha"], made["family_size"]) == (0.001, 10)
    assert "Except with probability 0.0001 " in made["statement"]
    assert "Of a family of 10 certificates" in made["statement"]


def test_the_document_is_plain_json(certified: dict[str, Any], abstained: dict[str, Any]) -> None:
    for made in (certified, abstained):
        assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_a_job_that_unlike_workers_shared_names_them_all(make_spec: Any) -> None:
    makers = tuple(Maker(runtime=name, noise_scheme=f"{name} noise") for name in "baa")
    procedure = procedure_for(SmoothingParams(sigma=0.25, n0=100, n=1_000), 3)
    votes = Votes(counts=(0, 100, 0))
    tally = {Phase.SELECTION: votes, Phase.ESTIMATION: Votes(counts=(0, 1_000, 0))}
    certificate = procedure.step(tally)
    assert isinstance(certificate, Certificate)

    shown = certificate_document(make_spec(), certificate, replace(MAKING, makers=makers))

    assert shown["model"]["runtime"] == "a; b"
    assert shown["noise"]["scheme"] == "a noise; b noise"


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        (1, "In the 30 days before, the service had been asked no other question about this image"),
        (3, "asked at least 3 different questions about this image and this model, this one"),
    ],
)
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_document_counts_the_attempts_and_says_so(
    make_spec: Any, name: str, attempts: int, words: str
) -> None:
    asked, tally, _ = OUTCOMES[name]
    spec = make_spec(params=SmoothingParams(sigma=0.25, **asked))

    made = certificate_document(
        spec, replay(spec.params, 3, tally), replace(MAKING, attempts=attempts)
    )

    assert made["attempts"] == attempts
    assert words in made["statement"]
