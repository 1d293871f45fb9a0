"""A caller is told its limits, and is refused beyond them, with a word on when to come again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.access.errors import OverQuota
from app.access.limits import limit_headers
from app.access.refusals import HINT_S, Refusals
from app.errors import QueueFull
from jobs.answers import Allowance, Submitted
from jobs.caller import LOCAL, Caller, Quota

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


@pytest.fixture
def limited(
    service: Any, make_key: Callable[..., str], worker: Any, picture: Picture
) -> Callable[..., Any]:
    """Certifies pictures under a key with a given quota."""
    worker.beat(speed=100.0)

    def with_quota(**limits: Any) -> Callable[..., Any]:
        headers = {"X-API-Key": make_key(quota=Quota(**limits))}

        async def certify(seed: int, **fields: Any) -> Any:
            return await service.certify(picture(seed), headers=headers, **fields)

        return certify

    return with_quota


async def test_an_answer_says_what_is_left(limited: Callable[..., Any]) -> None:
    certify = limited(live_jobs=5, draws_queued=10_000, requests_per_minute=60)

    first = await certify(1, n=900)
    second = await certify(2, n=900)

    assert first.headers["ratelimit-policy"] == (
        '"live_jobs";q=5, "draws_queued";q=10000, "requests_per_minute";q=60;w=60'
    )
    assert '"live_jobs";r=4' in first.headers["ratelimit"]
    assert '"draws_queued";r=8000' in second.headers["ratelimit"]


async def test_a_caller_without_limits_is_told_of_none(service: Any, picture: Picture) -> None:
    answer = await service.certify(picture())

    assert "ratelimit" not in answer.headers


@pytest.mark.parametrize(
    ("limits", "name", "allowed", "retry_s"),
    [
        ({"live_jobs": 1}, "live_jobs", 1, 10),
        ({"draws_queued": 1_500}, "draws_queued", 1_500, 5),
        ({"requests_per_minute": 1}, "requests_per_minute", 1, 60),
    ],
)
async def test_too_much_is_refused_with_the_limit_and_the_time(
    limited: Callable[..., Any],
    problem: Problem,
    limits: dict[str, int],
    name: str,
    allowed: int,
    retry_s: int,
) -> None:
    certify = limited(**limits)
    await certify(1, n=900)

    refused = await certify(2, n=900)

    body = problem(refused, 429, "over-quota")
    assert body["errors"][0]["limit"] == {name: allowed}
    assert int(refused.headers["retry-after"]) == pytest.approx(retry_s, abs=1)
    assert "ratelimit" in refused.headers


async def test_what_will_never_fit_is_not_asked_to_come_again(
    limited: Callable[..., Any], problem: Problem
) -> None:
    refused = await limited(draws_queued=500)(1, n=900)

    assert "no waiting helps" in problem(refused, 429, "over-quota")["detail"]
    assert "retry-after" not in refused.headers


async def test_a_caller_over_its_draws_still_gets_what_is_known(
    limited: Callable[..., Any], worker: Any
) -> None:
    certify = limited(draws_queued=1_000)
    await certify(1, n=900)
    worker.work()
    running = await certify(2, n=900)

    known = await certify(1, n=900)
    joined = await certify(2, n=900)

    assert (running.status_code, known.status_code, joined.status_code) == (202, 200, 202)


async def test_a_caller_who_asks_too_often_costs_no_more_than_a_look(
    limited: Callable[..., Any], service: Any, problem: Problem
) -> None:
    certify = limited(requests_per_minute=1)
    await certify(1)
    problem(await certify(2), 429, "over-quota")
    submitting = service.services.images.prepare
    service.services.images.prepare = None  # would be called to read the image

    refused = await certify(3)

    service.services.images.prepare = submitting
    problem(refused, 429, "over-quota")
    assert "ratelimit" in refused.headers


async def test_one_s_quota_can_be_asked_for(
    service: Any, make_key: Callable[..., str], picture: Picture
) -> None:
    key = make_key(quota=Quota(live_jobs=5, draws_per_day=10_000, weight=2.0), tenant="team")
    headers = {"X-API-Key": key}
    await service.certify(picture(), n=900, headers=headers)

    answer = await service.http.get("/quota", headers=headers)

    body = answer.json()
    limits = {limit["limit"]: limit for limit in body["limits"]}
    assert (body["tenant"], body["weight"], body["scopes"]) == ("team", 2.0, ["certify", "read"])
    assert (limits["live_jobs"]["allowed"], limits["live_jobs"]["remaining"]) == (5, 4)
    assert limits["draws_per_day"]["remaining"] == 9_000
    assert 0 < limits["draws_per_day"]["reset_s"] <= 86_400
    assert '"draws_per_day";q=10000;w=86400' in answer.headers["ratelimit-policy"]


async def test_a_full_service_says_which_of_its_limits_is_reached(
    serve: Callable[..., Any], picture: Picture, problem: Problem
) -> None:
    service = await serve(backlog_limit_jobs=1)
    await service.certify(picture(1), n=900)

    refused = await service.certify(picture(2), n=900)

    body = problem(refused, 503, "queue-full")
    assert body["errors"][0]["limit"]["backlog_jobs"] == 1
    assert int(refused.headers["retry-after"]) >= 1


def caller(tenant: str, **limits: Any) -> Caller:
    return replace(LOCAL, tenant=tenant, quota=Quota(**limits))


def refused(limit: Any, *, after: float | None) -> Submitted:
    outcome = "full" if limit is None else "over_quota"
    return Submitted(
        outcome=outcome,
        job_id=None,
        backlog_draws=0,
        limit=limit,
        allowed=60.0,
        retry_after_s=after,
    )


def test_a_rate_is_remembered_as_long_as_it_holds() -> None:
    now = 100.0
    refusals = Refusals(lambda: now)

    error = refusals.over_quota(caller("team"), refused("requests_per_minute", after=2.5), draws=9)
    refusals.check(caller("others"))
    refusals.check(caller("team", requests_per_minute=6_000))
    now = 101.0
    with pytest.raises(OverQuota) as again:
        refusals.check(caller("team"))
    now = 102.6
    refusals.check(caller("team"))

    assert (error.retry_after_s, again.value.retry_after_s) == (3, 2)


@pytest.mark.parametrize(
    ("limit", "tenant", "quota", "model", "draws", "is_refused"),
    [
        ("draws_queued", "team", {}, "m", 900, True),
        ("draws_queued", "team", {}, "m", 899, False),
        ("draws_queued", "team", {}, "other", 900, True),
        ("draws_queued", "team", {"draws_queued": 1}, "m", 900, False),
        ("draws_queued", "others", {}, "m", 900, False),
        ("live_jobs", "team", {}, "m", 1, True),
        (None, "team", {}, "m", 900, True),
        (None, "team", {"draws_queued": 1}, "m", 900, True),
        (None, "team", {}, "m", 899, False),
        (None, "team", {}, "other", 900, False),
        (None, "others", {}, "m", 900, False),
    ],
)
def test_work_like_what_was_just_refused_is_refused_again(
    limit: str | None,
    tenant: str,
    quota: dict[str, int],
    model: str,
    draws: int,
    *,
    is_refused: bool,
) -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    told = refused(limit, after=60.0)
    if limit is None:
        limits = {"backlog_draws": 1, "backlog_jobs": 1}
        refusals.queue_full(caller("team"), "m", told, draws=900, limits=limits)
    else:
        refusals.over_quota(caller("team"), told, draws=900)

    def check(fingerprint: int = 1) -> None:
        refusals.check_work(caller(tenant, **quota), model, draws=draws, fingerprint=fingerprint)

    if is_refused:
        with pytest.raises((OverQuota, QueueFull)) as again:
            check()
        assert again.value.retry_after_s == 60
    refusals.answered(2)
    check(2)
    now = 100.0 + HINT_S
    check()


def test_what_will_never_fit_is_not_remembered() -> None:
    refusals = Refusals()

    refusals.over_quota(caller("team"), refused("draws_queued", after=None), draws=900)

    refusals.check_work(caller("team"), "m", draws=900, fingerprint=1)


def test_limits_are_whole_numbers() -> None:
    allowance = Allowance(limit="requests_per_minute", allowed=600, remaining=598.6, reset_s=0.2)

    assert limit_headers([allowance]) == {
        "RateLimit-Policy": '"requests_per_minute";q=600;w=60',
        "RateLimit": '"requests_per_minute";r=598;t=1',
    }
