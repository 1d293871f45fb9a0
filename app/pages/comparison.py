"""Answers side by side."""

from collections.abc import Sequence
from typing import Any

from app.pages import words
from app.pages.job_list import title
from app.pages.job_view import JobView

_ASKED = {"radius": "radius asked about"}
"""Names that mean something else among the answers."""


def comparison(views: Sequence[JobView]) -> dict[str, Any]:
    """What the template shows: a column a job, a row a property.

    Args:
        views: The jobs.
    """
    columns = [_properties(view) for view in views]
    names = list(dict.fromkeys(name for column in columns for name in column))
    return {
        "views": [{"job": view.job, "title": title(view.job)} for view in views],
        "rows": [(name, [column.get(name, "") for column in columns]) for name in names],
    }


def _properties(view: JobView) -> dict[str, str]:
    asked = {_ASKED.get(name, name): value for name, value in view.asked}
    properties = {"state": words.STATES[view.job.state], **asked}
    if view.answer is None:
        return properties
    certificate = view.answer.certificate
    return {
        "class": view.answer.label or "none",
        "radius": _bound(certificate.radius),
        "original radius": _bound(view.answer.document["radius_original"]),
        "probability above": _bound(certificate.p_lower),
        "draws": f"{view.job.progress.draws_done:,}",
        **properties,
    }


def _bound(shown: float) -> str:
    return words.floored(shown) if shown else "none"
