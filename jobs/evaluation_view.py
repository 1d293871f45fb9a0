"""An evaluation as read from the store's answer."""

from collections.abc import Sequence
from typing import Any

from jobs.codec import load_evaluation, load_object
from jobs.evaluation_record import (
    Child,
    Evaluation,
    EvaluationState,
    Item,
    ItemError,
    Result,
)
from jobs.view import decode


def evaluation_of(head: Any) -> Evaluation:
    """An evaluation from what `evaluation.lua` tells of it."""
    spec, state, version, finished_at, draws, lengths, children, *items = head
    ended = EvaluationState(decode(state))
    live = [_child(row) for row in children]
    begun = int(draws) > 0 or any(child.state == "running" for child in live)
    return Evaluation(
        spec=load_evaluation(spec),
        state=ended if ended.terminal or begun else EvaluationState.QUEUED,
        version=int(version),
        finished_at=None if finished_at is None else float(finished_at),
        num_items=lengths[0],
        num_ended=lengths[1],
        num_pending=lengths[2],
        draws_ended=int(draws),
        children=tuple(sorted(live, key=lambda child: child.index)),
        items=_items(items[0]) if items else (),
        results=_results(items[1]) if items else {},
    )


def _child(row: Any) -> Child:
    index, job_id, state, done, planned = row
    return Child(
        index=int(index),
        job_id=decode(job_id),
        state=decode(state),
        draws_done=int(done),
        draws_planned=int(planned),
    )


def _items(flat: Sequence[bytes]) -> tuple[Item, ...]:
    told = {int(index): load_object(text) for index, text in _pairs(flat)}
    return tuple(Item(**told[index]) for index in sorted(told))


def _results(flat: Sequence[bytes]) -> dict[int, Result]:
    return {int(index): _result(load_object(text)) for index, text in _pairs(flat)}


def _result(told: dict[str, Any]) -> Result:
    code = told.get("code")
    predicted = int(told.get("predicted", -1))
    return Result(
        state=told["state"],
        job_id=told.get("job"),
        predicted=None if predicted < 0 else predicted,
        certified="predicted" in told,
        radius=float(told.get("radius", 0.0)),
        draws=int(told.get("draws", 0)),
        seconds=float(told.get("seconds", 0.0)),
        error=None if code is None else ItemError(code=code, message=told.get("message", "")),
    )


def _pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
