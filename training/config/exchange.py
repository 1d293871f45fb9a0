"""Configuration of the commands that move weights in and out."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from model_store.card import MODEL_ID, is_model_id
from training.config.checks import require

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportConfig:
    """Import of another project's checkpoint as a run directory, and as a model in a store.

    Read are vision transformers of the plain shape: DMAE, MAE and NIM pre-trainings (whole, or the
    encoder alone), their fine-tuned classifiers with either head, linear probes, and timm's state
    dicts, as torch.save or safetensors files. What the file does not say has to be said here.

    Attributes:
        file: The checkpoint.
        out: Run directory to write; runs/<name of the file> by default.
        sigma: Noise that the weights were trained under, in units of a [0, 1] pixel.
        objective: What a pre-training was trained for; `other` for an encoder from elsewhere.
        normalisation: Mean and standard deviation that the network expects, by name.
        mean: Channel means of [0, 1] pixels, instead of a name.
        std: Channel standard deviations of [0, 1] pixels, instead of a name.
        labels: File with the name of a class on each line, in the order of the head, or the
            number of classes.
        num_heads: Attention heads; taken from the usual one for the width by default.
        decoder_num_heads: Attention heads of a pre-training's decoder, likewise.
        size: Side of the images that the noise is added to, before the network enlarges them.
        id: Model id; where it is given a classifier also goes into the store.
        store: Store directory.
        description: One or two sentences for a person choosing.
        data: What the weights were trained on, in words.
        licence: Of the weights; needed for the store.
        notes: What a reader of the card should know besides.
        stored_as: Type of the numbers in the store's file; float16 is half as long, and rounds.
        measure_s: How long the model's speed is measured, for the card.
    """

    file: Positional[Path]
    out: Path | None = None
    sigma: float | None = None
    objective: Literal["dmae", "mae", "nim", "other"] | None = None
    normalisation: Literal["cifar10", "cifar100", "imagenet", "inception"] | None = None
    mean: Triple | None = None
    std: Triple | None = None
    labels: str | None = None
    num_heads: int | None = None
    decoder_num_heads: int | None = None
    size: int | None = None
    id: str = ""
    store: Path = Path("model_store/models")
    description: str = ""
    data: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    stored_as: Literal["float16", "float32"] = "float32"
    measure_s: float = 5.0

    def __post_init__(self) -> None:
        require((self.mean is None) == (self.std is None), "--mean and --std go together")
        require(
            not (self.normalisation and self.mean),
            "say --normalisation, or --mean and --std, not both",
        )
        _require_id(self.id)
        require(
            not self.id or bool(self.licence),
            "a model in a store needs --licence, the licence of the weights",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """Export of a run: to a model store, or as a file that other projects read.

    Attributes:
        run: Run directory of a fine-tuning or a linear probe; for the other formats also of a
            pre-training.
        format: `ours` for a model in a store, `official` for a file as DMAE and MAE write it,
            `timm` for a state dict of timm's VisionTransformer.
        id: Model id, such as vit_tiny_patch4_32.dmae_cifar10_s025; by default made of the
            network's shape and the name of the run.
        store: Store directory to export to.
        out: File to write in the other formats, .pth or (timm) .safetensors; by default
            official.pth or timm.safetensors in the run directory.
        sigma: Noise level that the card states, in units of a [0, 1] pixel; else the one trained
            under. A run of clean images has none, and needs it.
        description: One or two sentences for a person choosing.
        data: What the run was trained on, in words.
        licence: Of the weights; Apache-2.0 by default, or not known where they were imported.
        notes: What a reader of the card should know besides.
        stored_as: Type of the numbers in the store's file; else float16, or float32 where they were
            imported, so as not to round them. They are run in float32 either way.
        precision: `int8` makes a quantised network, a model of its own that runs on OpenVINO only.
        calibrate_on: Where the training images are whose range it learns, for int8; else where the
            run had them.
        measure_s: How long the model's speed is measured, for the card.
    """

    run: Path
    format: Literal["ours", "official", "timm"] = "ours"
    id: str = ""
    store: Path = Path("model_store/models")
    out: Path | None = None
    sigma: float | None = None
    description: str = ""
    data: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    stored_as: Literal["float16", "float32"] | None = None
    precision: Literal["float32", "int8"] = "float32"
    calibrate_on: Path | None = None
    measure_s: float = 5.0

    def __post_init__(self) -> None:
        require(
            self.sigma is None or 0 < self.sigma < math.inf,
            f"--sigma must be above 0 and finite, got {self.sigma}",
        )
        require(
            self.precision == "float32" or self.format == "ours",
            f"--precision {self.precision} is for a model in a store, not --format {self.format}",
        )
        require(
            self.calibrate_on is None or self.precision == "int8",
            "--calibrate-on is for --precision int8",
        )
        _require_id(self.id)


def _require_id(text: str) -> None:
    require(
        not text or is_model_id(text), f"--id must match {MODEL_ID.pattern}, got {text[:100]!r}"
    )
