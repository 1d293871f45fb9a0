"""What the service says of models, certificates and evaluations, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.client.views import JSON, TERMINAL, State


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
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
        body: The JSON, with the card and its measured certified accuracy.
    """

    id: str
    default: bool
    description: str
    labels: tuple[str, ...]
    sigmas: tuple[float, ...]
    input_size: int
    workers_ready: int
    draws_per_s: float
    body: JSON = field(repr=False)

    @classmethod
    def of(cls, body: JSON) -> "ModelInfo":
        """From a model's JSON."""
        card, live = body["card"], body["live"]
        return cls(
            id=body["id"],
            default=body["default"],
            description=card["description"],
            labels=tuple(card["labels"]),
            sigmas=tuple(card["sigmas"]),
            input_size=card["preprocessing"]["size"],
            workers_ready=live["workers_ready"],
            draws_per_s=live["draws_per_s"],
            body=body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What the service says of a certificate.

    Attributes:
        outcome: "valid", "invalid", or "unchecked" where nothing is wrong and not all can be told.
        checks: Each question, and (passed or None, what was found).
        body: The JSON.
    """

    outcome: str
    checks: Mapping[str, tuple[bool | None, str]]
    body: JSON = field(repr=False)

    @classmethod
    def of(cls, body: JSON) -> "Verification":
        """From its JSON."""
        checks = {check["name"]: (check["passed"], check["detail"]) for check in body["checks"]}
        return cls(outcome=body["outcome"], checks=checks, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a certificate says about another image.

    Attributes:
        covered: Whether its claim is about that one too.
        distance: L2 between the two certified tensors, rounded up.
        radius: Of the certificate.
        explanation: What follows, in words.
        body: The JSON.
    """

    covered: bool
    distance: float
    radius: float
    explanation: str
    body: JSON = field(repr=False)

    @classmethod
    def of(cls, body: JSON) -> "Coverage":
        """From its JSON."""
        return cls(
            covered=body["covered"],
            distance=body["distance"],
            radius=body["radius"],
            explanation=body["explanation"],
            body=body,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Certified accuracy at a radius, with its exact 95 % interval."""

    radius: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationStatus:
    """An evaluation as the service shows it.

    Attributes:
        id: Of the evaluation.
        state: Where it stands.
        items: Images, those included that cannot be evaluated.
        items_done: Images that have ended.
        eta_s: Expected seconds to the end; None if unknown or over.
        curve: Certified accuracy by radius of the images that have a result; () without any.
        etag: Validator of this view.
        body: The JSON, with each image.
    """

    id: str
    state: State
    items: int
    items_done: int
    eta_s: float | None
    curve: tuple[Point, ...]
    etag: str
    body: JSON = field(repr=False)

    @property
    def path(self) -> str:
        """Where it is, below the service's URL."""
        return f"/evaluations/{self.id}"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in TERMINAL

    @classmethod
    def of(cls, body: JSON, *, etag: str = "") -> "EvaluationStatus":
        """From an evaluation's JSON."""
        progress, figures = body["progress"], body["figures"]
        points = () if figures is None else figures["certified_accuracy"]
        return cls(
            id=body["id"],
            state=body["state"],
            items=progress["items"],
            items_done=progress["items_done"],
            eta_s=progress["eta_s"],
            curve=tuple(Point(**point) for point in points),
            etag=etag,
            body=body,
        )
