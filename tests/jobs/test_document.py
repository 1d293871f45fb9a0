"""The certificate document, recomputed with other code from what it says."""

import json
import math
from typing import Any

import pytest
from scipy.stats import beta, norm

from jobs.document import Making, certificate_document
from jobs.record import JobSpec
from smoothing.certificate import Certificate, Phase, SmoothingParams, Votes
from smoothing.procedures import procedure_for

MAKING = Making(
    key_commitment="ee" * 32,
    noise_scheme="philox4x64-10/box-muller",
    runtime="torch 2.15.0, cpu",
    versions={"python": "3.11", "torch": "2.15.0"},
    started_at=1_800_000_000.0,
    finished_at=1_800_000_004.5,
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


def test_the_document_is_plain_json(certified: dict[str, Any], abstained: dict[str, Any]) -> None:
    for made in (certified, abstained):
        assert json.loads(json.dumps(made, allow_nan=False)) == made
