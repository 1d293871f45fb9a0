"""Every mode over HTTP: what is asked, what is answered, and what is refused with what would do."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jobs import ledger
from smoothing import SmoothingParams

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]

COMMON = {"sigma": 0.25, "alpha": 0.001, "numerics": "sound"}
READ: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "adaptive": ({}, {"n": 100_000, "bound": "top", "precision": 0.05}),
    "adaptive, sharper": (
        {"precision": 0.1, "bound": "runner-up", "n": 5000},
        {"n": 5000, "bound": "runner-up", "precision": 0.1},
    ),
    "decide": ({"radius": 0.125}, {"n": 100_000, "radius": 0.125}),
    "anytime": ({}, {"n": 100_000}),
    "predict": ({"family_size": 10}, {"n": 1_000, "family_size": 10}),
    "fixed": ({"n0": 50}, {"n0": 50, "n": 10_000, "bound": "top"}),
}


@pytest.mark.parametrize("name", READ)
async def test_a_job_names_what_its_mode_reads_and_nothing_else(
    service: Any, picture: Picture, name: str
) -> None:
    (asked, read), mode = READ[name], name.partition(",")[0]

    job = (await service.certify(picture(), mode=mode, **asked)).json()

    assert job["params"] == {**COMMON, "mode": mode, **read}
    assert job["interim"] is None


async def test_adaptive_is_the_mode_of_a_request_that_names_none(
    service: Any, picture: Picture
) -> None:
    answer = await service.http.post("/certify", files={"image": picture()}, data={"sigma": "0.25"})

    assert answer.json()["params"]["mode"] == "adaptive"


async def test_the_most_that_adaptive_may_draw_is_what_waits(
    service: Any, picture: Picture, worker: Any
) -> None:
    worker.beat(speed=1000.0)

    progress = (await service.certify(picture(), mode="adaptive", n=20_000)).json()["progress"]

    # A pilot of at most 1,024: the first doubling of 128 that is 4 % of n.
    assert (progress["draws_planned"], progress["eta_s"]) == (21_024, 21.0)


async def test_a_cap_on_draws_caps_the_defaults(
    serve: Callable[..., Any], picture: Picture
) -> None:
    service = await serve(max_draws=500)

    jobs = [
        (await service.certify(picture(), mode=mode)).json()
        for mode in ("adaptive", "anytime", "predict", "fixed")
    ]

    assert [job["params"]["n"] for job in jobs] == [500] * 4


@pytest.mark.parametrize("mode", ["adaptive", "decide", "anytime", "predict", "fixed"])
async def test_a_job_of_each_mode_ends_and_is_known_from_then_on(
    service: Any, picture: Picture, worker: Any, mode: str
) -> None:
    asked = {"mode": mode, "n": 300} | ({"radius": 0.1} if mode == "decide" else {})
    first = (await service.certify(picture(), **asked)).json()
    worker.work()

    done = (await service.http.get(f"/jobs/{first['id']}")).json()
    again = (await service.certify(picture(), **asked)).json()

    assert done["state"] == again["state"] == "succeeded"
    assert again["cached"]
    assert 0 < done["progress"]["draws_done"] == done["progress"]["draws_planned"]
    for name in ("draws_done", "phase"):
        assert again["progress"][name] == done["progress"][name]


async def test_an_anytime_job_shows_its_certificate_and_keeps_it_when_cancelled(
    service: Any, picture: Picture, worker: Any
) -> None:
    job = (await service.certify(picture(), mode="anytime")).json()
    worker.commit(worker.admit()[0])
    document = {"radius": 0.3, "counts": {"estimation": {"3": 200}}}
    worker.run(ledger.show(job["id"], draws=200, document=document))

    running = (await service.http.get(f"/jobs/{job['id']}")).json()
    early = await service.http.get(f"/jobs/{job['id']}/certificate")
    stopped = [(await service.http.post(f"/jobs/{job['id']}/cancel")) for _ in range(2)]

    assert (running["state"], running["certificate"]) == ("running", None)
    assert running["interim"] == document
    assert early.status_code == 409
    for answer in stopped:
        assert answer.status_code == 200
        assert (answer.json()["state"], answer.json()["certificate"]) == ("succeeded", document)
    assert answer.json()["interim"] is None


async def test_an_anytime_job_out_of_time_has_its_certificate(
    serve: Callable[..., Any], picture: Picture, worker: Any
) -> None:
    service = await serve(job_deadline_s=0.3)
    job = (await service.certify(picture(), mode="anytime")).json()
    worker.admit()
    document = {"radius": 0.3, "counts": {}}
    worker.run(ledger.show(job["id"], draws=200, document=document))

    await asyncio.sleep(0.35)

    late = (await service.http.get(f"/jobs/{job['id']}")).json()
    assert (late["state"], late["certificate"]) == ("succeeded", document)


CEILING = SmoothingParams(sigma=0.25, mode="anytime", n=1000).radius_ceiling
REFUSED: dict[str, tuple[dict[str, Any], str, str, Any]] = {
    "radius above the ceiling": (
        {"mode": "decide", "radius": 9, "n": 1000},
        "radius",
        f"at most {CEILING}",
        CEILING,
    ),
    "radius 0": ({"mode": "decide", "radius": 0}, "radius", "above 0", 1e-6),
    "no radius": ({"mode": "decide"}, "radius", "is required in mode decide", None),
    "radius nan": ({"mode": "decide", "radius": "nan"}, "radius", "finite", None),
    "radius unread": ({"mode": "anytime", "radius": 0.1}, "radius", "for mode decide", None),
    "precision 0": ({"mode": "adaptive", "precision": 0}, "precision", "(0, 1)", 0.05),
    "precision 1": ({"mode": "adaptive", "precision": 1}, "precision", "(0, 1)", 0.05),
    "precision unread": ({"precision": 0.1}, "precision", "for mode adaptive", None),
    "bound unread": ({"mode": "decide", "radius": 0.1, "bound": "runner-up"}, "bound", "for", None),
    "bound unknown": ({"bound": "runner_up"}, "bound", "'top' or 'runner-up'", "runner-up"),
    "n0 unread": ({"mode": "anytime", "n0": 50}, "n0", "for mode fixed", None),
    "n below the pilot": ({"mode": "adaptive", "n": 100}, "n", "pilot", 128),
    "n below any answer": ({"mode": "adaptive", "n": 5}, "n", "at least 10", 128),
    "n too small to show": ({"mode": "anytime", "n": 5}, "n", "abstention", 17),
    "n too small for r": ({"mode": "decide", "radius": 0.1, "n": 5}, "n", "radius=0.1", 20),
    "n 0": ({"mode": "anytime", "n": 0}, "n", "greater than or equal to 1", 17),
    "n 0 for r": ({"mode": "decide", "radius": 0.1, "n": 0}, "n", "or equal to 1", 20),
    "n 0 for alpha": ({"mode": "fixed", "alpha": 0.5, "n": 0}, "n", "or equal to 1", 2),
    "n too large": ({"mode": "anytime", "n": 10**7}, "n", "at most 1000000", 1_000_000),
    "alpha 0": ({"mode": "adaptive", "alpha": 0}, "alpha", "greater", 1e-9),
    "alpha 1": ({"mode": "adaptive", "alpha": 1}, "alpha", "less", 0.5),
    "family too large": (
        {"mode": "adaptive", "family_size": 2_000_000},
        "family_size",
        "[1, 1000000]",
        1_000_000,
    ),
    "family 0": ({"mode": "adaptive", "family_size": 0}, "family_size", "greater", 1),
    "sigma between": ({"sigma": 0.3}, "sigma", "trained for", 0.25),
    "mode misspelt": ({"mode": "anytme"}, "mode", "'anytime'", "anytime"),
    "model misspelt": ({"model": "tiny.colour"}, "model", "no such model", "tiny.colours"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_mean_anything_is_refused_with_the_nearest_that_would_do(
    service: Any, picture: Picture, problem: Problem, name: str
) -> None:
    asked, field, words, nearest = REFUSED[name]

    body = problem(await service.certify(picture(), **asked), 422, "invalid-parameter")

    (error,) = body["errors"]
    assert (error["field"], error["nearest"]) == (field, nearest)
    assert words in error["detail"]


@pytest.mark.parametrize("name", [name for name in REFUSED if REFUSED[name][3] is not None])
async def test_the_nearest_is_taken(service: Any, picture: Picture, name: str) -> None:
    asked, field, _, nearest = REFUSED[name]

    answer = await service.certify(picture(), **{**asked, field: nearest})

    assert answer.status_code == 202, answer.text
