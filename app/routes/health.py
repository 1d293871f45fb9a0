"""Whether the process runs, and whether it can certify: two questions with two paths."""

from fastapi import APIRouter
from starlette.responses import Response

from app import draining
from app.errors import NotReady
from app.fleet import crew_of, readable_cards
from app.openapi import problems
from app.routes.answers import ServicesOf, json_answer
from app.schemas import AliveBody, ReadyBody
from app.services import Services

router = APIRouter(tags=["health"])


@router.get("/livez", response_model=AliveBody, summary="Does it run?", responses=problems())
@router.get("/healthz", response_model=AliveBody, summary="Does it run?", responses=problems())
async def alive() -> Response:
    """Answers as long as the process does; asks nothing of Redis or workers."""
    return json_answer(AliveBody())


@router.get(
    "/readyz",
    response_model=ReadyBody,
    summary="Can it certify?",
    responses=problems("not-ready", "store-unavailable"),
)
async def ready(services: ServicesOf) -> Response:
    """Whether Redis answers and a worker holds a model; loading one takes a worker some time."""
    return json_answer(await readiness(services))


async def readiness(services: Services) -> ReadyBody:
    """What is ready.

    Raises:
        NotReady: No worker holds a model, or the process is about to stop.
        StoreUnavailable: Redis is away.
    """
    if draining.asked():
        raise NotReady("draining: the process was asked to stop and finishes its work")
    workers = await services.fleet.workers()
    cards = readable_cards(services.registry)
    crews = {card.id: crew_of(card, workers) for card in cards}
    held = [model for model, crew in crews.items() if crew.ready]
    starting = sum(worker.state == "starting" for worker in workers)
    if not held:
        faults = [problem for crew in crews.values() for problem in crew.problems]
        raise NotReady(_reason(starting, faults))
    return ReadyBody(
        workers_ready=len(workers) - starting,
        workers_starting=starting,
        models=held,
        runtimes={model: list(crews[model].runtimes) for model in held},
        warnings=[warning for model in held for warning in crews[model].warnings],
    )


def _reason(starting: int, faults: list[str]) -> str:
    if starting:
        return "worker starting: it is loading its models"
    if faults:
        return f"no worker could load a model: {faults[0]}"
    return "no worker is alive"
