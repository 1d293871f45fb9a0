"""Every mode through every real component: the answers of a bare run, and what is told before."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.redis, pytest.mark.slow]

MODES: dict[str, dict[str, Any]] = {
    "adaptive": {"mode": "adaptive", "n": 600, "precision": 0.2},
    "adaptive, runner-up": {"mode": "adaptive", "n": 300, "bound": "runner-up"},
    "decide, small": {"mode": "decide", "radius": 0.05, "n": 2000},
    "decide, large": {"mode": "decide", "radius": 0.5, "n": 500},
    "anytime": {"mode": "anytime", "n": 300},
    "predict": {"mode": "predict", "n": 200, "family_size": 10},
}


@pytest.fixture(scope="module")
def ended(stack: Any, picture: Callable[..., bytes]) -> dict[str, dict[str, Any]]:
    """A job of each mode about one picture, all of them at once."""
    jobs = {name: stack.submit(picture(211), **MODES[name])["id"] for name in MODES}
    return {name: stack.wait(job_id) for name, job_id in jobs.items()}


@pytest.mark.parametrize("name", MODES)
def test_a_mode_counts_and_concludes_as_the_bare_sampler_does(
    ended: dict[str, Any],
    picture: Callable[..., bytes],
    in_process: Callable[..., Any],
    name: str,
) -> None:
    job = ended[name]

    bare = in_process(picture(211), **MODES[name])

    document = job["certificate"]
    drawn = sum(sum(votes.values()) for votes in bare.counts.values())
    assert job["state"] == "succeeded"
    assert document["counts"] == bare.counts
    assert (document["radius"], document["p_lower"]) == (bare.radius, bare.p_lower)
    assert document["stop_reason"] == bare.stop_reason
    assert job["progress"]["draws_done"] == job["progress"]["draws_planned"] == drawn


def test_decide_and_anytime_look_at_one_sequence_of_votes(ended: dict[str, Any]) -> None:
    """Or the two could be played off against each other."""
    looked, ran = (ended[name]["certificate"]["noise"] for name in ("decide, small", "anytime"))

    assert looked["commitment"] == ran["commitment"]
    assert looked["commitment"] != ended["adaptive"]["certificate"]["noise"]["commitment"]


def test_an_anytime_job_is_read_while_it_runs_and_cancelled_with_what_it_has(
    stack: Any, picture: Callable[..., bytes], in_process: Callable[..., Any]
) -> None:
    job = stack.submit(picture(223), mode="anytime", n=100_000)
    stack.wait_until(lambda: stack.read(job["id"])["interim"] is not None)
    shown = stack.read(job["id"])["interim"]

    ended = stack.client.post(f"/jobs/{job['id']}/cancel").raise_for_status().json()

    document, votes = ended["certificate"], ended["certificate"]["counts"]["estimation"]
    assert (ended["state"], ended["interim"]) == ("succeeded", None)
    assert document["stop_reason"] == shown["stop_reason"] == "interim"
    assert sum(votes.values()) >= sum(shown["counts"]["estimation"].values()) > 0
    # What it has is what a request for just so many draws would have had.
    assert (
        votes
        == in_process(picture(223), mode="anytime", n=sum(votes.values())).counts["estimation"]
    )


def test_a_radius_out_of_reach_is_refused_with_one_that_is_taken(
    stack: Any, picture: Callable[..., bytes]
) -> None:
    asked = {"sigma": "0.25", "mode": "decide", "n": "500", "radius": "5"}

    refused = stack.client.post("/certify", files={"image": picture(227)}, data=asked)
    (fault,) = refused.json()["errors"]
    taken = stack.submit(picture(227), **{**asked, "radius": fault["nearest"]})

    assert (refused.status_code, fault["field"]) == (422, "radius")
    assert stack.wait(taken["id"])["certificate"]["decision"] in {"yes", "no"}
