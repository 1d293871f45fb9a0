"""Templates, and the headers every page goes out with."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.bodies import moment
from app.pages import words
from app.pages.assets import fingerprint
from app.routes.answers import prefix_of

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'"
)


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "whole": words.whole,
        "floored": words.floored,
        "chance": words.chance,
        "duration": words.duration,
        "moment": moment,
        "size": words.size,
    }
    vars(environment)["filters"].update(filters)  # untyped in jinja2
    return environment


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page made of a template.

    Args:
        request: It answers.
        template: File in `templates`.
        status: Of the answer.
        headers: Beyond those of every page.
        **values: What the template shows.
    """
    prefix = prefix_of(request)
    text = (
        _templates()
        .get_template(template)
        .render(
            prefix=prefix,
            static=f"{prefix}/static/{fingerprint()}",
            path=request.url.path,
            **values,
        )
    )
    return HTMLResponse(
        text, status_code=status, headers={"Content-Security-Policy": POLICY, **(headers or {})}
    )
