"""Whether there is room for an evaluation: for its draws, for its images, for one more at all."""

import math
import time

from app.access.errors import OverQuota
from app.access.limits import limit_headers
from app.errors import FieldError
from app.evaluations.errors import EvaluationsFull, EvaluationTooLarge, TooManyEvaluations
from app.pacing import LONGEST_RETRY_S
from app.services import Services
from jobs import evaluations, store
from jobs.caller import Caller
from jobs.evaluation_record import EvaluationSpec
from jobs.evaluations import Admission, Room
from model_store.errors import ModelStoreError

FULL_RETRY_S = 60
LOOKED_AT = 100


async def require_draws(spec: EvaluationSpec, num_images: int, services: Services) -> None:
    """Refuses more draws than one evaluation may have, or than its caller may.

    Raises:
        EvaluationTooLarge: Than one evaluation may have.
        OverQuota: Than the caller may make in a day, or for one image.
    """
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
        "draws_per_day": max(total, spec.params.n),
    }
    for allowance in allowances:
        # Jobs and draws that wait are made room for by waiting; a day's draws are not.
        daily = allowance.limit == "draws_per_day"
        available = allowance.remaining if daily else allowance.allowed
        if needed.get(allowance.limit, 0) > available:
            fits = needed[allowance.limit] <= allowance.allowed
            waiting_helps = daily and fits and allowance.reset_s is not None
            raise OverQuota(
                limit=allowance.limit,
                allowed=allowance.allowed,
                retry_after_s=int(allowance.reset_s or 0) + 1 if waiting_helps else None,
                headers=limit_headers(allowances),
            )


def room(services: Services) -> Room:
    """How much there may be at a time."""
    settings = services.settings
    longest, whole = settings.max_evaluation_bytes, settings.evaluation_room_bytes
    return Room(
        evaluations=settings.max_evaluations,
        image_bytes=whole,
        # Another tenant's may have to wait for days; room for one is left to others.
        own_image_bytes=max(whole - longest, longest),
    )


async def require_room(services: Services, caller: Caller, *, num_bytes: int) -> None:
    """Refuses an evaluation that would not be taken; asked before its images are kept.

    Raises:
        TooManyEvaluations: The caller has as many under way as it may.
        EvaluationsFull: There is no room for its images.
    """
    asked = evaluations.admits(
        caller.tenant, num_bytes=num_bytes, room=room(services), now=time.time()
    )
    await require(await services.runner.run(asked), services, caller)


async def require(admission: Admission, services: Services, caller: Caller) -> None:
    """Raises what `require_room` does for an answer of the store."""
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
