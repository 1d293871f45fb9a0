"""/v2: health and models as the Open Inference Protocol has them, to read; it has no certificates.

Errors stay problems: their `error` is our `detail`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from app.access.caller import require
from app.errors import NotReady
from app.openapi import problems
from app.routes.answers import ServicesOf
from app.routes.health import readiness

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

ModelId = Annotated[str, Path(description="Id of a model.")]


def _object(description: str, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {200: {"description": description, "content": content}}


@router.get(
    "",
    summary="What serves here",
    responses={
        **_object("Name and version.", {"name": "dmae-certify", "version": "1", "extensions": []}),
        **problems(),
    },
)
async def server(request: Request) -> Response:
    """The server's metadata."""
    app = request.app
    return JSONResponse({"name": app.title, "version": app.version, "extensions": []})


@router.get(
    "/health/live",
    summary="Does it run?",
    responses={**_object("It does.", {"live": True}), **problems()},
)
async def live() -> Response:
    """The same as `/livez`."""
    return JSONResponse({"live": True})


@router.get(
    "/health/ready",
    summary="Can it certify?",
    responses={**_object("It can.", {"ready": True}), **problems("not-ready", "store-unavailable")},
)
async def ready(services: ServicesOf) -> Response:
    """The same as `/readyz`."""
    await readiness(services)
    return JSONResponse({"ready": True})


@router.get(
    "/models/{model_id}",
    summary="A model's inputs and outputs",
    dependencies=[require("read")],
    responses={
        **_object(
            "The base classifier's tensors.",
            {
                "name": "vit_tiny_patch4_32.dmae_cifar10_s025",
                "versions": ["1"],
                "platform": "dmae-certify",
                "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]}],
                "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 10]}],
            },
        ),
        **problems("model-not-found"),
    },
)
async def model(model_id: ModelId, services: ServicesOf) -> Response:
    """The model's metadata; `/models/{model_id}` says more."""
    card = services.registry.get(model_id)
    size = card.preprocessing.size
    return JSONResponse(
        {
            "name": card.id,
            "versions": [card.weights.sha256[:12]],
            "platform": "dmae-certify",
            "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, size, size]}],
            "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, len(card.labels)]}],
        }
    )


@router.get(
    "/models/{model_id}/ready",
    summary="Does a worker hold it?",
    dependencies=[require("read")],
    responses={
        **_object("One does.", {"name": "vit_tiny_patch4_32.dmae_cifar10_s025", "ready": True}),
        **problems("model-not-found", "not-ready", "store-unavailable"),
    },
)
async def model_ready(model_id: ModelId, services: ServicesOf) -> Response:
    """Whether a live worker holds the very weights of the card."""
    card = services.registry.get(model_id)
    if not (await services.fleet.crew(card)).ready:
        raise NotReady(f"no live worker holds {card.id}")
    return JSONResponse({"name": card.id, "ready": True})
