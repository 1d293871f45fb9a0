"""The card: everything about a checkpoint that its weights do not say.

Every class checks itself, so a card that exists is a card that makes sense. On disk it is JSON in
the order of the fields; unknown keys are refused, because a misspelt key would be a silent default.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError, with_config

from model_store.errors import CardInvalid
from model_store.evidence import Evaluation, Provenance
from model_store.schema import CLOSED, require, require_positive, rises
from model_store.whole_file import replace_file

MODEL_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_ID_LENGTH = 100
MAX_LABEL_LENGTH = 1_000
"""Longer ones would not fit into a certificate."""

SCHEMA_VERSION = 1
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_WEIGHTS_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Triple = tuple[float, float, float]
Precision = Literal["float32", "bfloat16", "int8"]


def is_model_id(text: str) -> bool:
    """Whether `text` can name a model: lower-case words joined by single `.`, `_` or `-`."""
    return len(text) <= MAX_ID_LENGTH and MODEL_ID.fullmatch(text) is not None


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Shape of a vision transformer.

    Attributes:
        image_size: Side of the square image the network takes, in pixels.
        patch_size: Side of a patch, in pixels; divides `image_size`.
        embed_dim: Width of a token.
        depth: Number of transformer blocks.
        num_heads: Attention heads; divides `embed_dim`.
        mlp_ratio: Hidden width of a block's MLP over `embed_dim`.
        global_pool: What the head sees: the mean of the patch tokens, or the class token.

    Raises:
        CardInvalid: A number is not positive, or does not divide as it must.
    """

    image_size: int
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_ratio: float = 4.0
    global_pool: Literal["avg", "token"] = "avg"

    def __post_init__(self) -> None:
        require_positive(
            image_size=self.image_size,
            patch_size=self.patch_size,
            embed_dim=self.embed_dim,
            depth=self.depth,
            num_heads=self.num_heads,
            mlp_ratio=self.mlp_ratio,
        )
        require(
            self.image_size % self.patch_size == 0,
            "patch_size",
            f"must divide image_size {self.image_size}, got {self.patch_size}",
        )
        require(
            self.embed_dim % self.num_heads == 0,
            "num_heads",
            f"must divide embed_dim {self.embed_dim}, got {self.num_heads}",
        )


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How an uploaded image becomes the certified tensor, and what the network does to that.

    Attributes:
        size: The certified tensor is 3 x size x size, in pixels.
        resize: Kernel of the antialiased resize.
        resize_shorter: The shorter side goes to this many pixels before the centre crop to `size`.
        mean: Per channel, of [0, 1] pixels; subtracted inside the classifier, after the noise.
        std: Per channel, of [0, 1] pixels; divided by inside the classifier.

    Raises:
        CardInvalid: A size or std is not positive, or the crop is larger than the resized image.
    """

    size: int
    resize: Literal["bicubic", "bilinear"]
    resize_shorter: int
    mean: Triple
    std: Triple

    def __post_init__(self) -> None:
        require_positive(size=self.size)
        require(
            self.resize_shorter >= self.size,
            "resize_shorter",
            f"must be at least size {self.size}, got {self.resize_shorter}",
        )
        require(len(self.mean) == 3, "mean", f"must have 3 numbers, got {len(self.mean)}")
        require(all(map(math.isfinite, self.mean)), "mean", f"must be finite, got {self.mean}")
        require(len(self.std) == 3, "std", f"must have 3 numbers, got {len(self.std)}")
        for value in self.std:
            require_positive(std=value)


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Which file holds the weights, and proof that it is that file.

    Attributes:
        file: Name beside the card; no folder.
        sha256: Of the file, in lower-case hex.
        num_bytes: Length of the file.
        stored_as: Type of the numbers in the file; "int8" is a quantised graph with its weights.
        precision: Type they are run in. Another precision would be another classifier.

    Raises:
        CardInvalid: A name with a folder, a digest that is none, or a quantised graph that is to
            be run in floating point, or the reverse.
    """

    file: str
    sha256: str
    num_bytes: int
    stored_as: Literal["float16", "float32", "int8"]
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        require(
            _WEIGHTS_FILE.fullmatch(self.file) is not None,
            "file",
            f"must be a plain name ending in .safetensors, got {self.file!r}",
        )
        require(
            _SHA256.fullmatch(self.sha256) is not None,
            "sha256",
            f"must be 64 lower-case hex digits, got {self.sha256!r}",
        )
        require_positive(num_bytes=self.num_bytes)
        require(
            (self.precision == "int8") == (self.stored_as == "int8"),
            "precision",
            f"must be int8 for a file stored as int8 and only then, got {self.precision} for "
            f"{self.stored_as}",
        )


