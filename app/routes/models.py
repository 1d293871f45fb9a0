"""/models: what there is to choose from, and what is live."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.access.caller import require
from app.fleet import readable_cards
from app.openapi import problems
from app.routes.answers import ServicesOf, json_answer
from app.schemas import ModelBody, ModelsBody
from app.services import Services
from model_store.card import ModelCard

router = APIRouter(prefix="/models", tags=["models"], dependencies=[require("read")])

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
    bodies = [await _body(card, services) for card in readable_cards(services.registry)]
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


async def _body(card: ModelCard, services: Services) -> ModelBody:
    return ModelBody.of(
        card,
        await services.fleet.crew(card),
        default=card.id == services.registry.default().id,
        max_draws=services.settings.max_draws,
    )
