"""The form of an evaluation in the OpenAPI document, and what an answer looks like."""

from typing import Any

from app.evaluations.form import MAX_NAME, PARAMETERS
from app.evaluations.schemas import EXAMPLE_EVALUATION_ID
from app.openapi_parts import form_fields, text_value

_FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
_EXAMPLES = {
    name: {"summary": summary, "value": value}
    for name, summary, value in (
        (
            "archive",
            "A zip whose folders are classes",
            {"archive": "(binary)", "sigma": 0.25, "name": "holiday pictures"},
        ),
        (
            "parts",
            "Two images and their labels",
            {"image": ["(binary)", "(binary)"], "label": ["cat", "3"], "sigma": 0.25},
        ),
        (
            "literature",
            "With the draws of the literature",
            {"archive": "(binary)", "sigma": 0.25, "mode": "fixed", "n0": 100, "n": 10_000},
        ),
    )
}
LOCATION = text_value("Path of the evaluation.")
TSV = {
    "description": "One row an image that has a result: `idx label predict radius correct time`, "
    "tab-separated; -1 is an abstention.",
    "headers": {"Content-Disposition": text_value("A name for the file.")},
    "content": {
        "text/tab-separated-values": {
            "schema": {"type": "string"},
            "example": "idx\tlabel\tpredict\tradius\tcorrect\ttime\n"
            "0\t3\t3\t0.412345\t1\t0:00:01.500000\n",
        }
    },
}
SVG = {
    "description": "The curve with its exact intervals; it says in words what it shows.",
    "content": {"image/svg+xml": {"schema": {"type": "string"}}},
}
EXAMPLE: dict[str, Any] = {
    "id": EXAMPLE_EVALUATION_ID,
    "name": "holiday pictures",
    "state": "succeeded",
    "progress": {
        "items": 2,
        "items_done": 2,
        "items_live": 0,
        "items_waiting": 0,
        "draws_done": 4_512,
        "draws_planned": 4_512,
        "eta_s": None,
    },
    "params": {"sigma": 0.25, "mode": "adaptive", "n": 100_000, "alpha": 0.001},
    "model": {"id": "tiny.colours", "weights_sha256": "ab" * 32, "precision": "float32"},
    "created_at": "2026-11-20T10:00:00Z",
    "finished_at": "2026-11-20T10:00:09Z",
    "deadline_at": "2026-11-27T10:00:00Z",
    "links": {
        "self": f"/evaluations/{EXAMPLE_EVALUATION_ID}",
        "cancel": f"/evaluations/{EXAMPLE_EVALUATION_ID}/cancel",
        "table": f"/evaluations/{EXAMPLE_EVALUATION_ID}.tsv",
        "plot": f"/evaluations/{EXAMPLE_EVALUATION_ID}/plot.svg",
        "model": "/models/tiny.colours",
    },
    "figures": {
        "images": 1,
        "left_out": 1,
        "provisional": False,
        "certified_accuracy": [
            {"radius": 0.0, "accuracy": 1.0, "low": 0.025, "high": 1.0},
            {"radius": 0.25, "accuracy": 1.0, "low": 0.025, "high": 1.0},
        ],
        "abstained": 0,
        "abstention_rate": 0.0,
        "wrong": 0,
        "average_certified_radius": 0.412345,
        "radius_ceiling": 0.953002,
        "mean_draws": 4512.0,
    },
    "statement": "Each certificate holds by itself, except with probability 0.001 ...",
    "items": [
        {
            "index": 0,
            "name": "cat/one.png",
            "label": {"index": 3, "label": "cat"},
            "state": "succeeded",
            "predicted": {"index": 3, "label": "cat"},
            "radius": 0.412345,
            "correct": True,
            "draws": 4_512,
            "error": None,
            "job": "/jobs/2f0b5f0e-6c1d-5a53-9a1e-0d7f3a1f6a10",
        },
        {
            "index": 1,
            "name": "cat/notes.txt",
            "label": {"index": 3, "label": "cat"},
            "state": "error",
            "predicted": None,
            "radius": None,
            "correct": None,
            "draws": 0,
            "error": {"code": "not-an-image", "message": "the file is no image that is read here"},
            "job": None,
        },
    ],
}


def evaluation_body() -> dict[str, Any]:
    """The request body of `POST /evaluations`, for a route that reads its form by hand."""
    fields = form_fields()
    label = {"type": "string", "description": "A label of the model, or the number of a class."}
    form = {
        "title": "EvaluationForm",
        "type": "object",
        "properties": {
            "archive": {
                **_FILE,
                "description": "A zip: each folder is a class, named by a label of the model or by "
                "the number of one, and holds its images.",
            },
            "image": {"type": "array", "items": _FILE, "description": "Instead of an archive."},
            "label": {"type": "array", "items": label, "description": "One an image, in order."},
            "name": {
                "type": "string",
                "maxLength": MAX_NAME,
                "description": "What you call it.",
            },
            **{name: fields[name] for name in PARAMETERS},
            "webhook_url": {
                **fields["webhook_url"],
                "description": "Where to post to when the evaluation has ended; only receivers on "
                "the service's list (APP_WEBHOOK_ALLOW).",
            },
            "webhook_events": {
                **fields["webhook_events"],
                "examples": ["evaluation.succeeded,evaluation.failed"],
            },
        },
        "required": ["sigma"],
        "additionalProperties": False,
    }
    content = {"multipart/form-data": {"schema": form, "examples": _EXAMPLES}}
    return {"required": True, "content": content}
