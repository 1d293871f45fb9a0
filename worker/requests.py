"""What callers of the batcher wait for, and how a batch is shared among them."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from smoothing.sampler import Draws
from smoothing.votes import Votes


@dataclass(slots=True, eq=False)
class Request:
    """Draws that somebody waits for, and how far they are.

    Attributes:
        draws: All of them.
        future: Their votes, or what went wrong.
        sent: How many were given to the device, from the first on.
        votes: Of those that came back.
    """

    draws: Draws
    future: "Future[Votes]" = field(default_factory=Future)
    sent: int = 0
    votes: Votes | None = None

    @property
    def left(self) -> int:
        """Draws that were not sent yet."""
        return self.draws.num_draws - self.sent

    @property
    def missing(self) -> int:
        """Draws whose votes did not come back yet."""
        return self.draws.num_draws - (0 if self.votes is None else self.votes.total)

    def take(self, rows: int) -> Draws:
        """The next draws, which count as sent."""
        start = self.draws.start + self.sent
        self.sent += rows
        return replace(self.draws, start=start, stop=start + rows)

    def receive(self, votes: Votes) -> None:
        """Votes of draws that were sent; the last ones complete the future."""
        self.votes = votes if self.votes is None else self.votes + votes
        if self.votes.total == self.draws.num_draws:
            self.future.set_result(self.votes)

    def fail(self, error: Exception) -> None:
        """End with an error, once; what is under way for it comes too late."""
        self.sent = self.draws.num_draws
        if not self.future.done():
            self.future.set_exception(error)


def shared(room: int, requests: Sequence[Request]) -> list[tuple[Request, int]]:
    """Which requests get how many rows of a batch.

    Args:
        room: Rows of the batch.
        requests: All that wait, in their order.
    """
    jobs: dict[bytes, list[Request]] = {}
    for request in requests:
        jobs.setdefault(request.draws.key, []).append(request)
    shares: list[tuple[Request, int]] = []
    # Few rows first: what they do not need of their share goes to the others.
    waiting = sorted(jobs.values(), key=lambda job: sum(each.left for each in job))
    for place, job in enumerate(waiting):
        share = -(-room // (len(waiting) - place))
        for request in job:
            rows = min(request.left, share)
            if rows:
                shares.append((request, rows))
                share -= rows
                room -= rows
    return shares
