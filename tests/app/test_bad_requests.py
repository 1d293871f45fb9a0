"""Whatever is wrong with a request, the answer is a problem that names field, value and limit."""

import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
Problem = Callable[..., dict[str, Any]]


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header promises a size, with pixels that compress to nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


UPLOADS: dict[str, tuple[Callable[[Picture], bytes], int, str, str]] = {
    "text": (lambda _: b"not an image", 415, "unsupported-image", "not_an_image"),
    "nothing": (lambda _: b"", 422, "unreadable-image", "empty"),
    "truncated": (lambda picture: picture()[:-40], 422, "unreadable-image", "damaged"),
    "1x1": (lambda picture: picture(size=(1, 1)), 422, "unreadable-image", "too_small"),
    "bomb": (lambda _: png_claiming(8_000, 8_000), 413, "image-too-large", "too_large"),
    "20,000 wide": (lambda _: png_claiming(20_000, 8), 413, "image-too-large", "too_large"),
    "GIF": (lambda picture: picture(form="GIF"), 415, "unsupported-image", "format"),
    "animated GIF": (
        lambda picture: picture(form="GIF", mode="P", save_all=True),
        415,
        "unsupported-image",
        "format",
    ),
    "CMYK": (
        lambda picture: picture(form="JPEG", mode="CMYK"),
        415,
        "unsupported-image",
        "cmyk",
    ),
}


@pytest.mark.parametrize("name", UPLOADS)
async def test_an_upload_that_cannot_be_certified_says_why(
    service: Any, picture: Picture, problem: Problem, name: str
) -> None:
    make, status, slug, reason = UPLOADS[name]

    body = problem(await service.certify(make(picture)), status, slug)

    (error,) = body["errors"]
    assert error["field"] == "image"
    assert error["value"] == f"{len(make(picture))} bytes"
    assert error["detail"].startswith(f"{reason}: ")
    assert error["limit"]["max_side"] == 10_000
    assert error["limit"]["min_side"] == 8


FIELDS: dict[str, tuple[dict[str, str], str, object]] = {
    "sigma 0": ({"sigma": "0"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma negative": ({"sigma": "-0.25"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma nan": ({"sigma": "nan"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma inf": ({"sigma": "inf"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma text": ({"sigma": "much"}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma empty": ({"sigma": ""}, "sigma", {"supported": [0.25, 0.5]}),
    "sigma unsupported": ({"sigma": "0.3"}, "sigma", {"supported": [0.25, 0.5]}),
    "n too large": ({"n": "1000001"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n huge": ({"n": "9" * 40}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n 0": ({"n": "0"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n 9": ({"n": "9"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n text": ({"n": "many"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n fraction": ({"n": "100.5"}, "n", {"minimum": 10, "maximum": 1_000_000}),
    "n0 0": ({"n0": "0"}, "n0", {"minimum": 1, "maximum": 1_000_000}),
    "n0 too large": ({"n0": "1000001"}, "n0", {"minimum": 1, "maximum": 1_000_000}),
    "alpha 2": ({"alpha": "2"}, "alpha", {"exclusive_minimum": 0, "maximum": 0.5}),
    "alpha 0": ({"alpha": "0"}, "alpha", {"exclusive_minimum": 0, "maximum": 0.5}),
    "model unknown": ({"model": "best"}, "model", {"supported": ["tiny.colours"]}),
    "model a path": ({"model": "../tiny"}, "model", {"supported": ["tiny.colours"]}),
    "mode unsupported": ({"mode": "adaptive"}, "mode", {"supported": ["fixed"]}),
    "numerics unsupported": (
        {"numerics": "exact"},
        "numerics",
        {"supported": ["sound", "fast"]},
    ),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_value_out_of_range_is_named_with_its_limit(
    service: Any, picture: Picture, problem: Problem, name: str
) -> None:
    fields, field, limit = FIELDS[name]

    body = problem(await service.certify(picture(), **fields), 422, "invalid-parameter")

    (error,) = body["errors"]
    assert error["field"] == field
    assert str(error["value"]) == fields[field]
    assert error["detail"]
    assert error["limit"] == limit


async def test_an_n_that_could_only_abstain_says_which_would_do(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), n=15, alpha=0.00001)

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert "at least 17" in error["detail"]
    assert error["limit"] == {"minimum": 17, "maximum": 1_000_000}


async def test_all_that_is_wrong_is_said_at_once(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), sigma="x", n="y", colour="red")

    errors = problem(answer, 422, "invalid-parameter")["errors"]
    assert {error["field"] for error in errors} == {"sigma", "n", "colour"}


async def test_a_missing_sigma_is_required(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.http.post("/certify", files={"image": picture()})

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"], error["detail"]) == ("sigma", None, "is required")


async def test_an_image_under_another_name_is_a_missing_image(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.http.post("/certify", files={"file": picture()}, data={"sigma": "0.25"})

    errors = problem(answer, 422, "invalid-parameter")["errors"]
    assert {error["field"] for error in errors} == {"file", "image"}
    assert "image" in errors[0]["limit"]["supported"]


async def test_two_images_are_refused(service: Any, picture: Picture, problem: Problem) -> None:
    files = [("image", ("a", picture(1))), ("image", ("b", picture(2)))]

    answer = await service.http.post("/certify", files=files, data={"sigma": "0.25"})

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"], error["limit"]) == ("image", "2 parts", {"count": 1})


async def test_a_repeated_field_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), sigma=["0.25"])
    repeated = await service.http.post(
        "/certify", files={"image": picture()}, data={"sigma": ["0.25", "0.5"]}
    )

    problem(answer, 422, "invalid-parameter")
    (error,) = problem(repeated, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["value"]) == ("sigma", "2 parts")


async def test_a_field_that_is_too_long_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    answer = await service.certify(picture(), model="m" * 5_000)

    (error,) = problem(answer, 422, "invalid-parameter")["errors"]
    assert (error["field"], error["limit"]) == ("model", {"max_bytes": 1024})


async def test_a_field_that_is_no_text_is_refused(
    service: Any, picture: Picture, problem: Problem
) -> None:
    files = {"image": picture(), "sigma": b"\xff\xfe"}

    body = problem(await service.http.post("/certify", files=files), 422, "invalid-parameter")

    assert {error["field"] for error in body["errors"]} == {"sigma"}


@pytest.mark.parametrize(
    ("content_type", "status", "slug"),
    [
        ("application/json", 415, "unsupported-media-type"),
        ("application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        ("image/png", 415, "unsupported-media-type"),
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
    import asyncio

    service = await serve(body_timeout_s=0.05)

    async def slow() -> AsyncIterator[bytes]:
        yield b"--x\r\n"
        await asyncio.sleep(10)

    answer = await service.http.post(
        "/certify", content=slow(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    problem(answer, 408, "body-timeout")


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
