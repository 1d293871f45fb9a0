"""Certifies many pictures at once, and cancels what is under way when it is interrupted."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.client import AsyncClient, AsyncJob, Certificate, ClientError
from app.client.errors import Conflict, ServiceUnreachable, Unauthorized
from app.client.views import JobStatus
from app.commands.common import GivenUp
from app.commands.progress import Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A file to certify.

    Attributes:
        file: Where it is.
        name: Below the folder that was named, with slashes; unique.
    """

    file: Path
    name: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a picture.

    Attributes:
        picture: Which.
        job: Once the service had taken it.
        certificate: Where there is one.
        error: Why there is none, if something is known.
    """

    picture: Picture
    job: JobStatus | None = None
    certificate: Certificate | None = None
    error: Exception | None = None

    @property
    def why(self) -> Exception:
        """Why there is no certificate."""
        until = "the service had taken it" if self.job is None else "it had ended"
        return self.error or GivenUp(f"given up before {until}")

    def body(self) -> Mapping[str, Any]:
        """As JSON."""
        return {
            "file": str(self.picture.file),
            "job": self.job and self.job.id,
            "certificate": self.certificate and self.certificate.document,
            "error": None if self.certificate else str(self.why),
        }


@dataclass(slots=True, kw_only=True)
class Batch:
    """Pictures, the question about them, and what became of them.

    Attributes:
        pictures: In the order in which they are asked about.
        question: Arguments of `AsyncClient.certify`.
        parallel: Jobs under way at a time.
        timeout_s: Longest wait for one job; None for as long as it takes.
        out: Folder that gets the certificates; None for none.
        outcomes: One for each picture, even if this is interrupted.
        ended_by: What concerned all of them and ended it early; None if nothing did.
    """

    pictures: Sequence[Picture]
    question: Mapping[str, Any]
    parallel: int
    timeout_s: float | None
    out: Path | None
    outcomes: list[Outcome] = field(init=False)
    ended_by: ClientError | None = None

    def __post_init__(self) -> None:
        self.outcomes = [Outcome(picture=picture) for picture in self.pictures]

    async def run(self, client: AsyncClient, bars: Bars) -> None:
        """Certify all, until nobody answers or the key is not accepted."""
        waiting = iter(self.outcomes)

        async def work() -> None:
            for outcome in waiting:
                await self._one(client, outcome, bars)

        workers = [asyncio.create_task(work()) for _ in range(self.parallel)]
        try:
            await asyncio.gather(*workers)
        except (ServiceUnreachable, Unauthorized) as error:
            self.ended_by = error
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)

    async def _one(self, client: AsyncClient, outcome: Outcome, bars: Bars) -> None:
        job: AsyncJob | None = None
        try:
            with bars.of(outcome.picture.name) as show:
                job = await client.certify(outcome.picture.file, **self.question)
                self._keep(outcome, await job.wait(self.timeout_s, show))
        except asyncio.CancelledError:
            if job is not None:
                await self._cancel(job, outcome)
            raise
        except ClientError as error:
            outcome.error = error
            if isinstance(error, ServiceUnreachable | Unauthorized):
                raise
        finally:
            outcome.job = None if job is None else job.status

    async def _cancel(self, job: AsyncJob, outcome: Outcome) -> None:
        """Stops a job; one of mode anytime has a certificate even so."""
        try:
            with suppress(Conflict):
                await job.cancel()
            self._keep(outcome, await job.wait())
        except ClientError as error:
            outcome.error = error

    def _keep(self, outcome: Outcome, certificate: Certificate) -> None:
        outcome.certificate = certificate
        if self.out is not None:
            file = self.out / f"{outcome.picture.name}.certificate.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            certificate.save(file)
