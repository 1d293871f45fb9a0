"""POST /predict: the class of an image under noise, or an abstention; no radius."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.caller import CallerOf
from app.intake import idempotency_key, read_request
from app.multipart import Part
from app.new_job import Naming
from app.openapi_parts import IDEMPOTENCY_KEY, PREFER, certify_body, certify_query
from app.routes.answers import ServicesOf
from app.routes.certify import RESPONSES
from app.routes.submission import submit_and_answer
from app.schemas import JobBody

router = APIRouter(tags=["certificates"])
OTHER_MODES = ("mode", "n0", "precision", "radius", "bound")
"""Fields that mode predict does not read, and the mode."""


@router.post(
    "/predict",
    status_code=202,
    response_model=JobBody,
    summary="Predict the class of an image",
    responses=RESPONSES,
    openapi_extra={
        "requestBody": certify_body(without=OTHER_MODES),
        "parameters": [*certify_query(without=OTHER_MODES), PREFER, IDEMPOTENCY_KEY],
    },
)
async def predict(request: Request, services: ServicesOf, caller: CallerOf) -> Response:
    """The same as `POST /certify` with mode `predict`: algorithm PREDICT of Cohen et al. (2019).

    Except with probability alpha the class is the one that the smoothed classifier gives this
    very image; where two classes cannot be told apart it abstains. No radius is claimed.
    """
    services.refusals.check(caller)
    naming = Naming(idempotency_key=idempotency_key(request))
    mode = Part(name="mode", data=bytearray(b"predict"))
    wanted = await read_request(request, services, given=[mode])
    return await submit_and_answer(request, services, caller, wanted, naming)
