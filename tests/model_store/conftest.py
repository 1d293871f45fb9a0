"""A PNG encoder that shares nothing with the code under test, small images and a small card."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from model_store import checkpoint
from model_store.card import (
    Architecture,
    ModelCard,
    Preprocessing,
    Provenance,
    Weights,
)
from model_store.classifier import build_vit
from tests.evidence import FIGURES
from tests.fuzz.corpus import chunk

PASSES = [
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
]


def _packed(row: np.ndarray, depth: int) -> bytes:
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    bits = (flat[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(-1).astype(np.uint8)).tobytes()


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2)[kind]


def _filtered(rows: list[bytes], step: int) -> Iterator[bytes]:
    above = bytes(len(rows[0]))
    for index, row in enumerate(rows):
        kind = index % 5
        body = bytes(
            (
                row[i]
                - _predicted(
                    kind,
                    row[i - step] if i >= step else 0,
                    above[i],
                    above[i - step] if i >= step else 0,
                )
            )
            % 256
            for i in range(len(row))
        )
        yield bytes([kind]) + body
        above = row


def encode_png(
    samples: np.ndarray,
    *,
    depth: int,
    colour_type: int,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    size: tuple[int, int] | None = None,
) -> bytes:
    """A PNG of (height, width, samples) integers that uses every filter in turn."""
    height, width, count = samples.shape
    step = max(1, count * depth // 8)
    passes = PASSES if interlaced else [(0, 0, 1, 1)]
    parts = [samples[top::down, left::across] for top, left, down, across in passes]
    stream = b"".join(
        line
        for part in parts
        if part.size
        for line in _filtered([_packed(row, depth) for row in part], step)
    )
    columns, rows = size or (width, height)
    header = struct.pack(">IIBBBBB", columns, rows, depth, colour_type, 0, 0, interlaced)
    compressed = zlib.compress(stream)
    middle = len(compressed) // 2
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            before,
            chunk(b"IDAT", compressed[:middle]),
            chunk(b"IDAT", compressed[middle:]),
            after,
            chunk(b"IEND", b""),
        ]
    )


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """The encoder."""
    return encode_png


@pytest.fixture(scope="session")
def png_chunk() -> Callable[[bytes, bytes], bytes]:
    """A chunk with its checksum."""
    return chunk


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(24, 32, 3) uint8 with colour gradients and an edge: nothing symmetric about it."""
    y, x = np.mgrid[0:24, 0:32]
    image = np.stack([x * 8, y * 10, (x + 2 * y) * 3], axis=-1).astype(np.uint8)
    image[3:9, 20:] = (250, 10, 60)
    return image


def save(pixels: np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    """Encodes an array with Pillow."""
    return save


@pytest.fixture(scope="session")
def card() -> ModelCard:
    """A whole card of a tiny network."""
    return ModelCard(
        id="tiny.test",
        description="Eine Probe für Tests.",
        architecture=Architecture(
            image_size=16, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2.0
        ),
        labels=("cat", "dog", "zebra"),
        preprocessing=Preprocessing(
            size=16,
            resize="bicubic",
            resize_shorter=16,
            mean=(0.5, 0.4, 0.3),
            std=(0.2, 0.25, 0.3),
        ),
        sigmas=(0.25, 0.5),
        weights=Weights(
            file="weights.safetensors", sha256="0" * 64, num_bytes=1, stored_as="float16"
        ),
        draws_per_s=1000.0,
        measured_on="two cores",
        evaluations=(FIGURES,),
        provenance=Provenance(
            data="CIFAR-10",
            commands=("python -m training pretrain",),
            schedule="1 epoch",
            hardware="two cores",
            wall_time_s=60.0,
        ),
        licence="Apache-2.0",
    )


@pytest.fixture(scope="module")
def stored(card: ModelCard, tmp_path_factory) -> tuple[ModelCard, Path]:
    """A model on disk, with weights large enough that every part matters."""
    directory = tmp_path_factory.mktemp("model")
    generator = torch.Generator().manual_seed(1)
    network = build_vit(card.architecture, card.num_classes)
    tensors = {
        name: 0.3 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in network.state_dict().items()
    }
    digest = checkpoint.save(directory / card.weights.file, tensors)
    weights = replace(card.weights, sha256=digest, stored_as="float32")
    return replace(card, weights=weights), directory
