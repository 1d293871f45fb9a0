"""A request that is not even a form, or not for a path that exists, gets a problem too."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

HEADER = b'Content-Disposition: form-data; name="other"\r\n\r\n'
"""Of a part that no parameter has; it counts all the same."""

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("content_type", "status", "slug"),
    [
        ("application/json", 415, "unsupported-media-type"),
        ("application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        ("image/gif", 415, "unsupported-media-type"),
        ("multipart/form-data", 400, "malformed-form"),
        ("multipart/form-data; boundary=" + "x" * 300, 400, "malformed-form"),
        ("multipart/form-data; boundary=other", 400, "malformed-form"),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    service: Any, problem: Problem, content_type: str, status: int, slug: str
) -> None:
    answer = await service.http.post(
        "/certify",
        content=b'--here\r\nContent-Disposition: form-data; name="sigma"\r\n\r\n1\r\n--here--\r\n',
        headers={"Content-Type": content_type},
    )

    problem(answer, status, slug)


async def test_no_body_at_all_is_refused(service: Any, problem: Problem) -> None:
    problem(await service.http.post("/certify"), 415, "unsupported-media-type")


async def test_a_form_that_is_cut_short_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    request = service.http.build_request(
        "POST", "/certify", files={"image": picture()}, data={"sigma": "0.25"}
    )
    body = (await request.aread())[:-30]

    answer = await service.http.post(
        "/certify", content=body, headers={"Content-Type": request.headers["content-type"]}
    )

    assert "closing boundary" in problem(answer, 400, "malformed-form")["detail"]


async def test_too_many_parts_are_refused(service: Any, problem: Problem) -> None:
    fields = {f"field{index}": "x" for index in range(40)}

    answer = await service.http.post("/certify", files={"image": b"x"}, data=fields)

    assert "32" in problem(answer, 400, "malformed-form")["detail"]


async def test_a_body_that_declares_too_much_is_not_read(
    serve: Callable[..., Any], problem: Problem
) -> None:
    service = await serve(max_upload_bytes=10_000)

    answer = await service.certify(bytes(200_000))

    (error,) = problem(answer, 413, "body-too-large")["errors"]
    assert error["field"] == "body"
    assert error["value"] > 200_000
    assert error["limit"] == {"max_bytes": 10_000 + 64 * 1024}


async def test_a_chunked_body_is_read_up_to_the_limit(
    serve: Callable[..., Any], problem: Problem
) -> None:
    service = await serve(max_upload_bytes=10_000)
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(1_000):
            sent.append(1_000)
            yield bytes(1_000)

    answer = await service.http.post(
        "/certify",
        content=endless(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    (error,) = problem(answer, 413, "body-too-large")["errors"]
    assert error["limit"] == {"max_bytes": 10_000}
    assert sum(sent) < 20_000


async def test_unknown_parts_are_not_kept_but_count_towards_the_body(
    serve: Callable[..., Any], problem: Problem
) -> None:
    service = await serve(max_upload_bytes=10_000)

    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n'
        for _ in range(1_000):
            yield bytes(1_000)

    answer = await service.http.post(
        "/certify",
        content=endless(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    problem(answer, 413, "body-too-large")


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    serve: Callable[..., Any], problem: Problem
) -> None:
    service = await serve(body_timeout_s=0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await asyncio.sleep(10)

    answer = await service.http.post(
        "/certify", content=slow(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    problem(answer, 408, "body-timeout")


async def test_uploads_that_would_fill_the_memory_together_are_refused_until_there_is_room(
    serve: Callable[..., Any], problem: Problem
) -> None:
    service = await serve(max_upload_bytes=10_000, max_held_bytes=100_000)
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"--x\r\n" + HEADER + bytes(60_000)
        arrived.set()
        await go_on.wait()
        yield b"\r\n--x--\r\n"

    async def post(content: AsyncIterator[bytes] | bytes) -> Any:
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        return await service.http.post("/certify", content=content, headers=kind)

    first = asyncio.create_task(post(slow()))
    await arrived.wait()
    second = b"--x\r\n" + HEADER + bytes(50_000) + b"\r\n--x--\r\n"
    refused = await post(second)
    go_on.set()

    problem(refused, 503, "too-many-uploads")
    assert refused.headers["retry-after"] == "1"
    assert "100000 bytes" in refused.json()["detail"]
    problem(await first, 422, "invalid-parameter")  # only that it has no image
    problem(await post(second), 422, "invalid-parameter")


async def test_what_one_tenant_uploads_slowly_leaves_room_for_another(
    serve: Callable[..., Any], make_key: Callable[..., str], problem: Problem
) -> None:
    service = await serve(keys="required", max_upload_bytes=10_000, max_held_bytes=200_000)
    slow, other = make_key(), make_key()
    arrived, go_on = asyncio.Queue[None](), asyncio.Event()

    async def body(size: int) -> AsyncIterator[bytes]:
        yield b"--x\r\n" + HEADER + bytes(size)
        arrived.put_nowait(None)
        await go_on.wait()
        yield b"\r\n--x--\r\n"

    async def post(key: str, size: int) -> Any:
        headers = {"Content-Type": "multipart/form-data; boundary=x", "X-API-Key": key}
        return await service.http.post("/certify", content=body(size), headers=headers)

    first = [asyncio.create_task(post(slow, 60_000)) for _ in range(2)]
    await arrived.get()
    await arrived.get()
    problem(await post(slow, 60_000), 503, "too-many-uploads")
    last = asyncio.create_task(post(other, 60_000))
    await arrived.get()
    go_on.set()

    for answer in await asyncio.gather(*first, last):
        problem(answer, 422, "invalid-parameter")  # only that they have no image


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("GET", "/jobs/", 404, "not-found"),
        ("GET", "/certify", 405, "method-not-allowed"),
        ("PUT", "/models", 405, "method-not-allowed"),
        ("GET", "/problems/none", 404, "not-found"),
        ("GET", "/docs/passwd", 404, "not-found"),
        ("GET", "/docs/..%2Fmain.py", 404, "not-found"),
    ],
)
async def test_what_is_not_there_is_a_problem_too(
    service: Any, problem: Problem, method: str, path: str, status: int, slug: str
) -> None:
    problem(await service.http.request(method, path), status, slug)


async def test_a_path_with_several_methods_names_all(service: Any, problem: Problem) -> None:
    answer = await service.http.patch("/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f")

    body = problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"
    assert body["detail"] == "PATCH is no method of this path; it has DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize("path", ["/openapi.json", "/", "/ui/login"])
async def test_every_path_names_its_methods(service: Any, path: str) -> None:
    answer = await service.http.patch(path)

    assert answer.status_code == 405
    assert {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


async def test_what_is_not_there_is_named(service: Any, problem: Problem) -> None:
    body = problem(await service.http.get("/job/1"), 404, "not-found")

    assert body["detail"].startswith("there is nothing at /job/1; ")


async def test_every_type_is_explained_at_its_path(service: Any) -> None:
    kinds = (await service.http.get("/problems")).json()["problems"]

    for kind in kinds:
        assert (await service.http.get(kind["type"])).json() == kind
    assert "sigma" not in json.dumps(kinds)


async def test_our_own_mistake_is_logged_and_says_nothing(
    service: Any, problem: Problem, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("app.routes.models.json_answer", break_down)

    answer: httpx.Response = await service.http.get("/models")

    assert "secret" not in json.dumps(problem(answer, 500, "internal-error"))
    assert "secret detail" in caplog.text
