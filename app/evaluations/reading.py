"""An evaluation as it stands, and as soon as it has changed."""

import asyncio
import time
from collections.abc import Callable

from app import draining
from app.services import Services
from jobs import evaluations
from jobs.evaluation_record import Evaluation

FIRST_LOOK_S = 0.05
LONGEST_GAP_S = 1.0


async def read_evaluation(
    services: Services, evaluation_id: str, tenant: str, *, items: bool
) -> Evaluation:
    """A tenant's evaluation, in one round trip whatever the number of its images.

    Raises:
        EvaluationNotFound: The tenant has none of this id.
        EvaluationGone: The tenant had one.
        StoreUnavailable: Redis is away.
    """
    return await services.runner.run(
        evaluations.read(evaluation_id, tenant=tenant, now=time.time(), items=items)
    )


async def wait_for_evaluation(
    services: Services,
    evaluation: Evaluation,
    *,
    seconds: float,
    enough: Callable[[Evaluation], bool],
) -> Evaluation:
    """Reads it again, without its images, until `enough`, or the time or the process is over.

    Raises:
        EvaluationGone: It was deleted meanwhile.
        StoreUnavailable: Redis went away.
    """
    spec = evaluation.spec
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    gap = FIRST_LOOK_S
    while not enough(evaluation) and not draining.asked() and (left := ends - loop.time()) > 0:
        await asyncio.sleep(min(gap, left))
        gap = min(1.5 * gap, LONGEST_GAP_S)
        evaluation = await read_evaluation(services, spec.id, spec.caller.tenant, items=False)
    return evaluation
