"""/models: what there is to choose from, and what is live."""

import logging
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.openapi import problems
from app.routes.answers import ServicesOf, json_answer
from app.schemas import ModelBody, ModelsBody
from app.services import Services
from model_store.card import ModelCard
from model_store.errors import CardInvalid

router = APIRouter(prefix="/models", tags=["models"])
logger = logging.getLogger(__name__)

ModelId = Annotated[
    str, Path(description="Id of a model.", examples=["vit_tiny_patch4_32.dmae_cifar10_s025"])
]


@router.get(
    "",
    response_model=ModelsBody,
    summary="All models",
    responses=problems("store-unavailable"),
)
async def list_models(services: ServicesOf) -> Response:
    """Every model of the store with a valid card."""
    cards = [card for model in services.registry.ids() if (card := _card(model, services))]
    bodies = [await _body(card, services) for card in cards]
    return json_answer(ModelsBody(models=bodies))


@router.get(
    "/{model_id}",
    response_model=ModelBody,
    summary="One model",
    responses=problems("model-not-found", "store-unavailable"),
)
async def get_model(model_id: ModelId, services: ServicesOf) -> Response:
    """The card of a model, and its workers."""
    return json_answer(await _body(services.registry.get(model_id), services))


def _card(model: str, services: Services) -> ModelCard | None:
    try:
        return services.registry.get(model)
    except CardInvalid as error:
        logger.warning("card left out", extra={"model": model, "reason": str(error)})
        return None


async def _body(card: ModelCard, services: Services) -> ModelBody:
    return ModelBody.of(
        card,
        await services.fleet.crew(card),
        default=card.id == services.registry.default().id,
        max_draws=services.settings.max_draws,
    )
