"""The use case: labelled images become an evaluation, and are kept until it is their turn."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request

from app.access.errors import OverQuota
from app.access.limits import limit_headers
from app.errors import BadImage, FieldError
from app.evaluations.archive import UnreadableEntry
from app.evaluations.errors import (
    EvaluationsFull,
    EvaluationTooLarge,
    NothingToEvaluate,
    TooManyEvaluations,
)
from app.evaluations.form import EvaluationForm, archive_limits, read_evaluation
from app.evaluations.labels import Labels
from app.evaluations.pictures import Picture, pictures_of
from app.pacing import LONGEST_RETRY_S, default_n, most_draws
from app.parameters import smoothing_params
from app.request_id import current_request_id
from app.services import Services
from jobs import evaluations, keys, store
from jobs.caller import Caller
from jobs.evaluation_record import EvaluationSpec, Item, ItemError
from jobs.evaluations import Admission, Room
from model_store.card import ModelCard
from model_store.errors import ModelStoreError
from smoothing.certificate import SmoothingParams

LONGEST_NAME = 100
FAULTS_SHOWN = 10
FULL_RETRY_S = 60
LOOKED_AT = 100


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


async def begin(request: Request, services: Services, caller: Caller) -> str:
    """The id of the evaluation that a request asks for; none of its jobs is submitted yet.

    What is wrong with one image ends that image alone, unless no image is left.

    Raises:
        InvalidRequest: The parameters, or none of the images, can be used.
        BadArchive: The archive is none, or has something in it that no folder of images needs.
        EvaluationTooLarge: There is more of it than there may be.
        OverQuota: The caller may not make so many draws.
        TooManyEvaluations: The caller has as many under way as it may.
        EvaluationsFull: There is no room for its images.
        StoreUnavailable: Redis is away.
        And what `read_evaluation` raises.
    """
    await _require_room(services, caller, num_bytes=0)
    async with services.evaluation_uploads:
        form = await read_evaluation(request, services)
        limits = archive_limits(services.settings)
        pictures = await asyncio.to_thread(pictures_of, form.parts, limits)
        return await _begin(form, pictures, services, caller)


async def _begin(
    form: EvaluationForm, pictures: Sequence[Picture], services: Services, caller: Caller
) -> str:
    card, settings = form.request.card, services.settings
    params = await _params(form, services)
    labels = Labels(card.labels)
    entries = [_entry(picture, labels, settings.max_upload_bytes) for picture in pictures]
    spec = _spec(form, params, services, caller)
    await _require_draws(spec, sum(entry.fine for entry in entries), services)
    await _require_one_image(entries, card, services)
    num_bytes = sum(entry.picture.size for entry in entries if entry.fine)
    await _require_room(services, caller, num_bytes=num_bytes)
    try:
        await _upload(spec.id, entries, services)
        items = [entry.item for entry in entries]
        now = time.time()
        admission = await services.runner.run(
            evaluations.create(spec, items, num_bytes=num_bytes, room=_room(services), now=now)
        )
        await _require(admission, services, caller)
    except Exception:
        await services.runner.run(evaluations.forget_uploads(spec.id))
        raise
    return spec.id


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
    request, settings = form.request, services.settings
    crew = await services.fleet.crew(request.card)
    n = default_n(
        request.form.mode, crew.draws_per_s, n0=request.form.n0, at_most=settings.max_draws
    )
    return smoothing_params(request, default_n=n)


def _spec(
    form: EvaluationForm, params: SmoothingParams, services: Services, caller: Caller
) -> EvaluationSpec:
    now = time.time()
    return EvaluationSpec(
        id=keys.new_job_id(),
        name=form.name,
        caller=caller,
        model=keys.model_ref(form.request.card),
        params=params,
        draws_each=most_draws(params),
        created_at=now,
        deadline_at=now + services.settings.evaluation_deadline_s,
        request_id=current_request_id(),
    )


async def _require_draws(spec: EvaluationSpec, num_images: int, services: Services) -> None:
    total, limit = spec.draws_each * num_images, services.settings.max_evaluation_draws
    if total > limit:
        detail = (
            f"{num_images} images of up to {spec.draws_each} draws are {total} draws, at most "
            f"{limit} are made for one evaluation"
        )
        raise EvaluationTooLarge(
            FieldError(field="n", value=total, detail=detail, limit={"max_draws": limit})
        )
    allowances = await services.runner.run(store.usage(spec.caller, now=time.time()))
    needed = {
        "live_jobs": 1,
        "draws_queued": spec.draws_each,
        "draws_per_day": total,
    }
    for allowance in allowances:
        # Jobs and draws that wait are made room for by waiting; a day's draws are not.
        daily = allowance.limit == "draws_per_day"
        available = allowance.remaining if daily else allowance.allowed
        if needed.get(allowance.limit, 0) > available:
            waiting_helps = daily and total <= allowance.allowed and allowance.reset_s is not None
            raise OverQuota(
                limit=allowance.limit,
                allowed=allowance.allowed,
                retry_after_s=int(allowance.reset_s or 0) + 1 if waiting_helps else None,
                headers=limit_headers(allowances),
            )


async def _require_one_image(
    entries: Sequence[_Entry], card: ModelCard, services: Services
) -> None:
    """Decodes images until one is fine; the others wait until it is their turn."""
    for entry in entries:
        if entry.fine and await _is_fine(entry, card, services):
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


async def _is_fine(entry: _Entry, card: ModelCard, services: Services) -> bool:
    try:
        data = await asyncio.to_thread(entry.picture.read)
        await services.images.prepare(data, card.preprocessing)
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


async def _upload(evaluation_id: str, entries: Sequence[_Entry], services: Services) -> None:
    for index, entry in enumerate(entries):
        if not entry.fine:
            continue
        try:
            data = await asyncio.to_thread(entry.picture.read)
        except UnreadableEntry as error:
            entry.refuse(*refusal_of(error))
            continue
        upload = evaluations.upload(evaluation_id, index, data, now=time.time())
        await services.runner.run(upload)


def _room(services: Services) -> Room:
    settings = services.settings
    return Room(evaluations=settings.max_evaluations, image_bytes=settings.evaluation_room_bytes)


async def _require_room(services: Services, caller: Caller, *, num_bytes: int) -> None:
    asked = evaluations.admits(
        caller.tenant, num_bytes=num_bytes, room=_room(services), now=time.time()
    )
    await _require(await services.runner.run(asked), services, caller)


async def _require(admission: Admission, services: Services, caller: Caller) -> None:
    if admission == "admitted":
        return
    settings = services.settings
    if admission == "full":
        raise EvaluationsFull(settings.evaluation_room_bytes, retry_after_s=FULL_RETRY_S)
    page, _ = await services.runner.run(
        evaluations.list_evaluations(caller.tenant, now=time.time(), limit=LOOKED_AT)
    )
    live = [each for each in page if not each.state.terminal]
    left = min((each.draws_planned - each.draws_done for each in live), default=0)
    models = {each.spec.model.id for each in live}
    speeds = [speed for model in models if (speed := await draws_per_s(services, model))]
    seconds = min(math.ceil(left / max(speeds)) + 1, LONGEST_RETRY_S) if speeds else FULL_RETRY_S
    raise TooManyEvaluations(settings.max_evaluations, retry_after_s=seconds)


async def draws_per_s(services: Services, model_id: str) -> float | None:
    """The speed of all workers of a model together; None where the model has left the store."""
    try:
        card = services.registry.get(model_id)
    except ModelStoreError:
        return None
    return (await services.fleet.crew(card)).draws_per_s
