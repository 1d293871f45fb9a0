"""The caller's own evaluation, by the id in a path."""

from typing import Annotated

from fastapi import Path

from app.evaluations.reading import read_evaluation
from app.evaluations.schemas import EXAMPLE_EVALUATION_ID
from app.routes.answers import is_job_id
from app.services import Services
from jobs.caller import Caller
from jobs.errors import EvaluationNotFound
from jobs.evaluation_record import Evaluation

EvaluationId = Annotated[
    str, Path(description="Id of an evaluation.", examples=[EXAMPLE_EVALUATION_ID])
]


def checked_evaluation_id(text: str) -> str:
    """The id of an evaluation, if it can be one.

    Raises:
        EvaluationNotFound: It cannot.
    """
    if not is_job_id(text):
        raise EvaluationNotFound(text[:100])
    return text


async def own_evaluation(
    services: Services, caller: Caller, evaluation_id: str, *, items: bool = True
) -> Evaluation:
    """The caller's evaluation of an id, as it stands.

    Raises:
        EvaluationNotFound: The caller has none of this id.
        EvaluationGone: The caller had one.
        StoreUnavailable: Redis is away.
    """
    known = checked_evaluation_id(evaluation_id)
    return await read_evaluation(services, known, caller.tenant, items=items)
