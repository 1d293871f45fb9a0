"""/quota: what the caller may have, and what is left of it."""

import time

from fastapi import APIRouter
from starlette.responses import Response

from app.access.caller import CallerOf
from app.access.limits import limit_headers
from app.access.schemas import LimitBody, QuotaBody
from app.openapi import problems
from app.openapi_parts import LIMITS
from app.routes.answers import ServicesOf, json_answer
from jobs import store

router = APIRouter(tags=["access"])


@router.get(
    "/quota",
    response_model=QuotaBody,
    summary="Who you are here, and what you may have",
    responses={200: {"headers": LIMITS}, **problems("store-unavailable")},
)
async def get_quota(services: ServicesOf, caller: CallerOf) -> Response:
    """The limits of your tenant, and what is left of each; a limit that is not listed is none."""
    remaining = await services.runner.run(store.usage(caller, now=time.time()))
    body = QuotaBody(
        tenant=caller.tenant,
        key=caller.key_id,
        name=caller.name,
        scopes=sorted(caller.scopes),
        weight=caller.quota.weight,
        limits=[LimitBody.of(each) for each in remaining],
    )
    return json_answer(body, headers=limit_headers(remaining))
