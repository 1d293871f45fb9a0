"""Configuration of a run: frozen dataclasses, every field a command line option."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from model_store.card import Architecture
from training.errors import BadConfig

CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_STD = (0.2471, 0.2435, 0.2616)

# Fields that change how a run is executed but not what it computes.
EXECUTION_FIELDS = frozenset(
    {"loop.threads", "loop.log_every", "loop.checkpoint_every", "loop.validate_every"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Where the images are and how they are turned into batches.

    Attributes:
        path: Folder of class folders (ImageFolder layout) to train on.
        cache: Folder for the decoded images.
        crop_padding: Zero pixels added on each side before the random crop.
        flip: Mirror half of the images.
        validation_every: Every so many-th image is held out for validation.
        mean: Channel means that the model subtracts, inside, from [0, 1] pixels.
        std: Channel standard deviations that the model divides by.
    """

    path: Path = Path("data/train")
    cache: Path = Path("runs/cache")
    crop_padding: int = 4
    flip: bool = True
    validation_every: int = 50
    mean: tuple[float, float, float] = CIFAR10_MEAN
    std: tuple[float, float, float] = CIFAR10_STD


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Shape of the autoencoder's decoder."""

    embed_dim: int = 128
    depth: int = 2
    num_heads: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Optimiser and schedule.

    Attributes:
        optimizer: AdamW for all, or Muon for the matrices inside the blocks and AdamW for the rest.
        lr: Peak learning rate of AdamW.
        muon_lr: Peak learning rate of Muon, on AdamW's scale (update RMS matched).
        min_lr: Share of the peak that the cosine ends at, in [0, 1].
        warmup: Share of the steps spent in the linear warm-up from 0.
        betas: AdamW's decay rates.
        weight_decay: Decoupled, on matrices only.
        layer_decay: Each layer's rate over that of the layer above it; 1 for none.
        clip_norm: Gradients are scaled down to this global L2 norm.
    """

    optimizer: Literal["adamw", "muon"] = "adamw"
    lr: float = 1e-3
    muon_lr: float = 2e-3
    min_lr: float = 0.0
    warmup: float = 0.05
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    clip_norm: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """How long and how a run is executed.

    Attributes:
        steps: Optimiser steps of the whole schedule.
        batch_size: Images a step, before they are repeated as noisy views.
        seed: Root of every random stream of the run.
        device: A torch device.
        precision: `bfloat16` computes on a bfloat16 copy of float32 master weights.
        shares: Threads that each compute a share of every batch; above 1 for CPUs only.
        threads: Threads inside an operation, outside the shares; 0 leaves torch's choice.
        log_every: Steps between two rows of losses.csv.
        checkpoint_every: Steps between two checkpoints; one is always written at the end.
        validate_every: Steps between two validations; 0 for none.
    """

    steps: int = 1000
    batch_size: int = 256
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    shares: int = 1
    threads: int = 0
    log_every: int = 10
    checkpoint_every: int = 500
    validate_every: int = 500

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "shares", "log_every", "checkpoint_every"):
            value = getattr(self, name)
            _require(value >= 1, f"{name} must be 1 or above, got {value}")
        _require(
            self.batch_size % self.shares == 0,
            f"shares must divide batch_size {self.batch_size}, got {self.shares}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainConfig:
    """DMAE pre-training: rebuild the clean image from a noisy, masked one.

    Attributes:
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        mask_ratio: Share of the patches hidden from the encoder.
        norm_pix: Standardise each clean target patch by its own mean and variance.
    """

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    sigma: float = 0.25
    mask_ratio: float = 0.75
    norm_pix: bool = True

    def __post_init__(self) -> None:
        _require(self.sigma >= 0, f"sigma must be 0 or above, got {self.sigma}")
        _require(0 <= self.mask_ratio < 1, f"mask_ratio must be in [0, 1), got {self.mask_ratio}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """Fine-tuning of a classifier under noise.

    Attributes:
        init: Run directory of a pre-training, or of a fine-tuning, to start from.
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        views: Noisy copies of each image in a step.
        consistency: Weight of the consistency term's KL part; 0 leaves the whole term out.
        entropy: Weight of the consistency term's entropy part.
        label_smoothing: Of the cross-entropy.
        drop_path: Largest stochastic depth rate.
    """

    data: DataConfig = field(default_factory=DataConfig)
    architecture: Architecture
    optim: OptimConfig = field(default_factory=OptimConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    init: Path | None = None
    sigma: float = 0.25
    views: int = 1
    consistency: float = 0.0
    entropy: float = 0.5
    label_smoothing: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        _require(self.sigma >= 0, f"sigma must be 0 or above, got {self.sigma}")
        _require(self.views >= 1, f"views must be 1 or above, got {self.views}")
        # timm draws stochastic depth from torch's global generator, which threads would share.
        _require(
            self.drop_path == 0 or self.loop.shares == 1,
            f"drop_path {self.drop_path} needs loop.shares 1, got {self.loop.shares}",
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """Export of a fine-tuned run to a model store.

    Attributes:
        run: Run directory of the fine-tuning.
        id: Model id, such as vit_tiny_patch4_32.dmae_cifar10_s025.
        store: Store directory to export to.
        description: One or two sentences for a person choosing.
        data: What the run was trained on, in words.
        licence: Of the weights.
        notes: What a reader of the card should know besides.
        stored_as: Type of the numbers in the file; they are run in float32 either way.
        measure_s: How long the model's speed is measured, for the card.
    """

    run: Path
    id: str
    store: Path = Path("model_store/models")
    description: str = ""
    data: str = ""
    licence: str = "Apache-2.0"
    notes: tuple[str, ...] = ()
    stored_as: Literal["float16", "float32"] = "float16"
    measure_s: float = 5.0


RunConfig = PretrainConfig | FinetuneConfig


def as_json(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain JSON values, as recorded in the run directory."""
    plain: dict[str, Any] = _plain(asdict(config))
    return {"command": "pretrain" if isinstance(config, PretrainConfig) else "finetune", **plain}


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, ...]:
    """Dotted names of the fields in which two configurations differ, execution fields aside."""
    left, right = dict(_leaves(ours)), dict(_leaves(theirs))
    names = (left.keys() | right.keys()) - EXECUTION_FIELDS
    return tuple(sorted(name for name in names if left.get(name) != right.get(name)))


def _require(holds: bool, message: str) -> None:  # noqa: FBT001
    if not holds:
        raise BadConfig(message)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
