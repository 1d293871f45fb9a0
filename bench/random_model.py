"""A store with one tiny vision transformer of random weights: what it says is of no matter."""

from pathlib import Path

import torch

from model_store import checkpoint
from model_store.card import Architecture, ModelCard, Preprocessing, Weights, dump_card
from model_store.classifier import build_vit
from model_store.evidence import Provenance

SIZE = 8
LABELS = ("bird", "cat", "dog", "ship")


def make_store(root: Path, *, labels: tuple[str, ...] = LABELS) -> ModelCard:
    """Write the store; the same weights each time.

    Args:
        root: An empty directory.
        labels: Names of the classes.
    """
    architecture = Architecture(image_size=SIZE, patch_size=4, embed_dim=16, depth=1, num_heads=2)
    folder = root / "tiny.random"
    folder.mkdir()
    generator = torch.Generator().manual_seed(3)
    tensors = {
        name: 0.3 * torch.randn(value.shape, generator=generator)
        for name, value in build_vit(architecture, len(labels)).state_dict().items()
    }
    file = folder / "weights.safetensors"
    sha256 = checkpoint.save(file, tensors)
    card = ModelCard(
        id=folder.name,
        description="Random weights.",
        architecture=architecture,
        labels=labels,
        preprocessing=Preprocessing(
            size=SIZE,
            resize="bicubic",
            resize_shorter=SIZE,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        ),
        sigmas=(0.25,),
        weights=Weights(
            file=file.name, sha256=sha256, num_bytes=file.stat().st_size, stored_as="float32"
        ),
        draws_per_s=5000,
        measured_on="nothing",
        evaluations=(),
        provenance=Provenance(
            data="none", commands=(), schedule="none", hardware="none", wall_time_s=0
        ),
        licence="Apache-2.0",
    )
    dump_card(card, folder / "card.json")
    return card
