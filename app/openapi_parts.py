"""What routes share of the OpenAPI document: headers, parameters, and the form that we parse."""

from collections.abc import Collection
from typing import Any

from app.certify_form import CertifyForm
from app.errors import IMAGE_TYPES

SCHEMAS = "#/components/schemas/"

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


def text_value(description: str, *, example: str | None = None) -> dict[str, Any]:
    """A header, or a parameter without its name, whose value is text."""
    shown = {} if example is None else {"example": example}
    return {"description": description, "schema": {"type": "string"}, **shown}


CHALLENGE = text_value("How to show a key (RFC 6750), and what is wrong with the one that was.")
RETRY_AFTER = {
    "description": "Seconds until it is worth asking again.",
    "schema": {"type": "integer"},
}
LOCATION = text_value("Path of the job.")
APPLIED = text_value("The wait that was granted, such as `wait=10`.")
ETAG = text_value("Changes whenever the job does.")
LIMITS = {
    "RateLimit-Policy": text_value(
        "Your limits, and the seconds they are for (draft-ietf-httpapi-ratelimit-headers).",
        example='"requests_per_minute";q=600;w=60, "live_jobs";q=100',
    ),
    "RateLimit": text_value(
        "What is left of them.", example='"requests_per_minute";r=599;t=1, "live_jobs";r=99'
    ),
}
CACHE_STATUS = text_value(
    "`hit`, `fwd=miss`, or `collapsed` into a job that was running (RFC 9211).",
    example="dmae; fwd=miss; stored",
)
REPLAYED = text_value("`true` where the request was answered before, and this is its job.")
LINK = text_value('The next page: `<path>; rel="next"`. Missing on the last.')
EVENTS = {
    "description": "Events, until the job ends.",
    "content": {
        "text/event-stream": {
            "schema": {
                "description": "Each event.",
                "type": "object",
                "properties": {
                    "event": {"enum": ["state", "progress", "certificate"]},
                    "id": {"type": "string", "description": "The version of the job."},
                    "data": {"type": "string", "description": "JSON: the job, or the certificate."},
                    "retry": {"type": "integer"},
                },
            },
            "example": 'event: progress\ndata: {"id": "...", "state": "running"}\nid: 7\n\n',
        }
    },
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    **text_value("`wait=<s>` holds the answer back until the job has ended (RFC 7240)."),
}
WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to hold the answer back until the job has ended, or, with "
    "If-None-Match, until it has changed. Cut to the service's limit.",
    "schema": {"type": "number", "minimum": 0, "default": 0},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    **text_value("The ETag of an earlier answer; 304 if the job is as it was."),
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A name for this request, kept for a day: sent again, it finds its job "
    "(draft-ietf-httpapi-idempotency-key-header).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def certify_query(*, without: Collection[str] = ()) -> list[dict[str, Any]]:
    """The parameters of a request whose body is a bare image, less some."""
    return [
        {
            "name": name,
            "in": "query",
            "description": f"{field['description']} For a body that is an image.",
            "schema": {key: value for key, value in field.items() if key != "description"},
        }
        for name, field in form_fields().items()
        if name not in without
    ]


def certify_body(*, without: Collection[str] = ()) -> dict[str, Any]:
    """The request body of `POST /certify`, for a route that reads its form by hand.

    Args:
        without: Fields that it has not.
    """
    image = {
        "type": "string",
        "format": "binary",
        "contentMediaType": "application/octet-stream",
        "description": "The image file: PNG, JPEG or WebP, one still.",
    }
    fields = {name: field for name, field in form_fields().items() if name not in without}
    form = {
        "title": "CertifyForm",
        "type": "object",
        "properties": {"image": image, **fields},
        "required": ["image", "sigma"],
        "additionalProperties": False,
    }
    bare = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in IMAGE_TYPES}
    shown = {} if without else {"examples": _EXAMPLES}
    content = {"multipart/form-data": {"schema": form, **shown}, **bare}
    return {"required": True, "content": content}


def form_fields() -> dict[str, dict[str, Any]]:
    """The text fields of a request for a certificate, as a form has them."""
    schema = CertifyForm.model_json_schema(ref_template=SCHEMAS + "{model}")
    return {name: _without_null(field) for name, field in schema["properties"].items()}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: a field that is not given is not there."""
    choices = [choice for choice in field.get("anyOf", []) if choice.get("type") != "null"]
    rest = {key: value for key, value in field.items() if key not in {"anyOf", "default"}}
    default = {} if field.get("default") is None else {"default": field["default"]}
    return {**rest, **default, **(choices[0] if choices else {})}
