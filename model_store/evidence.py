"""What a card says of a checkpoint's worth and of where it is from."""

from dataclasses import dataclass
from typing import Literal

from pydantic import with_config

from model_store.schema import CLOSED, require, require_positive, rises


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Certified accuracy at one sigma, and how it was measured.

    Attributes:
        sigma: Of the noise, in units of a [0, 1] pixel.
        n0: Draws for selection, an image.
        n: Draws for estimation, an image.
        alpha: Chance that one certificate is wrong.
        numerics: "sound" or "fast".
        images: Which images, such as "CIFAR-10 test, every 20th".
        num_images: How many.
        certified_accuracy: Pairs (radius, accuracy): the share of images that are classified
            correctly and certified at that radius or beyond. Radii rise from 0.
        abstention_rate: Share of images without a certificate.
        average_certified_radius: Mean radius; a wrong class or an abstention counts as 0.
        radius_ceiling: Largest radius these draws could have given.
        command: Repeats the measurement.
        hardware: What it ran on.
        duration_s: Wall-clock time of all of it.

    Raises:
        CardInvalid: A share outside [0, 1], or radii that do not rise.
    """

    sigma: float
    n0: int
    n: int
    alpha: float
    numerics: Literal["sound", "fast"]
    images: str
    num_images: int
    certified_accuracy: tuple[tuple[float, float], ...]
    abstention_rate: float
    average_certified_radius: float
    radius_ceiling: float
    command: str
    hardware: str
    duration_s: float

    def __post_init__(self) -> None:
        require_positive(
            sigma=self.sigma, n0=self.n0, n=self.n, alpha=self.alpha, num_images=self.num_images
        )
        radii = [radius for radius, _ in self.certified_accuracy]
        shares = [accuracy for _, accuracy in self.certified_accuracy]
        require(
            rises(radii) and all(radius >= 0 for radius in radii),
            "certified_accuracy",
            f"radii must rise from 0 or above, got {radii}",
        )
        require(
            all(0 <= share <= 1 for share in shares),
            "certified_accuracy",
            f"accuracies must be in [0, 1], got {shares}",
        )
        require(
            0 <= self.abstention_rate <= 1,
            "abstention_rate",
            f"must be in [0, 1], got {self.abstention_rate}",
        )


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the weights are from.

    Attributes:
        data: What they were trained on.
        commands: What was run, in order.
        schedule: Epochs or steps of each stage, in words.
        hardware: What it ran on.
        wall_time_s: Of all stages together.
        notes: What a reader should know besides.
    """

    data: str
    commands: tuple[str, ...]
    schedule: str
    hardware: str
    wall_time_s: float
    notes: tuple[str, ...] = ()
