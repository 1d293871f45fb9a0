"""What the service answers, as values. Each keeps the JSON it was made from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

JSON = Mapping[str, Any]
State = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a request.

    Attributes:
        field: The form field, parameter or header.
        detail: What is wrong with it.
        value: What was sent, shortened.
        nearest: The nearest value that would do, where that has a meaning.
    """

    field: str
    detail: str
    value: str | float | None = None
    nearest: str | float | None = None

    @classmethod
    def of(cls, body: JSON) -> "Fault":
        """From an entry of a problem's `errors`."""
        return cls(
            field=str(body["field"]),
            detail=str(body["detail"]),
            value=body.get("value"),
            nearest=body.get("nearest"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What was proved about an image.

    Attributes:
        verdict: "certified", "not_certified", "predicted" or "abstained".
        label: The class; None if none was told or certified.
        radius: L2, in units of a [0, 1] pixel over the certified tensor; 0 where none was proved.
        document: The whole certificate, with the service's signature where it signs.
        content: The same, byte for byte as it was served: what is signed, and what to keep.
    """

    verdict: str
    label: str | None
    radius: float
    document: JSON = field(repr=False)
    content: bytes = field(repr=False)

    @classmethod
    def of(cls, document: JSON, content: bytes | None = None) -> "Certificate":
        """From the certificate's JSON, and its bytes where it was served alone."""
        predicted = document["predicted"]
        return cls(
            verdict=document["verdict"],
            label=None if predicted is None else predicted["label"],
            radius=float(document["radius"]),
            document=document,
            content=json.dumps(document).encode() if content is None else content,
        )

    @property
    def certified(self) -> bool:
        """Whether a radius above 0, or the radius that was asked about, was proved."""
        return self.verdict == "certified"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, for `dmae verify`. Raises OSError."""
        Path(path).write_bytes(self.content)

    @property
    def statement(self) -> str:
        """What is claimed and what is not, in words."""
        return str(self.document["statement"])


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as the service shows it.

    Attributes:
        id: Of the job.
        state: Where it stands.
        draws_done: Votes counted so far.
        draws_planned: Votes expected in all.
        draws_per_s: Speed so far; None before the first votes.
        eta_s: Expected seconds to the end; None if unknown or over.
        queue_position: 1 while it is the next of the tenant's queued jobs of its model to start;
            None once it has started, or where that is not known.
        cached: Whether the certificate was known before.
        certificate: Once succeeded, unsigned.
        interim: The certificate that holds while a job of mode anytime runs.
        error: Why it failed, if it did.
        etag: Validator of this view.
        body: The JSON.
    """

    id: str
    state: State
    draws_done: int
    draws_planned: int
    draws_per_s: float | None
    eta_s: float | None
    queue_position: int | None
    cached: bool
    certificate: Certificate | None
    interim: Certificate | None
    error: str | None
    etag: str
    body: JSON = field(repr=False)

    @property
    def path(self) -> str:
        """Where it is, below the service's URL."""
        return f"/jobs/{self.id}"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in TERMINAL

    @classmethod
    def of(cls, body: JSON, *, etag: str = "") -> "JobStatus":
        """From a job's JSON."""
        progress, error = body["progress"], body["error"]
        return cls(
            id=body["id"],
            state=body["state"],
            draws_done=progress["draws_done"],
            draws_planned=progress["draws_planned"],
            draws_per_s=progress["draws_per_s"],
            eta_s=progress["eta_s"],
            queue_position=progress.get("queue_position"),
            cached=body["cached"],
            certificate=_certificate(body["certificate"]),
            interim=_certificate(body["interim"]),
            error=error and f"{error['message']} ({error['code']})",
            etag=etag,
            body=body,
        )


def _certificate(document: JSON | None) -> Certificate | None:
    return None if document is None else Certificate.of(document)
