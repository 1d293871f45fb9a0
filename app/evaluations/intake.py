"""The use case: labelled images become an evaluation, and are kept until it is their turn."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from app.errors import BadImage, FieldError, IdempotencyConflict
from app.evaluations.admission import require, require_draws, require_room, room
from app.evaluations.archive import UnreadableEntry
from app.evaluations.errors import NothingToEvaluate
from app.evaluations.form import EvaluationForm, archive_limits, read_evaluation
from app.evaluations.labels import Labels
from app.evaluations.pictures import Picture, pictures_of
from app.intake import IDEMPOTENCY_KEY, idempotency_key
from app.pacing import most_draws
from app.parameters import smoothing_params
from app.request_id import current_request_id
from app.services import Services
from app.webhooks.form import receiver_of
from app.webhooks.messages import EVALUATION_EVENTS
from jobs import evaluations, keys
from jobs.caller import Caller
from jobs.errors import EvaluationGone, EvaluationNotFound
from jobs.evaluation_record import Evaluation, EvaluationSpec, Item, ItemError
from jobs.evaluations import Admission
from model_store.card import ModelCard
from smoothing.params import SmoothingParams

LONGEST_NAME = 100
FAULTS_SHOWN = 10


@dataclass(slots=True)
class _Entry:
    """An image on its way into the store."""

    picture: Picture
    item: Item

    @property
    def fine(self) -> bool:
        return self.item.error is None

    def refuse(self, code: str, message: str) -> None:
        self.item = replace(self.item, error=ItemError(code=code, message=message))


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What became of a request for an evaluation.

    Attributes:
        evaluation_id: Of the evaluation.
        replayed: Whether the same was asked before under the same name.
    """

    evaluation_id: str
    replayed: bool


async def begin(request: Request, services: Services, caller: Caller) -> Begun:
    """The evaluation that a request asks for; none of its jobs is submitted yet.

    What is wrong with one image ends that image alone, unless no image is left.

    Raises:
        InvalidRequest: The parameters, or none of the images, can be used.
        BadArchive: The archive is none, or has something in it that no folder of images needs.
        EvaluationTooLarge: There is more of it than there may be.
        OverQuota: The caller may not make so many draws.
        TooManyEvaluations: The caller has as many under way as it may.
        EvaluationsFull: There is no room for its images.
        IdempotencyConflict: The name was given to another request.
        StoreUnavailable: Redis is away.
        And what `read_evaluation` raises.
    """
    name = idempotency_key(request)
    earlier = None if name is None else await _earlier(services, caller, name)
    if earlier is None:
        await require_room(services, caller, num_bytes=0)
    async with services.evaluation_uploads.one(caller.tenant):
        form = await read_evaluation(request, services)
        digest = None if name is None else await asyncio.to_thread(form.sha256)
        if earlier is not None:
            if earlier.spec.payload_sha256 != digest:
                raise _conflict(name)
            return Begun(evaluation_id=earlier.spec.id, replayed=True)
        limits = archive_limits(services.settings)
        pictures = await asyncio.to_thread(pictures_of, form.parts, limits)
        spec = await _spec(form, services, caller, name=name, digest=digest)
        await _begin(spec, pictures, form.request.card, services, name=name)
    return Begun(evaluation_id=spec.id, replayed=False)


async def _earlier(services: Services, caller: Caller, name: str) -> Evaluation | None:
    evaluation_id = evaluations.named_id(caller.tenant, name)
    read = evaluations.read(evaluation_id, tenant=caller.tenant, now=time.time())
    try:
        return await services.runner.run(read)
    except EvaluationGone:
        raise
    except EvaluationNotFound:
        return None


async def _require(
    admission: Admission, services: Services, caller: Caller, *, name: str | None
) -> None:
    if admission == "conflict":  # another request of that name was faster
        raise _conflict(name)
    await require(admission, services, caller)


def _conflict(name: str | None) -> IdempotencyConflict:
    return IdempotencyConflict(field=IDEMPOTENCY_KEY, value=name or "")


