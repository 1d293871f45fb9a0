"""The store of evaluations; each function returns a `Command`, as in `jobs.store`.

All live in one script, `evaluation.lua`: a reader costs one round trip whatever the number of
images, since how a job ended is copied into the record when it has.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from jobs.codec import dump_evaluation, dump_object, load_evaluation
from jobs.command import Argument, Command, script
from jobs.errors import (
    EvaluationGone,
    EvaluationNotCancellable,
    EvaluationNotFound,
    UnknownCursor,
)
from jobs.evaluation_record import Evaluation, EvaluationSpec, EvaluationState, Item, ItemError
from jobs.evaluation_view import evaluation_of
from jobs.view import decode

T = TypeVar("T")
MOST_LOOKS = 1_000
_NAMES = uuid.UUID("5e1f0c1e-7a54-4c0b-9a43-6a8d3a3d9a51")
Admission = Literal["admitted", "busy", "full", "conflict"]
"""Whether one may begin, and if not why: "busy", the caller has as many under way as it may;
"full", too many bytes of images wait in all; "conflict", its id is that of another payload's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much there may be at a time.

    Attributes:
        evaluations: Of one tenant, under way.
        image_bytes: Of all tenants, waiting to be submitted.
        own_image_bytes: Of them, of one tenant.
    """

    evaluations: int
    image_bytes: int
    own_image_bytes: int

    def told(self) -> tuple[int, int, int]:
        """As scripts take it."""
        return self.evaluations, self.image_bytes, self.own_image_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Images that one process is to submit now.

    Attributes:
        spec: Of their evaluation.
        indices: Which.
    """

    spec: EvaluationSpec
    indices: tuple[int, ...]


def child_id(evaluation_id: str, index: int) -> str:
    """The id of an image's job: the same each time, so that submitting it again changes nothing."""
    return str(uuid.uuid5(uuid.UUID(evaluation_id), str(index)))


def named_id(tenant: str, name: str) -> str:
    """The id of the evaluation that a tenant has named, so that asking for it again finds it."""
    return str(uuid.uuid5(_NAMES, f"{tenant}\0{name}"))


def _images(evaluation_id: str) -> str:
    return f"dmae:evaluation:{{{evaluation_id}}}:images"


def _ask(
    what: str, *args: Argument, parse: Callable[[Any], T], even_when_full: bool = False
) -> Command[T]:
    asked = script("evaluation", even_when_full=even_when_full)
    return Command(call=asked, args=(what, *args), parse=parse)


def admits(tenant: str, *, num_bytes: int, room: Room, now: float) -> Command[Admission]:
    """Whether a tenant's evaluation with so many bytes of images would be taken."""
    return _ask("admits", "", now, tenant, num_bytes, *room.told(), parse=_admission)


def upload(upload_id: str, index: int, data: bytes, *, now: float) -> Command[None]:
    """Keep an image for the evaluation that is made of these uploads, within the hour."""
    return _ask("upload", upload_id, now, index, data, parse=lambda _: None)


def image(evaluation_id: str, index: int) -> Command[bytes | None]:
    """An image that waits to be submitted, or None."""
    return Command(call="HGET", args=(_images(evaluation_id), index), parse=lambda answer: answer)


def forget_uploads(upload_id: str) -> Command[None]:
    """Erase images of which no evaluation was made."""
    return Command(call="DEL", args=(_images(upload_id),), parse=lambda _: None)


def create(
    spec: EvaluationSpec,
    items: Sequence[Item],
    *,
    upload_id: str,
    num_bytes: int,
    room: Room,
    now: float,
) -> Command[Admission]:
    """Begin an evaluation of images that were uploaded; sent again it changes nothing.

    Under the id of one that is there it is "admitted" if that has the same `payload_sha256`, and
    else in "conflict".

    Args:
        spec: What is asked.
        items: Its images; those with an error have ended.
        upload_id: Under which the images were uploaded.
        num_bytes: Of the images that were uploaded.
        room: How much there may be at a time.
        now: Current time.
    """
    told: list[bytes] = []
    for item in items:
        error = item.error
        ended = error and {"state": "error", "code": error.code, "message": error.message}
        told += [dump_object({"name": item.name, "label": item.label})]
        told += [dump_object(ended) if ended else b""]
    return _ask(
        "create",
        spec.id,
        now,
        spec.caller.tenant,
        num_bytes,
        *room.told(),
        dump_evaluation(spec),
        spec.deadline_at,
        upload_id,
        *told,
        parse=_admission,
    )


def _admission(answer: Any) -> Admission:
    return answer.decode()


