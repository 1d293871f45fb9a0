"""Webhooks over HTTP: named in the form, signed by the tenant's secret, looked up by the job."""

from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.webhooks.schemas import MessageBody

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]
NOBODY = "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f"


async def test_the_end_of_a_job_is_told_and_signed(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any, tenant_secret: Any
) -> None:
    await deliver(hooked)
    job = (await hooked.certify(picture(), webhook_url=receiver.url)).json()

    worker.work()
    await receiver.wait_for(1)

    (call,) = receiver.calls
    message = Webhook(await tenant_secret(hooked)).verify(call.body, call.headers)
    assert MessageBody.model_validate(message).type == "job.succeeded"
    assert message["data"]["id"] == job["id"]
    assert message["data"]["links"]["self"] == f"/jobs/{job['id']}"
    assert message["data"]["certificate"]["verdict"] == "certified"
    assert len(call.body) < 2_000


async def test_a_dead_receiver_does_not_hold_the_job(
    serve: Any, worker: Any, picture: Picture, deliver: Any
) -> None:
    service = await serve(webhook_allow="http://127.0.0.1:1")
    await deliver(service)
    url = "http://127.0.0.1:1/"

    job = (await service.certify(picture(), webhook_url=url)).json()
    worker.work()

    assert (await service.http.get(job["links"]["self"])).json()["state"] == "succeeded"


@pytest.mark.parametrize("end", ["cancelled", "failed"])
async def test_every_end_is_told(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any, end: str
) -> None:
    await deliver(hooked)
    job = (await hooked.certify(picture(), webhook_url=receiver.url)).json()

    if end == "cancelled":
        await hooked.http.post(job["links"]["cancel"])
    else:
        worker.admit()
        worker.fail(job["id"])
    await receiver.wait_for(1)

    assert receiver.calls[0].json["type"] == f"job.{end}"


async def test_ends_that_were_not_asked_for_are_not_told(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any
) -> None:
    await deliver(hooked)
    events = "job.failed, job.expired"
    quiet = (
        await hooked.certify(picture(1), webhook_url=receiver.url, webhook_events=events)
    ).json()
    await hooked.certify(picture(2), webhook_url=receiver.url)

    worker.work()
    await receiver.wait_for(1)

    assert [call.json["data"]["id"] == quiet["id"] for call in receiver.calls] == [False]
    answer = await hooked.http.get(f"/jobs/{quiet['id']}/deliveries")
    assert answer.json() == {"deliveries": []}


async def test_a_second_asker_of_a_running_job_is_told_too(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any
) -> None:
    await deliver(hooked)
    await hooked.certify(picture())
    await hooked.certify(picture(), webhook_url=f"{receiver.url}/b")
    await hooked.certify(picture(), webhook_url=f"{receiver.url}/b")
    await hooked.certify(picture(), webhook_url=f"{receiver.url}/c")

    worker.work()
    await receiver.wait_for(2)

    assert {call.head for call in receiver.calls} == {
        "POST /hook/b HTTP/1.1",
        "POST /hook/c HTTP/1.1",
    }
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 2


async def test_a_certificate_that_was_known_is_told_at_once(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any
) -> None:
    await hooked.certify(picture())
    worker.work()
    await deliver(hooked)

    answer = await hooked.certify(picture(), webhook_url=receiver.url)
    await receiver.wait_for(1)

    assert answer.json()["cached"] is True
    assert receiver.calls[0].json["data"]["id"] == answer.json()["id"]


async def test_a_request_sent_again_whose_job_was_deleted_is_told_so(
    hooked: Any, picture: Picture, problem: Problem, receiver: Any
) -> None:
    headers = {"Idempotency-Key": "a"}
    sent = await hooked.certify(picture(), headers=headers, webhook_url=receiver.url)
    await hooked.http.delete(sent.headers["location"])

    again = await hooked.certify(picture(), headers=headers, webhook_url=receiver.url)

    problem(again, 410, "job-gone")


async def test_a_deleted_job_is_not_told(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any
) -> None:
    gone = (await hooked.certify(picture(1), webhook_url=receiver.url)).json()
    await hooked.certify(picture(2), webhook_url=receiver.url)
    await hooked.http.delete(gone["links"]["self"])

    worker.work()
    await deliver(hooked)
    await receiver.wait_for(1)

    assert gone["id"] not in receiver.calls[0].body.decode()
    assert len(receiver.calls) == 1


