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
WORKER_RETRY_S = 5
UPLOAD_RETRY_S = 1


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


def _plain(kind: str, retry_after_s: int | None = None) -> Callable[[Exception], Problem]:
    headers = _retry_after(retry_after_s)
    return lambda error: Problem(kind=kind, detail=str(error), headers=headers)


def _retry_after(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _faulty(kind: str) -> Callable[[Exception], Problem]:
    """For errors that name their faults, and perhaps when to come again."""

    def make(error: Exception) -> Problem:
        found = cast("errors.InvalidRequest", error).errors
        headers = _retry_after(getattr(error, "retry_after_s", None))
        return Problem(kind=kind, detail=str(error), errors=found, headers=headers)

    return make


def _not_multipart(error: Exception) -> Problem:
    sent = cast("errors.NotMultipart", error).content_type
    fault = FieldError(
        field="Content-Type",
        value=None if sent is None else errors.echo(sent),
        detail="must be multipart/form-data, or the type of an image",
        limit={"supported": ["multipart/form-data", *errors.IMAGE_TYPES]},
    )
    return Problem(kind="unsupported-media-type", detail=str(error), errors=[fault])


def _too_large(error: Exception) -> Problem:
    large = cast("errors.BodyTooLarge", error)
    fault = FieldError(
        field="body",
        value=large.declared,
        detail=f"must be at most {large.limit} bytes",
        limit={"max_bytes": large.limit},
    )
    return Problem(kind="body-too-large", detail=str(error), errors=[fault])


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
    fault = FieldError(
        field="image",
        value=f"{bad.num_bytes} bytes",
        detail=f"{bad.reason}: {bad}",
        limit=bad.limit,
    )
    kind = _IMAGE_KINDS.get(bad.reason, "unreadable-image")
    return Problem(kind=kind, detail=str(error), errors=[fault])


def _model_not_found(error: Exception) -> Problem:
    missing = cast("ModelNotFound", error)
    fault = FieldError(
        field="model",
        value=None if missing.model is None else errors.echo(missing.model),
        detail="no such model",
        limit={"supported": list(missing.known)},
    )
    return Problem(kind="model-not-found", detail=str(error), errors=[fault])


def _queue_full(error: Exception) -> Problem:
    full = cast("errors.QueueFull", error)
    return Problem(
        kind="queue-full",
        detail=str(error),
        errors=[
            FieldError(
                field="n",
                value=None,
                detail=f"{full.backlog} draws are waiting",
                limit=full.limits,
            )
        ],
        headers=_retry_after(full.retry_after_s),
    )


def _unauthorised(kind: str) -> Callable[[Exception], Problem]:
    def make(error: Exception) -> Problem:
        asked = cast("access.KeyNeeded | access.KeyRefused | access.ScopeMissing", error)
        return Problem(kind=kind, detail=str(error), headers={"WWW-Authenticate": asked.challenge})

    return make


def _too_many_guesses(error: Exception) -> Problem:
    guesses = cast("access.TooManyGuesses", error)
    fault = FieldError(
        field="Authorization",
        value=None,
        detail="too many wrong API keys came from this address",
        limit={"wrong_keys_per_minute": guesses.limit},
    )
    headers = _retry_after(guesses.retry_after_s)
    return Problem(kind="too-many-guesses", detail=str(error), errors=[fault], headers=headers)


def _over_quota(error: Exception) -> Problem:
    over = cast("access.OverQuota", error)
    fault = FieldError(
        field="n" if over.limit.startswith("draws") else "body",
        value=None,
        detail=str(error),
        limit={over.limit: over.allowed},
    )
    headers = {**over.headers, **_retry_after(over.retry_after_s)}
    return Problem(kind="over-quota", detail=str(error), errors=[fault], headers=headers)


def _conflict(error: Exception) -> Problem:
    named = cast("errors.IdempotencyConflict", error)
    fault = FieldError(
        field=named.field,
        value=errors.echo(named.value),
        detail="names an earlier request that was another one",
    )
    return Problem(kind="idempotency-conflict", detail=str(error), errors=[fault])


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
    errors.InvalidRequest: _faulty("invalid-parameter"),
    errors.NotMultipart: _not_multipart,
    errors.MalformedForm: _plain("malformed-form"),
    errors.BodyTooLarge: _too_large,
    errors.BodyTimeout: _plain("body-timeout"),
    errors.TooManyUploads: _plain("too-many-uploads", UPLOAD_RETRY_S),
    errors.HeadTooLarge: _plain("head-too-large"),
    errors.HeadTimeout: _plain("head-timeout"),
    errors.MalformedRequest: _plain("bad-request"),
    errors.BadImage: _bad_image,
    errors.HostNotAllowed: _plain("host-not-allowed"),
    errors.CrossSiteRequest: _plain("cross-site-request"),
    errors.QueueFull: _queue_full,
    errors.IdempotencyConflict: _conflict,
    access.KeyNeeded: _unauthorised("key-needed"),
    access.KeyRefused: _unauthorised("key-refused"),
    access.ScopeMissing: _unauthorised("scope-missing"),
    access.TooManyGuesses: _too_many_guesses,
    access.OverQuota: _over_quota,
    errors.NotReady: _plain("not-ready", WORKER_RETRY_S),
    errors.CertificateNotReady: _plain("certificate-not-ready"),
    errors.CertificateNeverComes: _plain("no-certificate"),
    certificates.DoesNotVerify: _plain("certificate-not-proved"),
    certificates.NotSigned: _plain("not-signed"),
    webhooks.WebhooksOff: _plain("webhooks-off"),
    webhooks.DeliveryNotFound: _plain("delivery-not-found"),
    evaluations.BadArchive: _faulty("invalid-archive"),
    evaluations.EvaluationTooLarge: _faulty("evaluation-too-large"),
    evaluations.TooManyEvaluations: _faulty("too-many-evaluations"),
    evaluations.EvaluationsFull: _faulty("evaluations-full"),
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
