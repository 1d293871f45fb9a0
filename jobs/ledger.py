"""The job store as the workers use it: which draws to make, and what came out of them.

Each function returns a `Command`; a runner carries it out. Times are seconds since 1970, UTC, and
always passed in. A chunk may be sent, begun and computed any number of times; its votes count once.
"""

from dataclasses import asdict
from typing import Any

from jobs.codec import dump_object, dump_worker, load_object, load_spec
from jobs.command import Command, script
from jobs.outcomes import Assignment, Begun, Committed, Revived, Snapshot
from jobs.queue_names import draw_messages
from jobs.record import Chunk, Maker, WorkerInfo
from smoothing.procedures import DrawMore
from smoothing.votes import Phase, Votes

HEARTBEAT_S = 6
"""A worker that was not heard of for so long is dead."""

LEASE_S = 60.0
"""A chunk that a live worker holds for longer may be begun by another."""

LONGEST_BACKOFF_S = 30.0
MAX_RUNNING = 64
"""Jobs of one model, tenant and priority that share what is theirs at a time."""

MOST_AT_ONCE = 64
"""Chunks that one command hands out; another soon follows."""

REVIVED_AT_ONCE = 16
MAX_DEATHS = 3
"""Workers that a chunk may kill, and errors that it may raise, before its job fails."""

MAX_WAITING_MESSAGES = 64
"""With more messages waiting for a model, nothing is sent again before it is late by a lease."""


def _chunks(answer: list[Any]) -> tuple[Chunk, ...]:
    parts = iter(answer)
    return tuple(
        Chunk(job_id=job_id.decode(), phase=Phase(phase.decode()), start=start, stop=stop)
        for job_id, phase, start, stop in zip(parts, parts, parts, parts, strict=True)
    )


def admit(
    model_id: str, *, window: int, now: float, max_running: int = MAX_RUNNING
) -> Command[tuple[Chunk, ...]]:
    """Hand out chunks, to be sent, and start queued jobs where it is their turn.

    Tenants take turns by their weights, the priorities of one tenant by theirs, and the started
    jobs of one priority evenly, all in draws.

    Args:
        model_id: Which model's jobs.
        window: Whole chunks of the model that may be under way at a time.
        now: Current time.
        max_running: Jobs of one tenant and one priority that may run at a time.
    """
    args = (model_id, now, window, max_running, MOST_AT_ONCE)
    return Command(call=script("admit"), args=args, parse=_chunks)


def load(job_id: str) -> Command[Assignment | None]:
    """What a worker must know of a running job; None when it runs no more."""

    def parse(answer: Any) -> Assignment | None:
        if answer is None or answer[2] is None:
            return None
        spec, key, tensor = answer
        return Assignment(spec=load_spec(spec), job_key=bytes.fromhex(key.decode()), tensor=tensor)

    return Command(call=script("load"), args=(job_id,), parse=parse)


def begin(chunk: Chunk, *, worker: str, now: float, alone: bool = False) -> Command[Begun]:
    """Take a chunk's lease, unless there is a reason not to draw it.

    A chunk whose last worker died is granted only to a worker that promises to hold nothing else
    meanwhile. If that one dies too, the chunk is to blame; the third time its job fails.

    Args:
        chunk: What to draw.
        worker: The instance that will; beginning again what one holds oneself is granted.
        now: Current time.
        alone: The promise.
    """

    def parse(answer: Any) -> Begun:
        return Begun(outcome=answer[0].decode(), complete=bool(answer[1]))

    args = (*_address(chunk), worker, now, int(alone), LEASE_S, MAX_DEATHS)
    return Command(call=script("begin"), args=args, parse=parse)


def commit(
    chunk: Chunk,
    votes: Votes,
    *,
    maker: Maker,
    worker: str,
    window: int,
    now: float,
    max_running: int = MAX_RUNNING,
) -> Command[Committed]:
    """Store a chunk's votes if its job still runs and nobody's are there yet.

    Args:
        chunk: What was drawn.
        votes: What came out.
        maker: What made them.
        worker: Who drew it.
        window: See `admit`.
        now: Current time.
        max_running: See `admit`.

    Raises:
        ValueError: There are not as many votes as draws.
    """
    if votes.total != chunk.stop - chunk.start:
        raise ValueError(f"{chunk.stop - chunk.start} draws need as many votes, got {votes.total}")

    def parse(answer: Any) -> Committed:
        outcome, complete, following, drawn = answer
        return Committed(
            outcome=outcome.decode(),
            complete=bool(complete),
            following=_chunks(following),
            drawn=drawn,
        )

    told = dump_object({"votes": votes.sparse(), "maker": asdict(maker)})
    args = (*_address(chunk), told, worker, now, window, max_running, MOST_AT_ONCE)
    return Command(call=script("commit"), args=args, parse=parse)


def release(chunk: Chunk, *, worker: str, now: float, failed: bool) -> Command[bool]:
    """Give a chunk back without votes; whether its job failed for it.

    Args:
        chunk: What was begun.
        worker: Who began it.
        now: Current time.
        failed: It raised an error; the third one fails its job.
    """
    args = (chunk.job_id, chunk.phase.value, chunk.start, worker, now, int(failed), MAX_DEATHS)
    return Command(call=script("release"), args=args, parse=bool)


