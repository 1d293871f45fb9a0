"""From the logits of a batch to the votes of its slices.

A row with a logit that is not finite votes for nothing: the argmax of a row of nan is 0, and a
broken classifier would certify class 0. It is counted in a bin past the last class.
"""

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from smoothing.votes import Votes


def count_on_host(
    logits: NDArray[np.float32], owner: NDArray[np.int64], num_slices: int
) -> NDArray[np.int64]:
    """Votes by slice and class, and of no class; numpy's calls cost less than torch's.

    Args:
        logits: Shape (batch, classes).
        owner: The slice of each row; padding belongs to one past the last.
        num_slices: How many slices there are.

    Returns:
        Shape (slices, classes + 1).
    """
    classes = logits.shape[1]
    ballots = logits.argmax(axis=1)
    ballots[~np.isfinite(logits).all(axis=1)] = classes
    bins = (num_slices + 1, classes + 1)
    counts = np.bincount(owner * bins[1] + ballots, minlength=bins[0] * bins[1])
    return counts.reshape(bins)[:num_slices]


def count_on_device(
    logits: Float[Tensor, "batch classes"], owner: NDArray[np.int64], num_slices: int
) -> Int64[Tensor, "{num_slices} bins"]:
    """The same where the logits are, without waiting for them."""
    bins = (num_slices + 1, logits.shape[1] + 1)
    ballots = torch.as_tensor(owner, device=logits.device) * bins[1] + winners(logits)
    counts = torch.zeros(bins[0] * bins[1], dtype=torch.int64, device=logits.device)
    counts.scatter_add_(0, ballots, torch.ones_like(ballots))
    return counts.view(bins)[:num_slices]


def winners(logits: Float[Tensor, "batch classes"]) -> Int64[Tensor, " batch"]:
    """The vote of each row; one past the last class where a logit is not finite."""
    finite = logits.isfinite().all(dim=1)
    return torch.where(finite, logits.argmax(dim=1), logits.shape[1])


def as_votes(counts: NDArray[np.int64]) -> list[Votes]:
    """The votes of each slice from its row of counts."""
    rows: list[list[int]] = counts.tolist()
    return [Votes(counts=tuple(row[:-1]), invalid=row[-1]) for row in rows]
