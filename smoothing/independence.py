"""Votes are independent only if each row of a batch is classified by itself."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothing.errors import UnsoundClassifier
from smoothing.runtime import Runtime
from smoothing.tally import winners

# Kernels may round differently for other neighbours; anything more is influence.
_TOLERANCE = 1e-4


@torch.inference_mode()
def check_row_independence(
    runtime: Runtime, num_classes: int, input_shape: tuple[int, int, int]
) -> None:
    """Change every other row of a batch, then the order: a row's logits must stay.

    Raises:
        UnsoundClassifier: They do not, or logits have another shape.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (runtime.batch_size, *input_shape)
    batch = torch.rand(shape, generator=generator).to(runtime.device)
    strangers = 100 * torch.randn(shape, generator=generator).to(runtime.device)
    among_strangers = batch.clone()
    among_strangers[1::2] = strangers[1::2]

    logits = _logits(runtime, batch, num_classes)
    others = _logits(runtime, among_strangers, num_classes)[::2]
    moved = _logits(runtime, batch.roll(1, dims=0), num_classes).roll(-1, dims=0)

    same_votes = torch.equal(winners(logits[::2]), winners(others))
    if not (same_votes and _close(logits[::2], others) and _close(logits, moved)):
        raise UnsoundClassifier(
            "a row's logits depend on the other rows of its batch or on its place among "
            "them; votes would not be independent"
        )


def _logits(runtime: Runtime, batch: Tensor, num_classes: int) -> Float[Tensor, "batch classes"]:
    logits = runtime.start(batch)()
    expected = (runtime.batch_size, num_classes)
    # A module may return anything.
    if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:  # pyright: ignore[reportUnnecessaryIsInstance]
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UnsoundClassifier(f"logits must have shape {expected}, got {got}")
    return logits.float()


def _close(a: Tensor, b: Tensor) -> bool:
    scale = a.abs().nan_to_num(nan=0.0, posinf=0.0).max().item()
    return torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True)
