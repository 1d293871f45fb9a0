"""Labelled sets of pictures, as archives and as parts."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import httpx
import pytest


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    """Zips of named files."""

    def pack(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
        file = BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return file.getvalue()

    return pack


@pytest.fixture(scope="session")
def folder(picture: Callable[..., bytes]) -> dict[str, bytes]:
    """Two cats, one of them under its number, and a dog."""
    return {"cat/a.png": picture(1), "3/b.png": picture(2), "dog/c.png": picture(3)}


@pytest.fixture(scope="session")
def archive(folder: dict[str, bytes], zipped: Callable[..., bytes]) -> bytes:
    """The folder as a zip."""
    return zipped(folder)


@pytest.fixture(scope="session")
def evaluate() -> Callable[..., Any]:
    """Posts an evaluation; mode fixed unless another is named, for its numbers can be foreseen."""

    async def post(
        http: httpx.AsyncClient, archive: bytes | None = None, headers: Any = None, **fields: Any
    ) -> httpx.Response:
        files = [("archive", ("set.zip", archive))] if archive is not None else []
        files += fields.pop("files", [])
        data = {"sigma": "0.25", "mode": "fixed", "n": "200"}
        data |= {name: str(value) for name, value in fields.items()}
        return await http.post("/evaluations", files=files, data=data, headers=headers)

    return post


@pytest.fixture(scope="session")
def counted() -> Callable[..., Any]:
    """Notes what a service asks of Redis."""

    @contextmanager
    def noting(service: Any) -> Iterator[list[Any]]:
        runner = service.http._transport.app.state.services.runner
        inner, calls = runner._runner, []

        class _Noting:
            async def run(self, command: Any) -> Any:
                calls.append(command.call)
                return await inner.run(command)

        runner._runner = _Noting()
        yield calls
        runner._runner = inner

    return noting


@pytest.fixture(scope="session")
def read() -> Callable[..., Any]:
    """Reads an evaluation as it stands."""

    async def get(service: Any, evaluation: dict[str, Any], **options: Any) -> dict[str, Any]:
        answer = await service.http.get(evaluation["links"]["self"], **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture(scope="session")
def finished(read: Callable[..., Any]) -> Callable[..., Any]:
    """Works on an evaluation until all its jobs were submitted and done."""

    async def work(service: Any, worker: Any, evaluation: dict[str, Any]) -> dict[str, Any]:
        for _ in range(40):
            worker.work()
            evaluation = await read(service, evaluation)
            if evaluation["state"] not in ("queued", "running"):
                return evaluation
        raise AssertionError(evaluation)

    return work
