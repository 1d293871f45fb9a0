"""The client that blocks."""

from collections.abc import Iterator
from typing import Self, Unpack

import httpx

from app.client.answers import Coverage, ModelInfo, Verification
from app.client.calls import Calls, Document
from app.client.connection import Connection
from app.client.flows import Patience
from app.client.forms import Image, Params, read_archive, read_image
from app.client.handles import Evaluation, Job
from app.client.views import JSON
from app.client.wire import Wire


class Client:
    """Talks to one service. Threads may share one. Use as a context manager, or close it.

    Args:
        url: Where the service is; None for DMAE_URL, else this machine.
        api_key: Of the caller; None for DMAE_API_KEY, "" for none.
        timeout_s: Longest wait for an answer, long polls not counted.
        patience_s: How long a full, limited or restarting service is asked again.
        transport: What carries the requests, in place of the network.

    Every method raises ClientError where the service cannot or will not answer.

    Raises:
        InvalidArgument: URL or key cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        patience_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection.to(url, api_key, timeout_s)
        self._calls = Calls(Patience(total_s=patience_s))
        http = httpx.Client(transport=transport, **self._connection.options())
        self._http = http
        self._wire = Wire(http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def certify(
        self,
        image: Image,
        *,
        sigma: float,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> Job:
        """Ask for a certificate; the job has ended already if it was known.

        Args:
            image: Path or bytes of a PNG, JPEG or WebP file.
            sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
            idempotency_key: Names this request, where another process may make it again; the
                tries of one call always count once.
            **params: What else there is to say; see `Params`.
        """
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/certify", read_image(image), fields, idempotency_key)
        return Job(self._wire.run(flow), self._calls, self._wire)

    def predict(self, image: Image, *, sigma: float, **params: Unpack[Params]) -> Job:
        """Ask for the class alone, without a radius; otherwise as `certify`."""
        fields = {"sigma": sigma, **params}
        flow = self._calls.submit("/predict", read_image(image), fields, None)
        return Job(self._wire.run(flow), self._calls, self._wire)

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return Job(self._wire.run(self._calls.job(job_id)), self._calls, self._wire)

    def jobs(self, *, state: str | None = None) -> Iterator[Job]:
        """The key's jobs, newest first, fetched a page at a time.

        Args:
            state: Of that state alone.
        """
        cursor: str | None = ""
        while cursor is not None:
            found, cursor = self._wire.run(self._calls.page(state, cursor))
            for status in found:
                yield Job(status, self._calls, self._wire)

    def evaluate(
        self,
        source: Image,
        *,
        sigma: float,
        name: str | None = None,
        idempotency_key: str | None = None,
        **params: Unpack[Params],
    ) -> Evaluation:
        """Ask for certificates of labelled images, and for certified accuracy by radius.

        Args:
            source: A folder with a folder for each class, or such a zip: its path or bytes.
            sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
            name: What to call it.
            idempotency_key: As of `certify`.
            **params: As of `certify`; a set has no priority.
        """
        fields = {"sigma": sigma, "name": name, **params}
        flow = self._calls.evaluate(read_archive(source), fields, idempotency_key)
        return Evaluation(self._wire.run(flow), self._calls, self._wire)

    def evaluation(self, evaluation_id: str) -> Evaluation:
        """An evaluation as it is now."""
        status = self._wire.run(self._calls.evaluation(evaluation_id))
        return Evaluation(status, self._calls, self._wire)

    def models(self) -> tuple[ModelInfo, ...]:
        """The models, the default first."""
        return self._wire.run(self._calls.models())

    def model(self, model_id: str) -> ModelInfo:
        """One model."""
        return self._wire.run(self._calls.model(model_id))

    def verify(self, document: Document) -> Verification:
        """Have a certificate checked: signature, digests, and the radius from its counts."""
        return self._wire.run(self._calls.verify(document))

    def covers(self, job: Job | str, image: Image) -> Coverage:
        """Whether another image is within a job's certified ball, by its exact distance."""
        job_id = job if isinstance(job, str) else job.id
        return self._wire.run(self._calls.covers(job_id, read_image(image)))

    def quota(self) -> JSON:
        """What the key may ask for, and what is left."""
        return self._wire.run(self._calls.quota())

    def is_alive(self) -> bool:
        """Whether the web process answers."""
        return self._wire.run(self._calls.alive())
