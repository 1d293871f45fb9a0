"""The client waits where waiting helps, and says what is wrong where it does not."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from app.client import Client, ProblemAnswer, ServiceUnreachable, WaitedTooLong
from app.client_views import Request
from app.embedded.address import free_port

REQUEST = Request(image=b"pixels", sigma=0.25, n=1000)
FULL = {"title": "Full", "detail": "too many draws are waiting", "errors": []}
Body = Callable[..., dict[str, Any]]


@pytest.fixture
def client(service: Any) -> Generator[Client]:
    with Client(service.url) as client:
        yield client


def test_a_full_service_is_asked_again_when_it_says(
    service: Any, client: Client, job_body: Body
) -> None:
    service.says("POST /certify", FULL, 503, Retry_After="0")
    service.says("POST /certify", job_body("queued"), 202)

    assert client.submit(REQUEST).state == "queued"
    assert len(service.requests) == 2


def test_a_service_that_stays_full_is_an_error(service: Any, client: Client) -> None:
    service.says("POST /certify", FULL, 503, Retry_After="3600")

    with pytest.raises(ProblemAnswer, match="too many draws") as caught:
        client.submit(REQUEST)
    assert caught.value.retry_after_s == 3600


def test_a_job_is_followed_to_its_end(service: Any, client: Client, job_body: Body) -> None:
    service.says("GET /jobs/job-1", job_body("running"), ETag='W/"2"')
    service.says("GET /jobs/job-1", {}, 304)
    service.says("GET /jobs/job-1", job_body("succeeded", certificate={"radius": 0.3}))
    service.says("POST /certify", job_body("queued"), 202)
    seen: list[str] = []

    job = client.wait(client.submit(REQUEST), on_change=lambda view: seen.append(view.state))

    assert (seen, job.certificate) == (
        ["queued", "running", "running", "succeeded"],
        {"radius": 0.3},
    )


def test_a_restart_of_the_service_is_waited_for(
    service: Any, client: Client, job_body: Body
) -> None:
    service.says("POST /certify", job_body("queued"), 202)
    service.says("GET /jobs/job-1", {"title": "Away", "detail": "no store", "errors": []}, 503)
    service.says("GET /jobs/job-1", job_body("cancelled"))

    assert client.wait(client.submit(REQUEST)).state == "cancelled"


def test_waiting_has_an_end(service: Any, client: Client, job_body: Body) -> None:
    service.says("POST /certify", job_body("queued"), 202)
    service.says("GET /jobs/job-1", job_body("running"))

    with pytest.raises(WaitedTooLong, match=r"job-1 did not end within 0\.05 s; it goes on"):
        client.wait(client.submit(REQUEST), timeout_s=0.05)


def test_an_answer_that_is_no_problem_document_is_shown(service: Any, client: Client) -> None:
    service.says("GET /models", {"message": "from a proxy"}, 502)

    with pytest.raises(ProblemAnswer, match=r"answered 502: .*from a proxy"):
        client.models()


def test_nobody_at_the_address_is_an_error() -> None:
    with (
        Client(f"http://127.0.0.1:{free_port('127.0.0.1')}") as client,
        pytest.raises(ServiceUnreachable, match="does not answer"),
    ):
        client.models()
