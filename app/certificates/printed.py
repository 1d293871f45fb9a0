"""A certificate as a page for people: one HTML file that loads nothing, made to be printed."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from app.certificates.evidence import stored_tensor
from app.certificates.words import headline, not_claimed, tables, with_labels
from app.png import png

_HERE = Path(__file__).parent / "templates"
_STYLE = (_HERE / "report.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own style, and the picture that it carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What a page is made of.

    Attributes:
        job_id: Whose certificate it is.
        document: The certificate.
        labels: Names of the classes, in order.
        certificate_sha256: Of the certificate as it is served, hex.
        kid: The key that signs it; None where nothing is signed.
        tensor: The certified tensor, float32 little-endian, while it is kept.
        service: Where the service is, as the reader of the page reaches it.
    """

    job_id: str
    document: dict[str, Any]
    labels: tuple[str, ...]
    certificate_sha256: str
    kid: str | None
    tensor: bytes | None
    service: str


def printed(page: Printed) -> str:
    """The page.

    Raises:
        DoesNotVerify: The tensor is not that of the certificate.
    """
    return _template().render(
        job_id=page.job_id,
        document=page.document,
        headline=headline(page.document),
        why_not=page.document["abstention"]
        and with_labels(page.document["abstention"]["explanation"], page.labels),
        not_claimed=not_claimed(page.document),
        tables=tables(page.document, page.labels),
        picture=None if page.tensor is None else _picture(page.tensor, page.document),
        certificate_sha256=page.certificate_sha256,
        kid=page.kid,
        service=page.service,
        style=Markup(_STYLE),  # noqa: S704 - a file of this package, whose digest is in POLICY
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _picture(tensor: bytes, document: dict[str, Any]) -> str:
    """The tensor as a data URI, for the eye alone."""
    picture = png(stored_tensor(tensor, document["image"]))
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
