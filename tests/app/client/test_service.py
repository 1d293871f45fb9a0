"""The clients and the real application."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.client import AsyncClient, Client
from app.client.errors import (
    Conflict,
    Gone,
    InvalidArgument,
    NoCertificate,
    NotFound,
    RequestRefused,
    Unauthorized,
)
from app.main import create_app
from app.services import build_services
from app.settings import AppSettings

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("clean_environment")]
Picture = Callable[..., bytes]


@pytest.fixture
def client(live: str) -> Iterator[Client]:
    with Client(live) as client:
        yield client


@pytest.mark.usefixtures("working")
def test_a_picture_becomes_a_certificate(client: Client, picture_file: Path) -> None:
    seen: list[int] = []

    job = client.certify(picture_file, sigma=0.25, mode="fixed", n=300)
    certificate = job.wait(20, on_progress=lambda status: seen.append(status.draws_done))

    assert (certificate.verdict, certificate.label) == ("certified", "cat")
    assert certificate.radius == certificate.document["radius"] > 0.49
    assert seen[-1] == job.status.draws_done == 400
    assert certificate.document["signature"]


@pytest.mark.usefixtures("working")
def test_what_was_saved_is_what_was_signed(
    client: Client, picture_file: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "certificate.json"

    client.certify(picture_file, sigma=0.25, n=300).wait(20).save(saved)

    assert client.verify(saved.read_bytes()).outcome == "valid"
    forged = saved.read_bytes().replace(b'"cat"', b'"dog"')
    assert client.verify(forged).outcome == "invalid"


@pytest.mark.usefixtures("working")
def test_another_picture_is_covered_or_not(
    client: Client, picture_file: Path, picture: Picture
) -> None:
    job = client.certify(picture_file, sigma=0.25, n=300)
    job.wait(20)

    same, other = client.covers(job, picture_file), client.covers(job.id, picture(1))

    assert (same.covered, same.distance) == (True, 0.0)
    assert not other.covered
    assert other.distance > other.radius > 0
    assert other.explanation


@pytest.mark.usefixtures("worker")
def test_all_pages_of_a_listing_are_read(
    client: Client, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.client.calls.PAGE", "2")
    made = [client.certify(picture(seed), sigma=0.25).id for seed in range(5)]
    client.job(made[0]).cancel()

    assert [job.id for job in client.jobs()] == made[::-1]
    assert [job.id for job in client.jobs(state="cancelled")] == made[:1]


@pytest.mark.usefixtures("worker")
def test_a_job_is_cancelled_and_erased(client: Client, picture_file: Path) -> None:
    job = client.certify(picture_file, sigma=0.25)

    assert job.cancel().state == "cancelled"
    with pytest.raises(NoCertificate):
        job.wait()
    job.delete()
    with pytest.raises(Gone, match=job.id):
        job.refresh()


@pytest.mark.usefixtures("working")
def test_events_tell_of_a_job_until_it_has_ended(client: Client, picture_file: Path) -> None:
    job = client.certify(picture_file, sigma=0.25, mode="fixed", n=2000)

    states = [status.state for status in job.events()]

    assert states[-1] == "succeeded"
    assert job.status.certificate is not None


@pytest.mark.usefixtures("working")
def test_a_class_alone_is_predicted(client: Client, picture_file: Path) -> None:
    certificate = client.predict(picture_file, sigma=0.25, n=200).wait(20)

    assert (certificate.verdict, certificate.radius) == ("predicted", 0)


@pytest.fixture
def labelled(picture: Picture, tmp_path: Path) -> Path:
    """Three cats and a dog, as the worker sees them all as cats."""
    folder = tmp_path / "pictures"
    for name, seed in (("cat/a.png", 1), ("cat/b.png", 2), ("cat/c.png", 3), ("dog/d.png", 4)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(seed))
    (folder / "cat" / "readme.txt").write_text("no picture")
    return folder


@pytest.mark.usefixtures("working")
def test_a_folder_of_classes_is_evaluated(client: Client, labelled: Path) -> None:
    seen: list[int] = []

    evaluation = client.evaluate(labelled, sigma=0.25, mode="fixed", n=200, name="pets")
    status = evaluation.wait(20, on_progress=lambda status: seen.append(status.items_done))

    assert (status.state, status.items, seen[-1]) == ("succeeded", 4, 4)
    assert (status.curve[0].radius, status.curve[0].accuracy) == (0.0, 0.75)
    assert status.curve[0].low < 0.75 < status.curve[0].high
    assert len(evaluation.table().splitlines()) == 5
    assert evaluation.plot().lstrip().startswith("<")
    assert client.evaluation(evaluation.id).status == status
    evaluation.delete()


def test_a_folder_without_classes_is_not_sent(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(InvalidArgument, match="folders of pictures"):
        client.evaluate(tmp_path, sigma=0.25)


def test_models_are_views(client: Client) -> None:
    [model] = client.models()

    assert (model.id, model.default, model.sigmas) == ("tiny.colours", True, (0.25, 0.5))
    assert client.model(model.id) == model
    with pytest.raises(NotFound):
        client.model("none")


@pytest.mark.usefixtures("worker")
def test_a_refusal_names_what_would_do(client: Client, picture_file: Path) -> None:
    with pytest.raises(RequestRefused) as caught:
        client.certify(picture_file, sigma=0.3)

    assert caught.value.kind == "invalid-parameter"
    assert (caught.value.errors[0].field, caught.value.errors[0].nearest) == ("sigma", 0.25)


@pytest.mark.usefixtures("worker")
def test_a_key_opens_what_is_closed_without(live: str, picture_file: Path, make_key: Any) -> None:
    key = make_key()
    with Client(live, patience_s=0) as stranger, pytest.raises(Unauthorized):
        stranger.models()

    with Client(live, api_key=key) as client:
        assert client.certify(picture_file, sigma=0.25).status.state == "queued"
        assert client.quota()


@dataclass
class Lossy:
    """The application behind a line that fails as told: "refuse", or "lose" the answer."""

    app: Any
    fates: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        fate = self.fates.pop(0) if self.fates else "pass"
        if fate == "refuse":
            headers = [(b"retry-after", b"0")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"full"})
        elif fate == "lose":
            await self.app(scope, receive, _nowhere)
            raise httpx.ReadError("the line went dead")
        else:
            await self.app(scope, receive, send)


async def _nowhere(_: Any) -> None:
    pass


@pytest.fixture
async def line(live_settings: AppSettings) -> AsyncIterator[Lossy]:
    services = build_services(live_settings)
    yield Lossy(create_app(services))
    await services.aclose()


@pytest.fixture
async def over_it(line: Lossy) -> AsyncIterator[AsyncClient]:
    transport = httpx.ASGITransport(line)
    async with AsyncClient("http://localhost", transport=transport) as client:
        yield client


@pytest.mark.anyio
@pytest.mark.usefixtures("worker")
async def test_a_lost_answer_and_a_refusal_make_one_job(
    line: Lossy, over_it: AsyncClient, picture_file: Path
) -> None:
    line.fates = ["lose", "refuse", "lose"]

    job = await over_it.certify(picture_file, sigma=0.25)

    assert line.fates == []
    assert [other.id async for other in over_it.jobs()] == [job.id]


@pytest.mark.anyio
@pytest.mark.usefixtures("worker")
async def test_a_key_of_the_caller_cannot_name_two_requests(
    over_it: AsyncClient, picture_file: Path, picture: Picture
) -> None:
    first = await over_it.certify(picture_file, sigma=0.25, idempotency_key="mine")
    again = await over_it.certify(picture_file, sigma=0.25, idempotency_key="mine")

    assert again.id == first.id
    with pytest.raises((Conflict, RequestRefused)):
        await over_it.certify(picture(1), sigma=0.25, idempotency_key="mine")


@pytest.mark.anyio
@pytest.mark.usefixtures("working")
async def test_the_client_that_awaits_can_do_the_same(
    over_it: AsyncClient, picture_file: Path, tmp_path: Path
) -> None:
    job = await over_it.certify(picture_file, sigma=0.25, n=300)
    states = [status.state async for status in job.events()]
    certificate = await job.wait(20)
    certificate.save(tmp_path / "certificate.json")

    assert states[-1] == "succeeded"
    assert (await over_it.verify(certificate)).outcome == "valid"
    assert (await over_it.covers(job, picture_file)).covered
    assert [model.id for model in await over_it.models()] == ["tiny.colours"]
    assert (await over_it.job(job.id)).status.state == "succeeded"
    assert (await (await over_it.predict(picture_file, sigma=0.25, n=100)).wait(20)).label == "cat"
    await job.delete()
    assert job.id not in [other.id async for other in over_it.jobs()]