async def _begin(
    spec: EvaluationSpec,
    pictures: Sequence[Picture],
    card: ModelCard,
    services: Services,
    *,
    name: str | None,
) -> None:
    max_bytes = services.settings.max_upload_bytes
    entries = await asyncio.to_thread(_entries, pictures, Labels(card.labels), max_bytes)
    await require_draws(spec, sum(entry.fine for entry in entries), services)
    await _require_one_image(entries, card, services, tenant=spec.caller.tenant)
    num_bytes = sum(entry.picture.size for entry in entries if entry.fine)
    await require_room(services, spec.caller, num_bytes=num_bytes)
    upload_id = keys.new_job_id()
    try:
        await _upload(upload_id, entries, services)
        create = evaluations.create(
            spec,
            [entry.item for entry in entries],
            upload_id=upload_id,
            num_bytes=num_bytes,
            room=room(services),
            now=time.time(),
        )
        admission = await services.runner.run(create)
        await _require(admission, services, spec.caller, name=name)
    except Exception:
        await services.runner.run(evaluations.forget_uploads(upload_id))
        raise


def _entries(pictures: Sequence[Picture], labels: Labels, max_bytes: int) -> list[_Entry]:
    return [_entry(picture, labels, max_bytes) for picture in pictures]


def _entry(picture: Picture, labels: Labels, max_bytes: int) -> _Entry:
    name = picture.name[-LONGEST_NAME:]
    label = None if picture.label is None else labels.index(picture.label)
    entry = _Entry(picture, Item(name=name, label=label if isinstance(label, int) else None))
    if isinstance(label, ItemError):
        entry.refuse(label.code, label.message)
    elif label is None:
        entry.refuse("no-label", "must lie in the folder of its class: CLASS/FILE")
    elif picture.size > max_bytes:
        entry.refuse("image-too-large", f"{picture.size} bytes, at most {max_bytes} are read")
    return entry


async def _params(form: EvaluationForm, services: Services) -> SmoothingParams:
    crew = await services.fleet.crew(form.request.card)
    return smoothing_params(
        form.request, draws_per_s=crew.draws_per_s, max_draws=services.settings.max_draws
    )


async def _spec(
    form: EvaluationForm,
    services: Services,
    caller: Caller,
    *,
    name: str | None,
    digest: str | None,
) -> EvaluationSpec:
    now, params, asked = time.time(), await _params(form, services), form.request.form
    return EvaluationSpec(
        id=keys.new_job_id() if name is None else evaluations.named_id(caller.tenant, name),
        name=form.name,
        caller=caller,
        model=keys.model_ref(form.request.card),
        params=params,
        draws_each=most_draws(params),
        created_at=now,
        deadline_at=now + services.settings.evaluation_deadline_s,
        request_id=current_request_id(),
        payload_sha256=digest,
        webhook=receiver_of(
            asked.webhook_url, asked.webhook_events, services.receivers, known=EVALUATION_EVENTS
        ),
    )


async def _require_one_image(
    entries: Sequence[_Entry], card: ModelCard, services: Services, *, tenant: str
) -> None:
    """Decodes images until one is fine; the others wait until it is their turn."""
    for entry in entries:
        if entry.fine and await _is_fine(entry, card, services, tenant=tenant):
            return
    faults = [
        FieldError(
            field=f"item {index}",
            value=entry.item.name or None,
            detail=entry.item.error.message,
        )
        for index, entry in enumerate(entries)
        if entry.item.error is not None
    ]
    raise NothingToEvaluate(faults[:FAULTS_SHOWN] or [_no_image()], total=len(entries))


async def _is_fine(entry: _Entry, card: ModelCard, services: Services, *, tenant: str) -> bool:
    try:
        data = await asyncio.to_thread(entry.picture.read)
        await services.images.prepare(data, card.preprocessing, tenant=tenant)
    except (UnreadableEntry, BadImage) as error:
        entry.refuse(*refusal_of(error))
    return entry.fine


def refusal_of(error: UnreadableEntry | BadImage) -> tuple[str, str]:
    """What is said of an image that cannot be evaluated: a stable code, and words."""
    if isinstance(error, BadImage):
        return error.reason.replace("_", "-"), str(error)
    return "unreadable-entry", str(error)


def _no_image() -> FieldError:
    return FieldError(field="archive", value=None, detail="holds no image in a class folder")


async def _upload(upload_id: str, entries: Sequence[_Entry], services: Services) -> None:
    for index, entry in enumerate(entries):
        if not entry.fine:
            continue
        try:
            data = await asyncio.to_thread(entry.picture.read)
        except UnreadableEntry as error:
            entry.refuse(*refusal_of(error))
            continue
        upload = evaluations.upload(upload_id, index, data, now=time.time())
        await services.runner.run(upload)