async def test_what_became_of_a_message_is_told_and_it_can_be_sent_again(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any, answering: Any
) -> None:
    receiver.answers = [answering(410), answering(204)]
    await deliver(hooked)
    job = (await hooked.certify(picture(), webhook_url=receiver.url)).json()
    worker.work()
    await receiver.wait_for(1)
    path = f"/jobs/{job['id']}/deliveries"

    again = await hooked.http.post(f"{path}/1/redeliver")
    await receiver.wait_for(2)

    assert again.status_code == 202
    (delivery,) = (await hooked.http.get(path)).json()["deliveries"]
    assert (delivery["number"], delivery["event"]) == (1, "job.succeeded")
    assert delivery["url"] == receiver.url
    assert {call.headers["webhook-id"] for call in receiver.calls} == {delivery["message_id"]}
    assert receiver.calls[0].body == receiver.calls[1].body


async def test_there_is_no_delivery_that_there_is_not(
    hooked: Any, picture: Picture, problem: Problem
) -> None:
    job = (await hooked.certify(picture())).json()
    path = f"/jobs/{job['id']}/deliveries"

    problem(await hooked.http.post(f"{path}/1/redeliver"), 404, "delivery-not-found")
    problem(await hooked.http.post(f"{path}/0/redeliver"), 422, "invalid-parameter")
    problem(await hooked.http.post(f"/jobs/{NOBODY}/deliveries/1/redeliver"), 404, "job-not-found")
    problem(await hooked.http.get(f"/jobs/{NOBODY}/deliveries"), 404, "job-not-found")


async def test_a_new_secret_leaves_the_old_one_valid_for_a_day(
    hooked: Any, worker: Any, picture: Picture, receiver: Any, deliver: Any, tenant_secret: Any
) -> None:
    old = await tenant_secret(hooked)
    rotated = (await hooked.http.post("/webhooks/secret/rotate")).json()
    await deliver(hooked)
    await hooked.certify(picture(), webhook_url=receiver.url)
    worker.work()
    await receiver.wait_for(1)

    (call,) = receiver.calls
    assert rotated["previous"] == old != rotated["secret"]
    assert rotated == (await hooked.http.get("/webhooks/secret")).json()
    for secret in (old, rotated["secret"]):
        Webhook(secret).verify(call.body, call.headers)


REFUSED = [
    ({"webhook_url": "https://elsewhere.example.com/"}, "webhook_url", "APP_WEBHOOK_ALLOW"),
    ({"webhook_url": "http://[::ffff:127.0.0.1]/"}, "webhook_url", "APP_WEBHOOK_ALLOW"),
    ({"webhook_url": "http://0x7f.1/"}, "webhook_url", "usual way"),
    ({"webhook_url": "http://2130706433/"}, "webhook_url", "usual way"),
    ({"webhook_url": "http://127.0.0.1@example.com/"}, "webhook_url", "user name"),
    ({"webhook_url": "file:///etc/passwd"}, "webhook_url", "https://"),
    ({"webhook_url": ""}, "webhook_url", ""),
    ({"webhook_url": "nonsense"}, "webhook_url", "https://"),
    ({"webhook_events": "job.failed"}, "webhook_events", "needs webhook_url"),
]


@pytest.mark.parametrize(("fields", "field", "words"), REFUSED)
async def test_a_receiver_that_may_not_be_called_is_refused_when_it_is_named(
    hooked: Any, picture: Picture, problem: Problem, fields: Any, field: str, words: str
) -> None:
    body = problem(await hooked.certify(picture(), **fields), 422, "invalid-parameter")

    (error,) = body["errors"]
    assert error["field"] == field
    assert words in error["detail"]


async def test_an_event_that_there_is_not_is_refused(
    hooked: Any, picture: Picture, problem: Problem, receiver: Any
) -> None:
    answer = await hooked.certify(
        picture(), webhook_url=receiver.url, webhook_events="job.done,job.failed"
    )

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert "job.expired" in error["limit"]["supported"]


async def test_without_a_list_there_are_no_webhooks(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), webhook_url="https://example.com/")
    job = (await service.certify(picture())).json()

    assert "APP_WEBHOOK_ALLOW" in problem(answer, 422, "invalid-parameter")["detail"]
    problem(await service.http.get("/webhooks/secret"), 404, "webhooks-off")
    problem(await service.http.post("/webhooks/secret/rotate"), 404, "webhooks-off")
    path = f"/jobs/{job['id']}/deliveries"
    assert (await service.http.get(path)).json() == {"deliveries": []}
    problem(await service.http.post(f"{path}/1/redeliver"), 404, "webhooks-off")
    assert service.services.courier() is None


async def test_the_document_describes_every_message(service: Any) -> None:
    document = (await service.http.get("/openapi.json")).json()

    ends = ("succeeded", "failed", "cancelled", "expired")
    assert set(document["webhooks"]) == {
        f"{what}.{end}" for what in ("job", "evaluation") for end in ends
    }
    assert {"MessageBody", "EvaluationMessageBody"} <= set(document["components"]["schemas"])
