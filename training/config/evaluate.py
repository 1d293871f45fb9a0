"""Configuration of the commands that measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """Certification of a labelled image folder.

    Attributes:
        model: Model id.
        data: Folder of class folders; the class names are the card's labels.
        store: Store directory of the model; None for the bundled one.
        table: TSV to write, or to continue; None for runs/evaluations/<what it is>.tsv.
        stride: Every so many-th image in ImageFolder order, from the first.
        max_images: At most so many images; None for all.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel; else the card's.
        n0: Draws that select the class.
        n: Draws that estimate its probability.
        alpha: Chance that one certificate is wrong.
        numerics: `sound` (the proof covers floating point) or `fast`.
        batch_size: Draws in one forward pass; it changes no draw. 20 suits CPUs, 1000 a GPU.
        device: A torch device.
        workers: Images in work at once, each on a thread of its own; above 1 for CPUs only.
        threads: Threads inside an operation where there is one worker; 0 leaves torch's choice.
        write_card: Put the figures and this command into the model's card.
        images: What the images are, in words, for the card; the folder's name where empty.
    """

    model: str
    data: Path = Path("data/test")
    store: Path | None = None
    table: Path | None = None
    stride: int = 1
    max_images: int | None = None
    sigma: float | None = None
    n0: int = 100
    n: int = 10_000
    alpha: float = 0.001
    numerics: Literal["sound", "fast"] = "sound"
    batch_size: int = 20
    device: str = "cpu"
    workers: int = 1
    threads: int = 0
    write_card: bool = False
    images: str = ""