def live() -> Command[tuple[str, ...]]:
    """The evaluations of all tenants that have not ended, the oldest first."""
    return Command(
        call="ZRANGE",
        args=("dmae:evaluations:live", 0, -1),
        parse=lambda answer: tuple(one.decode() for one in answer),
    )


def take(
    evaluation_id: str, *, claimer: str, window: int, most: int, now: float
) -> Command[Turn | None]:
    """Images to submit, for one process at a time; None when there is nothing to do now.

    Args:
        evaluation_id: Of which.
        claimer: Who submits; for ten seconds nobody else gets any.
        window: Jobs of one evaluation that may be live at a time.
        most: Images to take.
        now: Current time.
    """

    def parse(answer: Any) -> Turn | None:
        if answer is None:
            return None
        spec, indices = answer
        return Turn(spec=load_evaluation(spec), indices=tuple(int(index) for index in indices))

    return _ask("take", evaluation_id, now, claimer, window, most, parse=parse)


def let_go(evaluation_id: str, *, claimer: str, now: float) -> Command[None]:
    """Let others take."""
    return _ask("yield", evaluation_id, now, claimer, parse=lambda _: None)


def placed(evaluation_id: str, index: int, *, job_id: str, own: bool, now: float) -> Command[bool]:
    """Say which job an image has; whether anybody still waits for it, or is told of it.

    Args:
        evaluation_id: Of which.
        index: Of the image.
        job_id: Its job.
        own: Whether it was made for this: only then it is cancelled and deleted with it.
        now: Current time.
    """
    return _ask("placed", evaluation_id, now, index, job_id, int(own), parse=bool)


def refused(evaluation_id: str, index: int, *, error: ItemError, now: float) -> Command[None]:
    """Say that an image cannot be evaluated."""
    return _ask(
        "refused", evaluation_id, now, index, error.code, error.message, parse=lambda _: None
    )


def read(
    evaluation_id: str, *, tenant: str, now: float, items: bool = False
) -> Command[Evaluation]:
    """A tenant's evaluation as it stands, its jobs included.

    Args:
        evaluation_id: Which.
        tenant: Whose.
        now: Current time.
        items: Whether to tell of each image.

    Raises (when run):
        EvaluationNotFound: No such evaluation.
        EvaluationGone: It was deleted, or ended long ago.
    """

    def parse(answer: Any) -> Evaluation:
        _require(answer, evaluation_id)
        return evaluation_of(answer)

    return _ask("read", evaluation_id, now, tenant, int(items), parse=parse)


def list_evaluations(
    tenant: str, *, now: float, cursor: str | None = None, limit: int = 20
) -> Command[tuple[tuple[Evaluation, ...], str | None]]:
    """A page of a tenant's evaluations, newest first, and the cursor of the next one.

    Raises (when run):
        UnknownCursor: It was never given, or has been forgotten.
    """

    def parse(answer: Any) -> tuple[tuple[Evaluation, ...], str | None]:
        if answer is None:
            raise UnknownCursor(cursor or "")
        following, rows = answer
        return tuple(evaluation_of(row) for row in rows), decode(following) or None

    return _ask("list", cursor or "", now, tenant, limit, MOST_LOOKS, parse=parse)


def cancel(evaluation_id: str, *, tenant: str, now: float) -> Command[None]:
    """Cancel a tenant's evaluation and its jobs; a second cancel changes nothing.

    Raises (when run):
        EvaluationNotFound: No such evaluation.
        EvaluationGone: It was deleted, or ended long ago.
        EvaluationNotCancellable: It ended by itself before.
    """

    def parse(answer: Any) -> None:
        _require(answer, evaluation_id)
        if decode(answer) != EvaluationState.CANCELLED:
            raise EvaluationNotCancellable(evaluation_id, decode(answer))

    return _ask("cancel", evaluation_id, now, tenant, parse=parse, even_when_full=True)


def delete(evaluation_id: str, *, tenant: str, now: float) -> Command[None]:
    """Erase a tenant's evaluation and the jobs that were made for it, cancelling if need be.

    Raises (when run):
        EvaluationNotFound: No such evaluation.
        EvaluationGone: It was deleted before, or ended long ago.
    """

    def parse(answer: Any) -> None:
        _require(answer, evaluation_id)

    return _ask("delete", evaluation_id, now, tenant, parse=parse, even_when_full=True)


def _require(answer: Any, evaluation_id: str) -> None:
    if answer == 0:
        raise EvaluationNotFound(evaluation_id)
    if answer == 1:
        raise EvaluationGone(evaluation_id)
