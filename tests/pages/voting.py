"""Models that nobody has, and a worker that votes for them as it is told."""

import time
from collections.abc import Callable
from typing import Any

from jobs import ledger
from jobs.advance import advance, interim, shows_early
from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.document import Making, certificate_document
from jobs.keys import commitment
from jobs.record import Maker, WorkerInfo, WorkerModel
from model_store.card import Architecture, ModelCard, Preprocessing, Weights
from model_store.evidence import Evaluation, Provenance
from smoothing.certificate import Votes
from smoothing.procedures import DrawMore

LABELS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FAVOURITE, RIVAL = 3, 5

EVALUATION = Evaluation(
    sigma=0.25,
    n0=100,
    n=1000,
    alpha=0.001,
    numerics="sound",
    images="some pictures",
    num_images=500,
    certified_accuracy=((0.0, 0.8), (0.25, 0.6), (0.5, 0.4), (0.75, 0.0)),
    abstention_rate=0.05,
    average_certified_radius=0.3,
    radius_ceiling=0.6158,
    command="none",
    hardware="none",
    duration_s=1,
)


def card(model: str, sigmas: tuple[float, ...]) -> ModelCard:
    return ModelCard(
        id=model,
        description="No network: only its card is read.",
        architecture=Architecture(image_size=32, patch_size=4, embed_dim=8, depth=1, num_heads=2),
        labels=LABELS,
        preprocessing=Preprocessing(
            size=32, resize="bicubic", resize_shorter=32, mean=(0.5,) * 3, std=(0.5,) * 3
        ),
        sigmas=sigmas,
        weights=Weights(file="w.safetensors", sha256="ab" * 32, num_bytes=1, stored_as="float32"),
        draws_per_s=400.0,
        measured_on="nothing",
        evaluations=(EVALUATION,) if 0.25 in sigmas else (),
        provenance=Provenance(
            data="none", commands=(), schedule="none", hardware="none", wall_time_s=0
        ),
        licence="Apache-2.0",
    )


CARDS = (card("tiny.colours", (0.25, 0.5)), card("tiny.shapes", (0.12,)))


class Worker:
    """Does a worker's part, a chunk at a time or to the end.

    Attributes:
        doubt: Of twenty draws, how many the rival wins.
    """

    def __init__(self, url: str) -> None:
        self._client = make_redis(url)
        self.run = SyncRunner(self._client).run
        self.doubt = 1
        self._waiting: list[Any] = []

    def beat(self) -> None:
        models = tuple(
            WorkerModel(
                id=card.id, weights_sha256=card.weights.sha256, draws_per_s=400.0, batch_size=32
            )
            for card in CARDS
        )
        self.run(
            ledger.heartbeat(
                WorkerInfo(
                    instance="one",
                    hostname="here",
                    state="ready",
                    started_at=time.time(),
                    threads=1,
                    device="cpu",
                    models=models,
                )
            )
        )

    def forget(self) -> None:
        """As after another test has emptied the store."""
        self._client.flushall()
        self._waiting = []
        self.doubt = 1
        self.beat()

    def step(self, chunks: int = 1) -> None:
        """Does so many chunks, if there are so many."""
        for _ in range(chunks):
            if not self._waiting:
                for card in CARDS:
                    self._waiting += self.run(ledger.admit(card.id, window=4, now=time.time()))
            if self._waiting:
                self._do(self._waiting.pop(0))

    def work(self) -> None:
        """Takes all queued jobs to their end."""
        self.step()
        while self._waiting:
            self.step()

    def edit(self, job_id: str, field: str, change: Callable[[str], str]) -> None:
        """Changes a stored field behind the service's back."""
        name = f"dmae:job:{{{job_id}}}"
        before = self._client.hget(name, field).decode()
        after = change(before)
        assert after != before
        self._client.hset(name, field, after)

    def fail(self, job_id: str) -> None:
        self.run(ledger.fail(job_id, code="chunk_failed", message="It broke.", now=time.time()))

    def _do(self, chunk: Any) -> None:
        now = time.time()
        self.run(ledger.begin(chunk, worker="one", now=now))
        done = self.run(
            ledger.commit(
                chunk,
                self._votes(chunk),
                maker=Maker(runtime="none", noise_scheme="none"),
                worker="one",
                window=4,
                now=now,
            )
        )
        self._waiting += done.following
        snapshot = self.run(ledger.snapshot(chunk.job_id))
        if done.complete:
            self._advance(snapshot)
        elif shows_early(snapshot.spec):
            proved = interim(snapshot)
            assert proved is not None
            draws = sum(votes.total for votes in proved.tally.values())
            self.run(ledger.show(chunk.job_id, draws=draws, document=_document(snapshot, proved)))

    def _votes(self, chunk: Any) -> Votes:
        draws = range(chunk.start, chunk.stop)
        lost = sum(index % 20 < self.doubt for index in draws)
        counts = [0] * len(LABELS)
        counts[FAVOURITE], counts[RIVAL] = len(draws) - lost, lost
        return Votes(counts=tuple(counts))

    def _advance(self, snapshot: Any) -> None:
        job, step, now = snapshot.spec.id, snapshot.step, time.time()
        following, planned = advance(snapshot)
        if isinstance(following, DrawMore):
            more = ledger.extend(
                job, step=step, request=following, planned=planned, window=4, now=now
            )
            self._waiting += self.run(more) or ()
        else:
            document = _document(snapshot, following)
            self.run(ledger.finish(job, step=step, document=document, now=now))


def _document(snapshot: Any, certificate: Any) -> dict[str, Any]:
    making = Making(
        key_commitment=commitment(snapshot.job_key),
        makers=snapshot.makers,
        versions={"python": "3"},
        started_at=snapshot.started_at,
        finished_at=time.time(),
        attempts=snapshot.attempts,
    )
    return certificate_document(snapshot.spec, certificate, making)
