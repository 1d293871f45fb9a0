"""A worker that votes without a model, the card of that model, and a waker that wakes nobody."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs import ledger
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.document import Making, certificate_document
from jobs.keys import commitment
from jobs.record import Maker, WorkerInfo, WorkerModel
from model_store.card import Architecture, ModelCard, Preprocessing, Weights
from model_store.evidence import Provenance
from smoothing.procedures import DrawMore, procedure_for
from smoothing.votes import Phase, Votes

MODEL = "tiny.colours"
LABELS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CARD = ModelCard(
    id=MODEL,
    description="No network: only its card is read.",
    architecture=Architecture(image_size=32, patch_size=4, embed_dim=8, depth=1, num_heads=2),
    labels=LABELS,
    preprocessing=Preprocessing(
        size=32, resize="bicubic", resize_shorter=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ),
    sigmas=(0.25, 0.5),
    weights=Weights(file="w.safetensors", sha256="ab" * 32, num_bytes=1, stored_as="float32"),
    draws_per_s=400.0,
    measured_on="nothing",
    evaluations=(),
    provenance=Provenance(
        data="none", commands=(), schedule="none", hardware="none", wall_time_s=0
    ),
    licence="Apache-2.0",
)


@dataclass
class QuietWaker:
    """Remembers whom it was asked to wake."""

    woken: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self, model_id: str) -> None:
        self.woken.append(model_id)
        self.called.set()

    async def aclose(self) -> None:
        pass


class Worker:
    """Does a worker's part of the protocol, in the order in which one does it.

    Attributes:
        known: Ids of its models.
    """

    known: tuple[str, ...] = (MODEL,)

    def __init__(self, url: str) -> None:
        self._client = make_redis(url)
        self.run = SyncRunner(self._client).run

    def close(self) -> None:
        self._client.close()

    def beat(
        self,
        *,
        state: Any = "ready",
        speed: float | None = 400.0,
        counters: dict[str, float] | None = None,
        **model: Any,
    ) -> None:
        about = {"weights_sha256": "ab" * 32, "draws_per_s": speed, "batch_size": 32}
        info = WorkerInfo(
            instance="one",
            hostname="here",
            state=state,
            started_at=time.time(),
            threads=1,
            device="cpu",
            models=tuple(WorkerModel(**({"id": each} | about | model)) for each in self.known),
            counters=counters or {},
        )
        self.run(ledger.heartbeat(info))

    def admit(self) -> list[Any]:
        handed = [ledger.admit(each, window=4, now=time.time()) for each in self.known]
        return [chunk for each in handed for chunk in self.run(each)]

    def votes(self, chunk: Any) -> Votes:
        """For class 3, always."""
        counts = [0] * len(LABELS)
        counts[3] = chunk.stop - chunk.start
        return Votes(counts=tuple(counts))

    def commit(self, chunk: Any) -> Any:
        now = time.time()
        self.run(ledger.begin(chunk, worker="one", now=now))
        votes, maker = self.votes(chunk), Maker(runtime="none", noise_scheme="none")
        return self.run(ledger.commit(chunk, votes, maker=maker, worker="one", window=4, now=now))

    def work(self) -> None:
        """Takes all queued jobs to their end."""
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[None]:
        """The same, chunk by chunk."""
        waiting = self.admit()
        while waiting:
            done = self.commit(chunk := waiting.pop(0))
            waiting += done.following
            waiting += self.advance(chunk.job_id) if done.complete else []
            yield

    def advance(self, job_id: str) -> list[Any]:
        """Asks for more draws, which it returns, or ends the job."""
        now = time.time()
        snapshot = self.run(ledger.snapshot(job_id))
        procedure = procedure_for(snapshot.spec.params, len(LABELS))
        tally = {phase: _sum(snapshot.chunks.get(phase, {})) for phase in Phase}
        step = procedure.step(tally)
        if isinstance(step, DrawMore):
            planned = procedure.draws_planned(tally)
            return list(
                self.run(
                    ledger.extend(
                        job_id, step=snapshot.step, request=step, planned=planned, window=4, now=now
                    )
                )
                or ()
            )
        done = document(snapshot, step)
        self.run(ledger.finish(job_id, step=snapshot.step, document=done, now=now))
        return []

    def fail(self, job_id: str) -> None:
        self.run(ledger.fail(job_id, code="chunk_failed", message="it broke", now=time.time()))


def document(snapshot: Any, certificate: Any) -> dict[str, Any]:
    """A certificate of a job as its worker stores it."""
    making = Making(
        key_commitment=commitment(snapshot.job_key),
        makers=snapshot.makers,
        versions={"python": "3"},
        started_at=snapshot.started_at,
        finished_at=time.time(),
        attempts=snapshot.attempts,
    )
    return certificate_document(snapshot.spec, certificate, making)


def _sum(chunks: dict[int, tuple[int, dict[str, int]]]) -> Votes:
    votes = Votes.none(len(LABELS))
    for _, sparse in chunks.values():
        votes += Votes.from_sparse(sparse, len(LABELS))
    return votes


async def certified(service: Any, worker: Any, image: bytes, **fields: Any) -> str:
    """The id of a job about the image, which the worker has done."""
    job = (await service.certify(image, **fields)).json()
    worker.work()
    return job["id"]