@with_config(CLOSED)
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One checkpoint, as the store knows it.

    Attributes:
        schema_version: Of this file format.
        id: Name of the model and of its directory.
        description: One or two sentences for a person choosing.
        architecture: Shape of the network.
        labels: Name of each class, by index.
        preprocessing: From an uploaded image to the certified tensor.
        sigmas: Noise levels the network was trained for, rising, in units of a [0, 1] pixel.
        weights: The weights file.
        draws_per_s: Measured noisy forward passes a second, for estimates before a first run.
        measured_on: Hardware of `draws_per_s`.
        evaluations: What the model is worth, by sigma.
        provenance: Where the weights are from.
        licence: Of the weights; an SPDX expression, or words.

    Raises:
        CardInvalid: A value is outside what its field allows.
    """

    schema_version: int = SCHEMA_VERSION
    id: str
    description: str
    architecture: Architecture
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    sigmas: tuple[float, ...]
    weights: Weights
    draws_per_s: float
    measured_on: str
    evaluations: tuple[Evaluation, ...]
    provenance: Provenance
    licence: str

    def __post_init__(self) -> None:
        require(
            self.schema_version == SCHEMA_VERSION,
            "schema_version",
            f"must be {SCHEMA_VERSION}, got {self.schema_version}",
        )
        require(is_model_id(self.id), "id", f"must match {MODEL_ID.pattern}, got {self.id!r}")
        require(len(self.labels) >= 2, "labels", f"must be 2 or more, got {len(self.labels)}")
        require(all(map(str.strip, self.labels)), "labels", "must not be empty strings")
        longest = max(map(len, self.labels))
        require(
            longest <= MAX_LABEL_LENGTH,
            "labels",
            f"must have at most {MAX_LABEL_LENGTH} characters each, one has {longest}",
        )
        repeated = sorted(label for label, times in Counter(self.labels).items() if times > 1)
        require(not repeated, "labels", f"must be unique, repeated: {', '.join(repeated)}")
        require(
            bool(self.sigmas) and rises(self.sigmas),
            "sigmas",
            f"must be one or more numbers that rise, got {self.sigmas}",
        )
        for sigma in self.sigmas:
            require_positive(sigmas=sigma)
        require_positive(draws_per_s=self.draws_per_s)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.labels)


def load_card(path: Path) -> ModelCard:
    """The card in a JSON file.

    Raises:
        CardInvalid: The file cannot be read, is not JSON or breaks the schema; the message names
            the file and the field.
    """
    try:
        return TypeAdapter(ModelCard).validate_json(path.read_bytes())
    except OSError as error:
        raise CardInvalid(f"cannot be read: {error.strerror}", field="", file=path) from error
    except ValidationError as error:
        raise _named(error, path) from error


def dump_card(card: ModelCard, path: Path) -> None:
    """Writes a card as indented JSON, fields in their order, replacing what is there at once."""
    text = TypeAdapter(ModelCard).dump_json(card, indent=2, ensure_ascii=False)
    replace_file(path, text + b"\n")


def _named(error: ValidationError, path: Path) -> CardInvalid:
    faults = error.errors(include_url=False)
    # An unknown key explains a missing one, so it is told first.
    fault = min(faults, key=lambda each: each["type"] not in _UNKNOWN_KEY)
    place = [str(part) for part in fault["loc"]]
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, CardInvalid):
        return CardInvalid(cause.detail, field=".".join([*place, cause.field]), file=path)
    detail = "unknown key" if fault["type"] in _UNKNOWN_KEY else fault["msg"]
    return CardInvalid(detail, field=".".join(place), file=path)
