"""The client that awaits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Self, Unpack

import httpx

from app.client.answers import Coverage, ModelInfo, Verification
from app.client.async_handles import AsyncEvaluation, AsyncJob
from app.client.async_wire import AsyncWire
from app.client.calls import Calls, Document
from app.client.connection import Connection
from app.client.flows import Patience
from app.client.forms import Image, Params, read_archive, read_image
from app.client.views import JSON


class AsyncClient:
    """Talks to one service without blocking, under asyncio; otherwise as `Client`."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connection = Connection.to(url, api_key, timeout_s)
        self._calls = Calls(Patience(total_s=patience_s))
        http = httpx.AsyncClient(transport=transport, **self._connection.options())
        self._http = http
        self._wire = AsyncWire(http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.url!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def certify(
        self,
        image: Image,
        *,
        sigma: float,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> AsyncJob:
        """Ask for a certificate; arguments as of `Client.certify`."""
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit(
            "/certify", await _read(read_image, image), fields, idempotency_key
        )
        return AsyncJob(await self._wire.run(flow), self._calls, self._wire)

    async def predict(self, image: Image, *, sigma: float, **params: Unpack[Params]) -> AsyncJob:
        """Ask for the class alone, without a radius; otherwise as `certify`."""
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/predict", await _read(read_image, image), fields, None)
        return AsyncJob(await self._wire.run(flow), self._calls, self._wire)

    async def job(self, job_id: str) -> AsyncJob:
        """A job as it is now."""
        return AsyncJob(await self._wire.run(self._calls.job(job_id)), self._calls, self._wire)

    async def jobs(self, *, state: str | None = None) -> AsyncIterator[AsyncJob]:
        """The key's jobs, of that state alone if one is named, newest first."""
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = await self._wire.run(self._calls.page(state, cursor))
            for status in found:
                yield AsyncJob(status, self._calls, self._wire)

    async def evaluate(
        self,
        source: Image,
        *,
        sigma: float,
        name: str | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> AsyncEvaluation:
        """Ask for certified accuracy by radius; arguments as of `Client.evaluate`."""
        fields = {"sigma": sigma, "name": name, **params}
        content = await _read(read_archive, source)
        flow = self._calls.evaluate(content, fields, idempotency_key)
        return AsyncEvaluation(await self._wire.run(flow), self._calls, self._wire)

    async def evaluation(self, evaluation_id: str) -> AsyncEvaluation:
        """An evaluation as it is now."""
        status = await self._wire.run(self._calls.evaluation(evaluation_id))
        return AsyncEvaluation(status, self._calls, self._wire)

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models, the default first."""
        return await self._wire.run(self._calls.models())

    async def model(self, model_id: str) -> ModelInfo:
        """One model."""
        return await self._wire.run(self._calls.model(model_id))

    async def verify(self, document: Document) -> Verification:
        """Have a certificate checked: signature, digests, and the radius from its counts."""
        return await self._wire.run(self._calls.verify(document))

    async def covers(self, job: AsyncJob | str, image: Image) -> Coverage:
        """Whether another image is within a job's certified ball, by its exact distance."""
        job_id = job if isinstance(job, str) else job.id
        return await self._wire.run(self._calls.covers(job_id, await _read(read_image, image)))

    async def quota(self) -> JSON:
        """What the key may ask for, and what is left."""
        return await self._wire.run(self._calls.quota())

    async def is_alive(self) -> bool:
        """Whether the web process answers."""
        return await self._wire.run(self._calls.alive())


async def _read(read: Callable[[Image], bytes], source: Image) -> bytes:
    return await asyncio.to_thread(read, source)
