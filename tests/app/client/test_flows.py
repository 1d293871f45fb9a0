"""When the client asks again, when it gives up, and with what."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.client.calls import Calls
from app.client.errors import (
    NoCertificate,
    ProblemAnswer,
    RequestRefused,
    ServiceUnavailable,
    ServiceUnreachable,
    TooManyRequests,
    UnexpectedAnswer,
    WaitedTooLong,
    problem_class,
)
from app.client.views import JobStatus

FULL = {"title": "Full", "detail": "too many draws are waiting", "errors": []}
CERTIFICATE = {"verdict": "certified", "predicted": {"index": 3, "label": "cat"}, "radius": 0.3}
Body = Callable[..., dict[str, Any]]
Reply = Callable[..., httpx.Response]


def submit(theatre: Any, *replies: Any, total_s: float = 60.0) -> Any:
    calls = Calls(theatre.patience(total_s))
    return theatre.play(calls.submit("/certify", b"pixels", {"sigma": 0.25}, None), *replies)


def test_a_full_service_is_asked_again_no_sooner_than_it_says(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    job = submit(theatre, reply(FULL, 503, Retry_After="7"), reply(job_body("queued"), 202))

    assert job.state == "queued"
    assert theatre.pauses == [pytest.approx(7.35)]


def test_a_request_that_is_made_again_is_the_same_to_the_byte(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    submit(theatre, httpx.ReadError("reset"), reply(job_body("queued"), 202))

    with httpx.Client(base_url="http://here") as http:
        first, second = (call.request(http) for call in theatre.calls)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.read() == second.read()


def test_two_requests_have_two_keys(theatre: Any, reply: Reply, job_body: Body) -> None:
    for _ in range(2):
        submit(theatre, reply(job_body("queued"), 202))

    assert len({call.headers["Idempotency-Key"] for call in theatre.calls}) == 2


def test_a_service_that_is_full_for_longer_than_patience_is_an_error_at_once(
    theatre: Any, reply: Reply
) -> None:
    with pytest.raises(ServiceUnavailable, match="too many draws") as caught:
        submit(theatre, reply(FULL, 503, Retry_After="3600"))

    assert (caught.value.retry_after_s, theatre.pauses) == (3600, [])


def test_patience_ends(theatre: Any, reply: Reply) -> None:
    with pytest.raises(TooManyRequests):
        submit(theatre, reply(FULL, 429, Retry_After="10"))

    assert sum(theatre.pauses) <= 60


def test_pauses_that_nobody_names_grow_to_a_bound(theatre: Any, reply: Reply) -> None:
    with pytest.raises(ServiceUnavailable):
        submit(theatre, reply(FULL, 502), total_s=100)

    assert theatre.pauses[:3] == [0.1875, 0.375, 0.75]
    assert max(theatre.pauses) == 6.0


def test_patience_may_last_for_hours(theatre: Any, reply: Reply) -> None:
    with pytest.raises(ServiceUnavailable):
        submit(theatre, reply(FULL, 502), total_s=3 * 3600)

    assert max(theatre.pauses) == 6.0


@pytest.mark.parametrize(
    ("after", "pause"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.1875),
        ("x", 0.1875),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", 0.1875),
    ],
)
def test_a_date_to_come_back_at_is_understood(
    theatre: Any, reply: Reply, job_body: Body, after: str, pause: float
) -> None:
    submit(theatre, reply(FULL, 503, Retry_After=after), reply(job_body("queued"), 202))

    assert theatre.pauses == [pause]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 415, 422, 500])
def test_what_will_not_pass_is_not_asked_again(theatre: Any, reply: Reply, status: int) -> None:
    problem = {
        "type": "/problems/invalid-parameter",
        "title": "No",
        "detail": "sigma must be 0.25",
        "errors": [{"field": "sigma", "detail": "must be 0.25", "value": "1", "nearest": 0.25}],
    }
    with pytest.raises(problem_class(status)) as caught:
        submit(theatre, reply(problem, status, X_Request_Id="abc"))

    assert (caught.value.status, caught.value.kind) == (status, "invalid-parameter")
    assert (caught.value.errors[0].nearest, caught.value.request_id) == (0.25, "abc")
    assert len(theatre.calls) == 1


def test_nobody_there_is_noticed_soon(theatre: Any) -> None:
    with pytest.raises(ServiceUnreachable, match="refused"):
        submit(theatre, httpx.ConnectError("refused"))

    assert len(theatre.pauses) >= 1
    assert sum(theatre.pauses) <= 2


def test_a_connection_that_broke_is_tried_as_long_as_patience_lasts(theatre: Any) -> None:
    with pytest.raises(ServiceUnreachable, match="reset"):
        submit(theatre, httpx.ReadError("reset"))

    assert 30 < sum(theatre.pauses) <= 60


def test_a_request_that_cannot_be_made_is_not_made_again(theatre: Any) -> None:
    with pytest.raises(ServiceUnreachable):
        submit(theatre, httpx.UnsupportedProtocol("gopher"))

    assert theatre.pauses == []


def test_an_answer_that_is_no_problem_document_is_shown(theatre: Any, reply: Reply) -> None:
    with pytest.raises(ProblemAnswer, match=r"answered 422: .*from a proxy"):
        submit(theatre, reply({"message": "from a proxy"}, 422))


@pytest.mark.parametrize("body", [[], {}, {"id": 3}, "text", None])
def test_what_answers_otherwise_is_not_this_service(theatre: Any, reply: Reply, body: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="POST /certify"):
        submit(theatre, reply(body))


def test_a_service_that_is_full_and_says_at_once_is_given_growing_pauses(
    theatre: Any, reply: Reply
) -> None:
    with pytest.raises(ServiceUnavailable):
        submit(theatre, reply(FULL, 503, Retry_After="0"))

    assert theatre.pauses[:3] == [0.1875, 0.375, 0.75]


def test_a_job_that_was_erased_by_a_try_whose_answer_was_lost_is_erased(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    gone = {"title": "Gone", "detail": "it was deleted", "errors": []}
    flow = Calls(theatre.patience()).delete(JobStatus.of(job_body("queued")))

    theatre.play(flow, httpx.ReadError("reset"), reply(gone, 410))

    assert [call.method for call in theatre.calls] == ["DELETE", "DELETE"]


def test_a_redirection_is_not_followed_with_the_key(theatre: Any, reply: Reply) -> None:
    with pytest.raises(UnexpectedAnswer, match="https://elsewhere"):
        submit(theatre, reply({}, 308, Location="https://elsewhere/certify"))


def wait(theatre: Any, status: JobStatus, *replies: Any, timeout: float | None = None) -> Any:
    calls = Calls(theatre.patience())
    seen: list[str] = []
    flow = calls.result(
        status, timeout_s=timeout, on_progress=lambda status: seen.append(status.state)
    )
    return theatre.play(flow, *replies), seen


def test_a_job_is_followed_to_its_certificate(theatre: Any, reply: Reply, job_body: Body) -> None:
    done = job_body("succeeded", certificate=CERTIFICATE)

    certificate, seen = wait(
        theatre,
        JobStatus.of(job_body("queued")),
        reply(job_body("running"), ETag='W/"2"'),
        httpx.Response(304),
        reply(done),
        reply(CERTIFICATE | {"signature": "of the service"}),
    )

    assert seen == ["queued", "running", "running", "succeeded"]
    assert (certificate.label, certificate.radius, certificate.certified) == ("cat", 0.3, True)
    assert certificate.document["signature"] == "of the service"
    assert theatre.calls[1].headers == {"If-None-Match": 'W/"2"'}


def test_a_restart_of_the_service_is_waited_for(theatre: Any, reply: Reply, job_body: Body) -> None:
    away = [httpx.ConnectError("refused")] * 6

    with pytest.raises(NoCertificate, match="job job-1 cancelled"):
        wait(theatre, JobStatus.of(job_body("queued")), *away, reply(job_body("cancelled")))

    assert sum(theatre.pauses) > 2


def test_waiting_has_an_end(theatre: Any, reply: Reply, job_body: Body) -> None:
    with pytest.raises(WaitedTooLong, match=r"job-1 did not end within 25 s; it goes on"):
        wait(theatre, JobStatus.of(job_body("queued")), reply(job_body("running")), timeout=25)

    assert [call.held_s for call in theatre.calls] == [10, 10, 5]


def test_a_service_that_is_away_is_waited_for_no_longer_than_the_job(
    theatre: Any, job_body: Body
) -> None:
    with pytest.raises(WaitedTooLong, match=r"did not end within 5 s: the service .* refused"):
        wait(theatre, JobStatus.of(job_body("queued")), httpx.ConnectError("refused"), timeout=5)

    assert 2 < sum(theatre.pauses) <= 5


def test_a_wait_that_ends_while_the_service_restarts_has_ended_and_no_more(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    polls = [reply(job_body("running")), httpx.ReadError("reset"), httpx.ConnectError("refused")]

    with pytest.raises(WaitedTooLong) as caught:
        wait(theatre, JobStatus.of(job_body("queued")), *polls, timeout=11)
    assert isinstance(caught.value.__cause__, ServiceUnreachable)


def test_a_service_that_stays_away_is_no_matter_of_a_long_wait(
    theatre: Any, job_body: Body
) -> None:
    with pytest.raises(ServiceUnreachable, match="refused"):
        wait(theatre, JobStatus.of(job_body("queued")), httpx.ConnectError("refused"), timeout=300)

    assert sum(theatre.pauses) <= 60


def test_a_service_that_holds_no_poll_is_not_asked_without_pause(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    theatre.holds = False

    with pytest.raises(WaitedTooLong):
        wait(theatre, JobStatus.of(job_body("queued")), reply(job_body("running")), timeout=25)

    assert len(theatre.calls) == 25


def test_a_failed_job_says_why(theatre: Any, job_body: Body) -> None:
    error = {"code": "chunk_killed_workers", "message": "three workers died"}
    failed = JobStatus.of(job_body("failed", error=error))

    with pytest.raises(NoCertificate, match="three workers died") as caught:
        wait(theatre, failed)
    assert caught.value.status is failed


@pytest.mark.parametrize("job_id", ["../models", "a/cancel", "a?wait=9", ""])
def test_an_id_is_no_path(theatre: Any, reply: Reply, job_id: str) -> None:
    gone = {"title": "None", "detail": "there is none", "errors": []}

    with pytest.raises(ProblemAnswer):
        theatre.play(Calls(theatre.patience()).job(job_id), reply(gone, 404))

    assert theatre.calls[0].path.count("/") == 2
    assert "?" not in theatre.calls[0].path


def test_a_listing_sends_the_key_to_no_other_host(
    theatre: Any, reply: Reply, job_body: Body
) -> None:
    link = '<https://elsewhere/jobs?state=queued&cursor=b2>; rel="next"'

    found, cursor = theatre.play(
        Calls(theatre.patience()).page("queued", "a1"),
        reply({"jobs": [job_body("queued")]}, Link=link),
    )

    assert ([job.id for job in found], cursor) == (["job-1"], "b2")
    assert theatre.calls[0].params == {"state": "queued", "cursor": "a1", "limit": "100"}


def test_refusals_without_a_class_of_their_own_have_one() -> None:
    assert problem_class(418) is RequestRefused


def test_an_evaluation_is_begun_once_however_often_it_is_asked_for(
    theatre: Any, reply: Reply
) -> None:
    body = {
        "id": "evaluation-1",
        "state": "queued",
        "progress": {"items": 2, "items_done": 0, "eta_s": None},
        "figures": None,
    }
    flow = Calls(theatre.patience()).evaluate(b"zip", {"sigma": 0.25}, None)

    status = theatre.play(flow, httpx.ReadError("reset"), reply(body, 202))

    assert (status.path, status.curve) == ("/evaluations/evaluation-1", ())
    assert len({call.headers["Idempotency-Key"] for call in theatre.calls}) == 1
