"""Errors as RFC 9457 problems, by one table.

Every error of the service, of its packages and of the framework goes through it, so that no answer
is of another content type.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from app import errors
from app.access import errors as access
from app.certificates import errors as certificates
from app.errors import FieldError
from app.evaluations import errors as evaluations
from app.problem_kinds import KINDS
from app.request_id import current_request_id
from app.telemetry.metrics import observe_reject
from app.webhooks import errors as webhooks
from jobs.errors import (
    EvaluationGone,
    EvaluationNotCancellable,
    EvaluationNotFound,
    JobGone,
    JobNotCancellable,
    JobNotFound,
    StoreUnavailable,
    UnknownCursor,
)
from model_store.errors import ModelNotFound

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
STORE_RETRY_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One answer that is an error."""

    kind: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def problem_of(error: Exception) -> Problem:
    """What an error is; an unknown one says nothing, and is logged."""
    for cls in type(error).__mro__:
        make = _TABLE.get(cls)
        if make is not None:
            return make(error)
    logger.error("unhandled error", exc_info=error)
    return Problem(kind="internal-error", detail="an unexpected error; it was logged")


def problem_response(error: Exception) -> Response:
    """The answer for an error."""
    return _render(problem_of(error))


async def handle(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's form
    """Exception handler for the framework's own errors."""
    return problem_response(error)


def _render(problem: Problem) -> Response:
    kind = KINDS[problem.kind]
    observe_reject(kind.slug)
    body = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "errors": [asdict(error) for error in problem.errors],
        "request_id": current_request_id(),
    }
    return JSONResponse(
        body,
        status_code=kind.status,
        headers={"Cache-Control": "no-store", **problem.headers},
        media_type=CONTENT_TYPE,
    )


def _retry_after(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _plain(kind: str, retry_after_s: int | None = None) -> Callable[[Exception], Problem]:
    """For errors of other packages, which know nothing of requests."""
    headers = _retry_after(retry_after_s)
    return lambda error: Problem(kind=kind, detail=str(error), headers=headers)


def _own(kind: str) -> Callable[[Exception], Problem]:
    """For errors of this package, which say what of the request is wrong and when to come again."""
    return lambda error: _told(kind, cast("errors.AppError", error))


def _told(kind: str, error: errors.AppError) -> Problem:
    headers = {**error.headers, **_retry_after(error.retry_after_s)}
    return Problem(kind=kind, detail=str(error), errors=error.errors, headers=headers)


_IMAGE_KINDS = {
    "too_many_bytes": "image-too-large",
    "too_large": "image-too-large",
    "not_an_image": "unsupported-image",
    "format": "unsupported-image",
    "animated": "unsupported-image",
    "cmyk": "unsupported-image",
    "mode": "unsupported-image",
    "metadata": "unsupported-image",
}


def _bad_image(error: Exception) -> Problem:
    bad = cast("errors.BadImage", error)
    return _told(_IMAGE_KINDS.get(bad.reason, "unreadable-image"), bad)


def _model_not_found(error: Exception) -> Problem:
    missing = cast("ModelNotFound", error)
    fault = FieldError(
        field="model",
        value=None if missing.model is None else errors.echo(missing.model),
        detail="no such model",
        limit={"supported": list(missing.known)},
    )
    return Problem(kind="model-not-found", detail=str(error), errors=[fault])


def _unknown_cursor(error: Exception) -> Problem:
    fault = FieldError(field="cursor", value=None, detail="take it from `next` of a page")
    return Problem(kind="invalid-parameter", detail=str(error), errors=[fault])


def _framework(error: Exception) -> Problem:
    http = cast("HTTPException", error)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(http.status_code, "bad-request")
    return Problem(kind=kind, detail=str(http.detail), headers=http.headers or {})


def _validation(error: Exception) -> Problem:
    found = [
        FieldError(
            # The last step of a repeated parameter is a place among its values.
            field=next(step for step in reversed(fault["loc"]) if isinstance(step, str)),
            value=errors.echo(str(fault.get("input"))),
            detail=str(fault["msg"]),
            limit=fault.get("ctx"),
        )
        for fault in cast("RequestValidationError", error).errors()
    ]
    detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in found)
    return Problem(kind="invalid-parameter", detail=detail, errors=found)


_TABLE: Mapping[type, Callable[[Exception], Problem]] = {
    errors.InvalidRequest: _own("invalid-parameter"),
    errors.NotMultipart: _own("unsupported-media-type"),
    errors.MalformedForm: _own("malformed-form"),
    errors.BodyTooLarge: _own("body-too-large"),
    errors.BodyTimeout: _own("body-timeout"),
    errors.TooManyUploads: _own("too-many-uploads"),
    errors.HeadTooLarge: _own("head-too-large"),
    errors.HeadTimeout: _own("head-timeout"),
    errors.MalformedRequest: _own("bad-request"),
    errors.BadImage: _bad_image,
    errors.HostNotAllowed: _own("host-not-allowed"),
    errors.CrossSiteRequest: _own("cross-site-request"),
    errors.QueueFull: _own("queue-full"),
    errors.IdempotencyConflict: _own("idempotency-conflict"),
    access.KeyNeeded: _own("key-needed"),
    access.KeyRefused: _own("key-refused"),
    access.ScopeMissing: _own("scope-missing"),
    access.TooManyGuesses: _own("too-many-guesses"),
    access.OverQuota: _own("over-quota"),
    errors.NotReady: _own("not-ready"),
    errors.CertificateNotReady: _own("certificate-not-ready"),
    errors.CertificateNeverComes: _own("no-certificate"),
    certificates.DoesNotVerify: _plain("certificate-not-proved"),
    certificates.NotSigned: _plain("not-signed"),
    webhooks.WebhooksOff: _own("webhooks-off"),
    webhooks.DeliveryNotFound: _own("delivery-not-found"),
    evaluations.BadArchive: _own("invalid-archive"),
    evaluations.EvaluationTooLarge: _own("evaluation-too-large"),
    evaluations.TooManyEvaluations: _own("too-many-evaluations"),
    evaluations.EvaluationsFull: _own("evaluations-full"),
    EvaluationNotFound: _plain("evaluation-not-found"),
    EvaluationGone: _plain("evaluation-gone"),
    EvaluationNotCancellable: _plain("evaluation-already-finished"),
    JobNotFound: _plain("job-not-found"),
    JobGone: _plain("job-gone"),
    UnknownCursor: _unknown_cursor,
    JobNotCancellable: _plain("job-already-finished"),
    StoreUnavailable: _plain("store-unavailable", STORE_RETRY_S),
    ModelNotFound: _model_not_found,
    ClientDisconnect: _plain("bad-request"),
    HTTPException: _framework,
    RequestValidationError: _validation,
}