def snapshot(job_id: str) -> Command[Snapshot | None]:
    """A running job with all its votes; None when it runs no more."""

    def parse(answer: Any) -> Snapshot | None:
        if answer is None:
            return None
        spec, key, step, started_at, complete, votes, attempts = answer
        chunks, makers = _votes_by_phase(votes)
        return Snapshot(
            spec=load_spec(spec),
            job_key=bytes.fromhex(key.decode()),
            step=int(step),
            started_at=float(started_at),
            complete=bool(complete),
            chunks=chunks,
            makers=makers,
            attempts=int(attempts),
        )

    return Command(call=script("votes"), args=(job_id,), parse=parse)


def extend(
    job_id: str,
    *,
    step: int,
    request: DrawMore,
    planned: int,
    window: int,
    now: float,
    max_running: int = MAX_RUNNING,
) -> Command[tuple[Chunk, ...] | None]:
    """Give a job its next request; the chunks to send next, or None when another was first.

    They are its own if it is its turn.

    Args:
        job_id: The job, whose present request is complete.
        step: As read in the snapshot that led to this request.
        request: What to draw next.
        planned: Draws that the job is now expected to need in all.
        window: See `admit`.
        now: Current time.
        max_running: See `admit`.
    """
    range_ = (request.phase.value, request.start, request.stop, planned)
    return Command(
        call=script("extend"),
        args=(job_id, step, *range_, now, window, max_running, MOST_AT_ONCE),
        parse=lambda answer: None if answer is None else _chunks(answer),
    )


def show(job_id: str, *, draws: int, document: dict[str, Any]) -> Command[bool]:
    """Keep a certificate that holds while its job runs; False when a later one is there.

    A job that is cancelled, or out of time, succeeds with the last one.

    Args:
        job_id: The job.
        draws: How many draws it rests on; more is later.
        document: The certificate.
    """
    return Command(call=script("show"), args=(job_id, dump_object(document), draws), parse=bool)


def finish(job_id: str, *, step: int, document: dict[str, Any], now: float) -> Command[bool]:
    """End a job with its certificate and cache that; False when another worker was first."""
    args = (job_id, step, dump_object(document), now)
    return Command(call=script("finish"), args=args, parse=bool)


def fail(job_id: str, *, code: str, message: str, now: float) -> Command[bool]:
    """End a job with an error; False when it had ended."""
    return Command(call=script("fail"), args=(job_id, code, message, now), parse=bool)


def revive(model_id: str, *, window: int, now: float) -> Command[tuple[Revived, ...]]:
    """What the jobs need that saw no commit for seconds: their messages may be lost.

    Also expires what is past its deadline. Each job is looked at after 4 s; if something
    was sent, then half as often each time until it commits again. While many messages wait, each
    look comes a lease later.
    """

    def parse(answer: Any) -> tuple[Revived, ...]:
        return tuple(
            Revived(
                job_id=job_id.decode(),
                advance=bool(advance),
                chunks=_resent(job_id.decode(), Phase(phase.decode()), bounds),
            )
            for job_id, phase, advance, bounds in answer
        )

    args = (
        model_id,
        max(window, 1),
        now,
        LEASE_S,
        LONGEST_BACKOFF_S,
        draw_messages(model_id),
        MAX_WAITING_MESSAGES,
        REVIVED_AT_ONCE,
    )
    return Command(call=script("revive"), args=args, parse=parse)


def waiting(model_id: str) -> Command[int]:
    """Messages with chunks of a model that no worker took yet."""
    return Command(call="LLEN", args=(draw_messages(model_id),), parse=int)


def heartbeat(info: WorkerInfo) -> Command[None]:
    """Say that a worker lives, and what it can do."""
    args = (info.instance, dump_worker(info), HEARTBEAT_S)
    return Command(call=script("heartbeat"), args=args, parse=lambda _: None)


def leave(worker: str) -> Command[None]:
    """Say that a worker, holding nothing, is gone."""
    return Command(call=script("leave"), args=(worker,), parse=lambda _: None)


def _resent(job_id: str, phase: Phase, bounds: list[int]) -> tuple[Chunk, ...]:
    pairs = iter(bounds)
    return tuple(
        Chunk(job_id=job_id, phase=phase, start=start, stop=stop)
        for start, stop in zip(pairs, pairs, strict=True)
    )


def _address(chunk: Chunk) -> tuple[str, str, int, int]:
    return chunk.job_id, chunk.phase.value, chunk.start, chunk.stop


def _votes_by_phase(
    flat: list[bytes],
) -> tuple[dict[Phase, dict[int, tuple[int, dict[str, int]]]], tuple[Maker, ...]]:
    chunks: dict[Phase, dict[int, tuple[int, dict[str, int]]]] = {}
    makers: dict[Maker, None] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        phase, start = field.decode().split(":")
        stop, text = value.split(b"|", 1)
        told = load_object(text)
        chunks.setdefault(Phase(phase), {})[int(start)] = int(stop), told["votes"]
        makers[Maker(**told["maker"])] = None
    return chunks, tuple(makers)
