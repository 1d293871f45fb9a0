"""What a runtime must show before it is used: the function of the card, row by row."""

import torch
from jaxtyping import Float
from torch import Tensor

from model_store.card import Precision
from model_store.errors import RuntimeRefused
from model_store.runtimes.contract import Runtime

PROBE_ROWS = 8

TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "bfloat16": 0.05, "int8": 0.05}
"""Of a logit, in units of the largest logit of the probe. Measured on the bundled model, whose
logits reach 5: float32 in OpenVINO 6e-6 absolute, bfloat16 0.03. Quantised graphs are compared
with the logits they had when they were made."""


def probe(size: int, rows: int = PROBE_ROWS) -> Float[Tensor, "rows 3 size size"]:
    """Noisy rows, the same on every machine and in every process."""
    generator = torch.Generator().manual_seed(0)
    shape = (rows, 3, size, size)
    return torch.rand(shape, generator=generator) + 0.25 * torch.randn(shape, generator=generator)


def logits_of(runtime: Runtime, rows: Tensor) -> Float[Tensor, "rows classes"]:
    """Logits of any number of rows, on the CPU; batches are padded with zeros."""
    parts: list[Tensor] = []
    for begin in range(0, len(rows), runtime.batch_size):
        part = rows[begin : begin + runtime.batch_size]
        batch = torch.zeros((runtime.batch_size, *rows.shape[1:]))
        batch[: len(part)] = part
        parts.append(runtime.start(batch.to(runtime.device))()[: len(part)].float().cpu())
    return torch.cat(parts)


def check_agrees(runtime: Runtime, expected: Tensor, *, size: int, precision: Precision) -> None:
    """Compare the logits of the probe.

    Args:
        runtime: What to check.
        expected: What eager torch, or the quantised graph when it was made, says of the probe.
        size: Side of an image.
        precision: Of the card.

    Raises:
        RuntimeRefused: They differ by more than the precision's tolerance.
    """
    logits = logits_of(runtime, probe(size, len(expected)))
    if logits.shape != expected.shape:
        message = f"logits have shape {tuple(logits.shape)}, not {tuple(expected.shape)}"
        raise RuntimeRefused(message, reason="disagrees")
    allowed = TOLERANCES[precision] * max(1.0, expected.abs().max().item())
    difference = (logits - expected).abs().max().item()
    if not difference <= allowed:  # a comparison with nan is false
        raise RuntimeRefused(
            f"logits differ by {difference:.2g} from those expected, over the {allowed:.2g} "
            f"allowed in {precision}",
            reason="disagrees",
        )


def check_rows(runtime: Runtime, *, size: int) -> None:
    """Change every other row of a batch, then the order: each row's logits must stay, to the bit.

    Raises:
        RuntimeRefused: They do not.
    """
    batch = probe(size, runtime.batch_size)
    among_strangers = batch.clone()
    among_strangers[1::2] = 100 * (batch[1::2] - 0.5)

    logits = logits_of(runtime, batch)
    others = logits_of(runtime, among_strangers)
    moved = logits_of(runtime, batch.roll(3, dims=0)).roll(-3, dims=0)

    if not (torch.equal(logits[::2], others[::2]) and torch.equal(logits, moved)):
        raise RuntimeRefused(
            "a row's logits depend on the other rows of its batch or on its place among them",
            reason="coupled",
        )
