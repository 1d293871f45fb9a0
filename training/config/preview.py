"""Configuration of the preview."""

from dataclasses import dataclass
from pathlib import Path

from training.config.checks import require


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewConfig:
    """A picture of a pre-training: images clean, corrupted and rebuilt, side by side.

    Attributes:
        run: Run directory of a pre-training; without one only the corruption is shown.
        images: Image files to show; where there are none, images held out from the training set.
        rows: How many held-out images.
        out: PNG to write; else preview.png in the run directory.
        seed: Of the noise and the mask.
    """

    run: Path | None = None
    images: tuple[Path, ...] = ()
    rows: int = 6
    out: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.rows >= 1, f"rows must be 1 or above, got {self.rows}")
