"""What the client sends and gets, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to certify; None leaves a choice to the service.

    Attributes:
        image: Bytes of a PNG, JPEG or WEBP file.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        model: Id of a model.
        mode: "adaptive", "fixed", "decide", "anytime" or "predict".
        n: Draws that answer: exactly so many for fixed and predict, at most so many else.
        n0: Draws that select the class, for fixed.
        alpha: Probability that the certificate is wrong.
        precision: Share of the radius that may be lost, for adaptive.
        radius: The L2 radius that is asked about, for decide.
        bound: "top" or "runner-up", for fixed and adaptive.
        family_size: Certificates that alpha is for.
        numerics: "sound" or "fast".
    """

    image: bytes = field(repr=False)
    sigma: float
    model: str | None = None
    mode: str | None = None
    n: int | None = None
    n0: int | None = None
    alpha: float | None = None
    precision: float | None = None
    radius: float | None = None
    bound: str | None = None
    family_size: int | None = None
    numerics: str | None = None

    def fields(self) -> dict[str, str]:
        """The text fields of the form."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["image"]
        return {name: str(value) for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as the service shows it.

    Attributes:
        id: Of the job.
        state: queued, running, succeeded, failed, cancelled or expired.
        draws_done: Votes counted so far.
        draws_planned: Votes expected in all.
        draws_per_s: Speed so far; None before the first votes.
        eta_s: Expected seconds to the end; None if unknown or over.
        cached: Whether the certificate was known before.
        certificate: The certificate document, once succeeded.
        interim: The certificate that holds while a job of mode anytime runs.
        error: Why it failed, if it did.
        etag: Validator of this view.
    """

    id: str
    state: str
    draws_done: int
    draws_planned: int
    draws_per_s: float | None
    eta_s: float | None
    cached: bool
    certificate: Mapping[str, Any] | None
    interim: Mapping[str, Any] | None
    error: str | None
    etag: str

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model as the service shows it.

    Attributes:
        id: Of the model.
        default: Whether requests that name none get it.
        description: What it is.
        labels: Its classes, in order.
        sigmas: Noise levels that it was trained for.
        input_size: Side of the square that is certified, in pixels.
        workers_ready: Workers that hold it.
        draws_per_s: Of these workers together, else as measured when it was made.
    """

    id: str
    default: bool
    description: str
    labels: tuple[str, ...]
    sigmas: tuple[float, ...]
    input_size: int
    workers_ready: int
    draws_per_s: float


def job_view(body: Mapping[str, Any], *, etag: str) -> JobView:
    """The view of a job from its JSON."""
    progress, error = body["progress"], body["error"]
    return JobView(
        id=body["id"],
        state=body["state"],
        draws_done=progress["draws_done"],
        draws_planned=progress["draws_planned"],
        draws_per_s=progress["draws_per_s"],
        eta_s=progress["eta_s"],
        cached=body["cached"],
        certificate=body["certificate"],
        interim=body["interim"],
        error=error and f"{error['message']} ({error['code']})",
        etag=etag,
    )


def model_view(body: Mapping[str, Any]) -> ModelView:
    """The view of a model from its JSON."""
    card, live = body["card"], body["live"]
    return ModelView(
        id=body["id"],
        default=body["default"],
        description=card["description"],
        labels=tuple(card["labels"]),
        sigmas=tuple(card["sigmas"]),
        input_size=card["preprocessing"]["size"],
        workers_ready=live["workers_ready"],
        draws_per_s=live["draws_per_s"],
    )
