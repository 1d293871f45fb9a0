"""What FastAPI's OpenAPI document leaves out: problems as answers, and the form that we parse."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from app.certify_form import CertifyForm
from app.errors import IMAGE_TYPES
from app.problem_kinds import KINDS, Kind
from app.problems import CONTENT_TYPE
from app.schemas import Problem
from app.webhooks.documentation import webhooks_section
from app.webhooks.schemas import MessageBody

ALWAYS = ("body-too-large", "host-not-allowed", "internal-error")
SCHEMAS = "#/components/schemas/"

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
    if any(kind.status == 503 for kind in kinds):
        response["headers"] = {"Retry-After": RETRY_AFTER}
    return response


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

_EXAMPLES: dict[str, Any] = {
    mode: {"summary": summary, "value": {"image": "(binary)", "sigma": 0.25, **fields}}
    for mode, summary, fields in (
        ("adaptive", "Class and radius, within 5 % of what 100,000 draws would give", {}),
        ("fixed", "Class and radius with 100 and 10,000 draws", {"mode": "fixed", "n": 10_000}),
        ("decide", "Is the radius at least 0.125?", {"mode": "decide", "radius": 0.125}),
        ("anytime", "The best radius so far, until it is cancelled", {"mode": "anytime"}),
        ("predict", "The class of this image, without a radius", {"mode": "predict"}),
    )
}

RETRY_AFTER = {
    "description": "Seconds until it is worth asking again.",
    "schema": {"type": "integer"},
}
LOCATION = {"description": "Path of the job.", "schema": {"type": "string"}}
APPLIED = {
    "description": "The wait that was granted, such as `wait=10`.",
    "schema": {"type": "string"},
}
ETAG = {"description": "Changes whenever the job does.", "schema": {"type": "string"}}


LIMITS = {
    "RateLimit-Policy": {
        "description": "Your limits, and the seconds they are for "
        "(draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string"},
        "example": '"requests_per_minute";q=600;w=60, "live_jobs";q=100',
    },
    "RateLimit": {
        "description": "What is left of them.",
        "schema": {"type": "string"},
        "example": '"requests_per_minute";r=599;t=1, "live_jobs";r=99',
    },
}
CACHE_STATUS = {
    "description": "`hit`, `fwd=miss`, or `collapsed` into a job that was running (RFC 9211).",
    "schema": {"type": "string"},
    "example": "dmae; fwd=miss; stored",
}
REPLAYED = {
    "description": "`true` where the request was answered before, and this is its job.",
    "schema": {"type": "string"},
}
LINK = {
    "description": 'The next page: `<path>; rel="next"`. Missing on the last.',
    "schema": {"type": "string"},
}
EVENTS = {
    "description": "Events, until the job ends.",
    "content": {
        "text/event-stream": {
            "schema": {"type": "string"},
            "example": 'event: progress\ndata: {"id": "...", "state": "running"}\nid: 7\n\n',
        }
    },
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=<s>` holds the answer back until the job has ended (RFC 7240).",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A name for this request, kept for a day: sent again, it finds its job "
    "(draft-ietf-httpapi-idempotency-key-header).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def certify_query() -> list[dict[str, Any]]:
    """The parameters of a request whose body is a bare image."""
    return [
        {
            "name": name,
            "in": "query",
            "description": f"{field['description']} For a body that is an image.",
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in _form_fields().items()
    ]


def certify_body() -> dict[str, Any]:
    """The request body of `POST /certify`, for a route that reads its form by hand."""
    image = {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": "The image file: PNG, JPEG or WebP, one still.",
    }
    form = {
        "title": "CertifyForm",
        "type": "object",
        "properties": {"image": image, **_form_fields()},
        "required": ["image", "sigma"],
        "additionalProperties": False,
    }
    bare = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES}
    content = {"multipart/form-data": {"schema": form, "examples": _EXAMPLES}, **bare}
    return {"required": True, "content": content}


def _form_fields() -> dict[str, dict[str, Any]]:
    schema = CertifyForm.model_json_schema(ref_template=SCHEMAS + "{model}")
    return {name: _without_null(field) for name, field in schema["properties"].items()}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: a field that is not given is not there."""
    choices = [choice for choice in field.get("anyOf", []) if choice.get("type") != "null"]
    rest = {key: value for key, value in field.items() if key not in {"anyOf", "default"}}
    default = {} if field.get("default") is None else {"default": field["default"]}
    return {**rest, **default, **(choices[0] if choices else {})}


def complete_openapi(app: FastAPI, models: Sequence[str]) -> dict[str, Any]:
    """The application's OpenAPI document: with our schema of errors, without FastAPI's.

    Args:
        app: Its routes are documented.
        models: Ids of models, for examples that work.
    """
    document = FastAPI.openapi(app)
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            # FastAPI adds this to every route with a parameter, though ours are all just text.
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    form = document["paths"]["/certify"]["post"]["requestBody"]["content"]["multipart/form-data"]
    form["schema"]["properties"]["model"]["examples"] = list(models)
    message = MessageBody.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    schemas |= message.pop("$defs", {}) | {"MessageBody": message}
    document["webhooks"] = webhooks_section({"$ref": SCHEMAS + "MessageBody"})
    return document
