"""The web application: routes, middleware and error handlers put together, nothing at import."""

import gc
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from app.background import in_background
from app.draining import draining_on_signals
from app.edge import QUIET_PATHS, Edge
from app.evaluations.submission import submit_all
from app.guards import HostGuard, SameSiteGuard
from app.head import HeadAsGet
from app.limits import BodyLimit, Bounds
from app.logs import configure_logging
from app.openapi import complete_openapi
from app.pages import (
    assets,
    documentation,
    form_routes,
    job_routes,
    login,
    picture_routes,
    verify_routes,
)
from app.pages.problem_pages import ProblemPages
from app.problem_kinds import KINDS
from app.problems import handle
from app.routes import (
    certificates,
    certify,
    covers,
    evaluations,
    health,
    inference_protocol,
    job,
    jobs,
    jwks,
    metrics,
    models,
    predict,
    quota,
    security_txt,
    verify,
    webhooks,
)
from app.services import Services, build_services
from app.settings import settings_from_environment
from app.telemetry.metrics import expect_rejects
from app.telemetry.tracing import fastapi_telemetry
from app.unrouted import Handler, method_not_allowed, not_found
from app.version import release

logger = logging.getLogger(__name__)

FORM_OVERHEAD_BYTES = 64 * 1024
ROUTERS = (
    # The first are found fastest.
    certify.router,
    job.router,
    predict.router,
    evaluations.router,
    jobs.router,
    certificates.router,
    covers.router,
    verify.router,
    jwks.router,
    models.router,
    quota.router,
    webhooks.router,
    health.router,
    inference_protocol.router,
    security_txt.router,
    metrics.router,
    picture_routes.router,
    form_routes.router,
    job_routes.router,
    verify_routes.router,
    login.router,
    assets.router,
    documentation.router,
)
DESCRIPTION = """
Certified robustness of image classifiers by randomized smoothing: upload an image and a noise
level, get the class and an L2 radius within which no perturbation changes it.

Every error is `application/problem+json` (RFC 9457); its `type` is explained at that path.
"""


def create_app(services: Services) -> FastAPI:
    """The application over given services; they are closed when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        logger.info("started", extra={"models": services.registry.ids()})
        if services.settings.keys == "off":
            logger.warning("nobody needs an API key: whoever reaches this service may use it")
        work = [submit_all(services)]
        if courier := services.courier():
            work.append(courier.run())
        async with in_background(work):
            with draining_on_signals(services.settings.drain_s):
                yield
        await services.aclose()

    expect_rejects(KINDS)
    settings = services.settings
    longest_body = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    handlers: dict[int | type[Exception], Handler] = {
        404: not_found,
        405: method_not_allowed(ROUTERS),
        HTTPException: handle,
        RequestValidationError: handle,
    }
    app = FastAPI(
        title="dmae-certify",
        version=release(),
        description=DESCRIPTION.strip(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=fastapi_telemetry(services.tracing, but_for=QUIET_PATHS),
        exception_handlers=handlers,
        middleware=[
            Middleware(Edge),
            Middleware(HeadAsGet),
            Middleware(ProblemPages),
            Middleware(HostGuard, allowed=settings.allowed_hosts),
            Middleware(SameSiteGuard),
            Middleware(
                BodyLimit,
                usual=Bounds(
                    max_bytes=longest_body,
                    timeout_s=settings.body_timeout_s,
                ),
                # Any one body that is short enough must find room.
                max_held_bytes=max(settings.max_held_bytes, longest_body),
                paths={
                    "/evaluations": Bounds(
                        max_bytes=settings.max_evaluation_bytes,
                        timeout_s=settings.evaluation_body_timeout_s,
                    )
                },
            ),
        ],
    )
    app.state.services = services
    # Each route by itself: FastAPI looks for the one that is asked for twice in an included router.
    app.router.routes[:0] = [route for router in ROUTERS for route in router.routes]
    # Once: FastAPI keeps its document, and what completes it twice would grow with each look at it.
    app.openapi = cache(partial(complete_openapi, app, services.registry.ids(), settings.keys))
    return app


def from_environment() -> FastAPI:
    """The application as the environment describes it, for `uvicorn --factory`."""
    settings = settings_from_environment()
    configure_logging(settings.log_level)
    app = create_app(build_services(settings))
    _collect_less()
    return app


def _collect_less() -> None:
    """Let the garbage collector leave what stays alone: it took an eighth of a request's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(3_000)
