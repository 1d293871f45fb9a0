"""Webhooks of evaluations: one message when a set has ended, whoever watches."""

import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.evaluations import submission
from app.webhooks.schemas import EvaluationMessageBody
from jobs.connection import make_redis

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Begin = Callable[..., Any]
Problem = Callable[..., dict[str, Any]]


@pytest.fixture
def begin(hooked: Any, picture: Callable[..., bytes]) -> Begin:
    """Begins an evaluation of two pictures, one of which is none."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cat/a.png", picture())
        archive.writestr("cat/b.png", b"no picture")

    async def post(**fields: str) -> Any:
        data = {"sigma": "0.25", "mode": "fixed", "n": "200", "name": "pets", **fields}
        files = {"archive": ("set.zip", file.getvalue())}
        return await hooked.http.post("/evaluations", files=files, data=data)

    return post


@pytest.fixture
def redis_keys(redis_url: str) -> Iterator[Callable[[str], list[bytes]]]:
    """Finds keys by a pattern."""
    with make_redis(redis_url) as connection:
        yield lambda pattern: list(connection.scan_iter(pattern))


async def test_the_end_of_an_evaluation_is_told_and_signed(
    hooked: Any, worker: Any, receiver: Any, deliver: Any, begin: Begin, tenant_secret: Any
) -> None:
    begun = (await begin(webhook_url=receiver.url)).json()
    await deliver(hooked)

    worker.work()
    # Nobody asks how it stands: the task of each web process finds that it has ended.
    await submission.submit_some(hooked.services, begun["id"])
    await receiver.wait_for(1)

    (call,) = receiver.calls
    message = Webhook(await tenant_secret(hooked)).verify(call.body, call.headers)
    assert EvaluationMessageBody.model_validate(message).type == "evaluation.succeeded"
    data = message["data"]
    assert (data["id"], data["name"], data["state"]) == (begun["id"], "pets", "succeeded")
    assert (data["items"], data["results"]) == (2, 1)
    assert {await status_of(hooked, path) for path in data["links"].values()} == {200}


async def status_of(service: Any, path: str) -> int:
    return (await service.http.get(path)).status_code


async def test_its_message_can_be_looked_up_and_sent_again(
    hooked: Any, receiver: Any, deliver: Any, begin: Begin, problem: Problem
) -> None:
    begun = (await begin(webhook_url=receiver.url)).json()
    path = f"{begun['links']['self']}/deliveries"
    assert (await hooked.http.get(path)).json() == {"deliveries": []}
    problem(await hooked.http.post(f"{path}/1/redeliver"), 404, "delivery-not-found")
    await deliver(hooked)

    await hooked.http.post(begun["links"]["cancel"])
    await receiver.wait_for(1)
    again = await hooked.http.post(f"{path}/1/redeliver")
    await receiver.wait_for(2)

    assert again.status_code == 202
    (told,) = (await hooked.http.get(path)).json()["deliveries"]
    assert (told["event"], told["number"]) == ("evaluation.cancelled", 1)
    assert [call.headers["webhook-id"] for call in receiver.calls] == [told["message_id"]] * 2


async def test_an_evaluation_that_is_erased_takes_its_messages_along(
    hooked: Any, receiver: Any, begin: Begin, problem: Problem, redis_keys: Any
) -> None:
    begun = (await begin(webhook_url=receiver.url)).json()
    here = begun["links"]["self"]
    await hooked.http.post(begun["links"]["cancel"])
    courier = hooked.services.courier()
    await courier.turn()
    assert redis_keys("*deliveries") != []

    await hooked.http.delete(here)

    problem(await hooked.http.get(f"{here}/deliveries"), 410, "evaluation-gone")
    assert redis_keys("*deliveries") == []


async def test_of_an_end_that_was_not_asked_for_nothing_is_told(
    hooked: Any, receiver: Any, begin: Begin
) -> None:
    begun = (await begin(webhook_url=receiver.url, webhook_events="evaluation.failed")).json()
    await hooked.http.post(begun["links"]["cancel"])
    await hooked.services.courier().turn()

    told = await hooked.http.get(f"{begun['links']['self']}/deliveries")

    assert told.json() == {"deliveries": []}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"webhook_url": "https://elsewhere.example.com/"}, "webhook_url", "APP_WEBHOOK_ALLOW"),
        ({"webhook_events": "job.failed"}, "webhook_events", "evaluation.failed"),
    ],
)
async def test_a_receiver_that_may_not_be_called_is_refused_at_once(
    receiver: Any, begin: Begin, problem: Problem, fields: Any, field: str, words: str
) -> None:
    answer = await begin(**({"webhook_url": receiver.url} | fields))

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert error["field"] == field
    assert words in error["detail"]


async def test_to_others_its_messages_do_not_exist(
    hooked: Any, receiver: Any, begin: Begin, make_key: Any, problem: Problem
) -> None:
    begun = (await begin(webhook_url=receiver.url)).json()
    other = {"X-API-Key": make_key()}
    path = f"{begun['links']['self']}/deliveries"

    problem(await hooked.http.get(path, headers=other), 404, "evaluation-not-found")
    again = await hooked.http.post(f"{path}/1/redeliver", headers=other)
    problem(again, 404, "evaluation-not-found")


async def test_whoever_gives_a_job_its_id_neither_sees_nor_stops_its_messages(
    hooked: Any, receiver: Any, begin: Begin, make_key: Any, picture: Callable[..., bytes]
) -> None:
    """The id of a named evaluation follows from names that others may know."""
    begun = (await begin(webhook_url=receiver.url)).json()
    other = {"X-API-Key": make_key()}
    job = f"/jobs/{begun['id']}"
    fields = {"sigma": "0.25", "mode": "fixed"}
    made = await hooked.http.put(job, files={"image": picture(7)}, data=fields, headers=other)
    assert made.status_code == 202

    await hooked.http.post(begun["links"]["cancel"])
    await hooked.services.courier().turn()
    seen = await hooked.http.get(f"{job}/deliveries", headers=other)
    await hooked.http.post(f"{job}/cancel", headers=other)
    deleted = await hooked.http.delete(job, headers=other)

    assert (seen.json(), deleted.status_code) == ({"deliveries": []}, 204)
    told = await hooked.http.get(f"{begun['links']['self']}/deliveries")
    assert len(told.json()["deliveries"]) == 1
