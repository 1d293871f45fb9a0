"""Models that nobody has, and a worker that votes for them as it is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jobs import ledger
from jobs.advance import interim, shows_early
from model_store.card import ModelCard
from smoothing.votes import Votes
from tests.app import acting
from tests.evidence import FIGURES

FAVOURITE, RIVAL = 3, 5


def card(model: str, sigmas: tuple[float, ...]) -> ModelCard:
    evaluations = (FIGURES,) if 0.25 in sigmas else ()
    return replace(acting.CARD, id=model, sigmas=sigmas, evaluations=evaluations)


CARDS = (card("tiny.colours", (0.25, 0.5)), card("tiny.shapes", (0.12,)))


class Worker(acting.Worker):
    """Does a worker's part, a chunk at a time or to the end.

    Attributes:
        doubt: Of twenty draws, how many the rival wins.
    """

    known = tuple(card.id for card in CARDS)

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.doubt = 1
        self._waiting: list[Any] = []

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
                self._waiting += self.admit()
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

    def votes(self, chunk: Any) -> Votes:
        """For the favourite, but for those of the rival."""
        draws = range(chunk.start, chunk.stop)
        lost = sum(index % 20 < self.doubt for index in draws)
        counts = [0] * len(acting.LABELS)
        counts[FAVOURITE], counts[RIVAL] = len(draws) - lost, lost
        return Votes(counts=tuple(counts))

    def _do(self, chunk: Any) -> None:
        done = self.commit(chunk)
        self._waiting += done.following
        if done.complete:
            self._waiting += self.advance(chunk.job_id)
            return
        snapshot = self.run(ledger.snapshot(chunk.job_id))
        if shows_early(snapshot.spec):
            proved = interim(snapshot)
            assert proved is not None
            draws = sum(votes.total for votes in proved.tally.values())
            shown = acting.document(snapshot, proved)
            self.run(ledger.show(chunk.job_id, draws=draws, document=shown))
