"""One trace holds the request and all that workers do for it, at a receiver that speaks OTLP."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.main import create_app
from app.services import build_services
from app.settings import AppSettings
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.record import Chunk, Maker
from jobs.tracing import start_tracing
from smoothing.sampler import Draws
from smoothing.votes import Votes
from tests.app.acting import QuietWaker
from worker.advancing import Machine
from worker.drawing import Drawing

pytestmark = [pytest.mark.redis, pytest.mark.anyio]
CALLER_S_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ExportTraceServiceRequest]]:
    """What an OTLP receiver on this machine was sent, by processes that are told of it."""
    requests: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        yield requests
        server.shutdown()
        thread.join()


def spans(received: list[ExportTraceServiceRequest]) -> list[tuple[str, str, str, str, str]]:
    """Service, name, trace, own id and parent's id of every span."""
    return [
        (
            next(
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            ),
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
        )
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


async def ask(redis_url: str, image: bytes, **headers: str) -> tuple[str, str]:
    """Submits a job through a web process that traces if it is told to; its id and model."""
    services = build_services(AppSettings(redis_url=redis_url), waker=QuietWaker())
    transport = httpx.ASGITransport(create_app(services), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        await http.get("/livez")
        answer = await http.post(
            "/certify",
            files={"image": ("x", image)},
            data={"sigma": "0.25", "mode": "fixed", "n": "1000"},
            headers=headers,
        )
    await services.aclose()
    assert answer.status_code == 202, answer.text
    return answer.json()["id"], answer.json()["model"]["id"]


def work(redis_url: str, model_id: str) -> None:
    """Takes all jobs of a model to their end, as a worker does whose draws all look alike."""
    sent: deque[Chunk] = deque()

    class Batcher:
        def submit(self, _: str, draws: Draws) -> "Future[Votes]":
            future: Future[Votes] = Future()
            future.set_result(Votes(counts=(draws.num_draws, *[0] * 9)))
            return future

    tracing = start_tracing("dmae-worker")
    with make_redis(redis_url) as connection:
        drawing = Drawing(
            runner=SyncRunner(connection),
            batcher=Batcher(),
            problem=lambda _: None,
            maker=lambda _: Maker(runtime="none", noise_scheme="none"),
            send=lambda _, chunk: sent.append(chunk),
            machine=Machine(instance="me", versions={}),
            window=lambda _: 3,
            tracing=tracing,
        )
        drawing.admit(model_id)
        while sent:
            drawing.draw(sent.popleft())
    tracing.close()


async def test_the_worker_s_spans_are_in_the_trace_of_the_request_and_of_its_caller(
    redis_url: str, picture: Callable[[int], bytes], received: list[ExportTraceServiceRequest]
) -> None:
    caller = f"00-{CALLER_S_TRACE}-00f067aa0ba902b7-01"
    _, model_id = await ask(redis_url, picture(1), traceparent=caller)

    work(redis_url, model_id)

    found = spans(received)
    (request,) = [span for span in found if span[0] == "dmae-web"]
    of_worker = [span for span in found if span[0] == "dmae-worker"]
    names = [name for _, name, *_ in of_worker]
    assert (request[1], request[4]) == ("POST /certify", "00f067aa0ba902b7")
    assert {trace for _, _, trace, *_ in found} == {CALLER_S_TRACE}
    assert {parent for *_, parent in of_worker} == {request[3]}
    assert names.count("certificate") == 1
    assert names.count("draw chunk") >= 2


async def test_no_span_has_the_query_of_a_request(
    redis_url: str, received: list[ExportTraceServiceRequest]
) -> None:
    """Parameters may stand there, the address of a webhook with its secret among them."""
    services = build_services(AppSettings(redis_url=redis_url), waker=QuietWaker())
    transport = httpx.ASGITransport(create_app(services), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        await http.post("/certify?sigma=0.25&webhook_url=https://example.org/hidden")
    await services.aclose()

    assert [name for _, name, *_ in spans(received)] == ["POST /certify"]
    assert all(b"hidden" not in request.SerializeToString() for request in received)


async def test_without_a_receiver_nothing_is_traced_or_stored(
    redis_url: str, picture: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    job_id, _ = await ask(redis_url, picture(1), traceparent=f"00-{CALLER_S_TRACE}-{'1' * 16}-01")

    with make_redis(redis_url) as connection:
        spec = connection.hget(f"dmae:job:{{{job_id}}}", "spec")

    assert b'"traceparent":null' in spec
    assert start_tracing("x").provider is None


def test_telemetry_may_be_switched_off_as_opentelemetry_has_it(
    received: list[ExportTraceServiceRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert start_tracing("x").provider is None
    assert received == []
