"""What FastAPI's OpenAPI document leaves out: problems as answers, and the form that we parse."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from app.access.authenticator import KeysMode
from app.access.documentation import DENIALS, SCHEMES, alternatives
from app.openapi_links import add_links
from app.openapi_parts import CHALLENGE, LIMITS, RETRY_AFTER, SCHEMAS
from app.problem_kinds import KINDS, Kind
from app.problems import CONTENT_TYPE
from app.schemas import Problem
from app.webhooks.documentation import webhooks_section
from app.webhooks.schemas import EvaluationMessageBody, MessageBody

ALWAYS = (
    *("body-too-large", "host-not-allowed", "internal-error"),
    *("bad-request", "head-too-large", "head-timeout"),
)
OF_AN_IMAGE = (
    *("malformed-form", "cross-site-request", "body-timeout", "too-many-uploads"),
    *("image-too-large", "unsupported-media-type", "unsupported-image"),
    *("invalid-parameter", "unreadable-image"),
)
"""Problems of a route that reads an image."""

_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": CHALLENGE},
    403: {"WWW-Authenticate": CHALLENGE},
    429: {"Retry-After": RETRY_AFTER, **LIMITS},
    503: {"Retry-After": RETRY_AFTER},
}
"""Of problems by their status; a kind may lack one."""

Responses = dict[int | str, dict[str, Any]]


def problems(*slugs: str) -> Responses:
    """The error answers of a route: the kinds named, and those that any route may give."""
    by_status: dict[int, list[Kind]] = defaultdict(list)
    for slug in (*slugs, *ALWAYS):
        by_status[KINDS[slug].status].append(KINDS[slug])
    return {status: _response(kinds) for status, kinds in sorted(by_status.items())}


def _response(kinds: list[Kind]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "; or: ".join(f"{kind.title}. {kind.about}" for kind in kinds),
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": SCHEMAS + "Problem"},
                "examples": {kind.slug: {"value": _example(kind)} for kind in kinds},
            }
        },
    }
    if headers := _HEADERS.get(kinds[0].status):
        response["headers"] = headers
    return response


def _add_problems(responses: dict[str, Any], slugs: Sequence[str]) -> None:
    for slug in slugs:
        status = str(KINDS[slug].status)
        known = responses.get(status, {}).get("content", {}).get(CONTENT_TYPE, {})
        others = [KINDS[other] for other in known.get("examples", {}) if other != slug]
        responses[status] = _response([*others, KINDS[slug]])


def _example(kind: Kind) -> dict[str, Any]:
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.about,
        "errors": [_EXAMPLE_ERROR] if kind.slug == "invalid-parameter" else [],
        "request_id": "9a1c0c3e5f5b4c0f8d2b6a7e1d3f4a5b",
    }


_EXAMPLE_ERROR = {
    "field": "sigma",
    "value": "0.3",
    "detail": "the model was trained for sigma 0.25, not 0.3",
    "limit": {"supported": [0.25]},
    "nearest": 0.25,
}


def complete_openapi(app: FastAPI, models: Sequence[str], keys: KeysMode) -> dict[str, Any]:
    """The application's OpenAPI document: with our schema of errors, without FastAPI's.

    To be called once: it changes the document that FastAPI keeps.

    Args:
        app: Its routes are documented.
        models: Ids of models, for examples that work.
        keys: Who needs an API key.
    """
    document = FastAPI.openapi(app)
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for method, operation in path.items():
            # FastAPI adds this to every route with a parameter, though ours are all just text.
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
            if "security" in operation:
                operation["security"] = alternatives(method, operation["security"], keys)
                _add_problems(operation["responses"], DENIALS)
    document["components"]["securitySchemes"] = SCHEMES
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    form = document["paths"]["/certify"]["post"]["requestBody"]["content"]["multipart/form-data"]
    form["schema"]["properties"]["model"]["examples"] = list(models)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    messages = (MessageBody, EvaluationMessageBody)
    for body in messages:
        message = body.model_json_schema(ref_template=SCHEMAS + "{model}")
        schemas |= message.pop("$defs", {}) | {body.__name__: message}
    add_links(document)
    document["webhooks"] = webhooks_section(
        *({"$ref": SCHEMAS + body.__name__} for body in messages)
    )
    return document
