"""Random streams with addresses: what a step draws depends on (seed, purpose, index) alone.

Nothing here has a history, so a run that is killed and resumed draws what it would have drawn.
"""

import hashlib

import torch


def stream(
    seed: int, purpose: str, index: int = 0, *, device: torch.device | str = "cpu"
) -> torch.Generator:
    """The generator at an address; equal addresses give equal streams on equal devices."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    generator = torch.Generator(device)
    generator.manual_seed(int.from_bytes(digest[:8]) >> 1)
    return generator
