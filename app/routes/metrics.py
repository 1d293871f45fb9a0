"""/metrics: figures for Prometheus, of the whole service and of this process."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from app.access.caller import require
from app.access.documentation import DENIALS
from app.openapi import problems
from app.routes.answers import ServicesOf
from app.telemetry.exposition import Exposition
from jobs.errors import StoreUnavailable
from jobs.figures import figures

router = APIRouter(tags=["health"])
_admin = require("admin").dependency


async def _may_watch(request: Request, services: ServicesOf) -> None:
    if not services.settings.metrics_open:
        await _admin(request)


_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "As text for Prometheus; as OpenMetrics where that is asked for.",
        "content": {"text/plain": {}, "application/openmetrics-text": {}},
    }
}


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        **_CONTENT,
        **problems(*DENIALS),
    },
    dependencies=[Depends(_may_watch)],
)
async def metrics(
    request: Request,
    services: ServicesOf,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Figures without ids of jobs or names of tenants; they need the scope `admin`.

    Those of the queue are the same from each web process; those named `dmae_http_*`, `dmae_rejects`
    and `dmae_store_*` are of the process that answers.
    """
    models = services.registry.ids()
    try:
        told = await services.runner.run(figures(models))
    except StoreUnavailable:
        told = None
    try:
        encode, content_type = choose_encoder(accept or "")
    except TypeError:  # of a version that is no number
        encode, content_type = choose_encoder("")
    version = request.app.version
    shown = Exposition(version=version, models=models, figures=told, now=time.time())
    return Response(encode(shown), headers={"Content-Type": content_type})
