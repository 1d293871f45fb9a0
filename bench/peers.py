"""What others do: Cohen's loop written plainly, ART from its package, a forward pass of timm."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import beta, norm
from torch import Tensor, nn

ALPHA = 0.001
N0 = 100
BATCH = 32
"""Rows of a peer's batch: ART's own default, and the fastest of eager torch here."""
LAYERS = {"timm's": True, "our": False}
"""Whose layers a peer's network is of, and whether it is plain then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohenLoop:
    """Algorithm CERTIFY as one would write it down in torch.

    Attributes:
        network: Noisy pixels to logits, in eval mode.
        num_classes: Of the logits.
        sigma: Of the noise.

    Source:
        Cohen et al. (2019), section 3.2.2.
    """

    network: nn.Module
    num_classes: int
    sigma: float

    def certify(self, image: NDArray[np.float32], *, n: int) -> tuple[int, float]:
        """The class and the radius; -1 and 0 for an abstention."""
        pixels = torch.from_numpy(image)
        selected = int(self._counts(pixels, N0).argmax())
        hits = int(self._counts(pixels, n)[selected])
        p_lower = float(beta.ppf(ALPHA, hits, n - hits + 1)) if hits else 0.0
        if p_lower <= 0.5:
            return -1, 0.0
        return selected, self.sigma * float(norm.ppf(p_lower))

    @torch.no_grad()
    def _counts(self, pixels: Tensor, n: int) -> NDArray[np.int64]:
        counts = np.zeros(self.num_classes, dtype=np.int64)
        for start in range(0, n, BATCH):
            rows = pixels.expand(min(BATCH, n - start), *pixels.shape)
            noisy = rows + self.sigma * torch.randn_like(rows)
            won = self.network(noisy).argmax(dim=1)
            counts += torch.bincount(won, minlength=self.num_classes).numpy()
        return counts


def has_art() -> bool:
    """Whether the extra `bench` is installed."""
    return find_spec("art") is not None


class Art:
    """`PyTorchRandomizedSmoothing` of the Adversarial Robustness Toolbox, as its package has it.

    Args:
        network: Noisy pixels to logits.
        num_classes: Of the logits.
        shape: Of an image.
        sigma: Of the noise.
    """

    def __init__(
        self, network: nn.Module, *, num_classes: int, shape: tuple[int, ...], sigma: float
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it imports, and for itself to mend
            from art.estimators.certification.randomized_smoothing import (  # noqa: PLC0415 - slow
                PyTorchRandomizedSmoothing,
            )

            self._smoothing: Any = PyTorchRandomizedSmoothing(
                network,
                nn.CrossEntropyLoss(),
                input_shape=shape,
                nb_classes=num_classes,
                device_type="cpu",
                sample_size=N0,
                scale=sigma,
                alpha=ALPHA,
            )

    def certify(self, image: NDArray[np.float32], *, n: int) -> tuple[int, float]:
        """The class and the radius; -1 and 0 for an abstention."""
        predicted, radius = self._smoothing.certify(image[None], n=n, batch_size=BATCH)
        return int(predicted[0]), float(radius[0])


@torch.no_grad()
def timm_forward(network: nn.Module, rows: Tensor, batches: int) -> None:
    """So many forward passes of a timm network, one after the other."""
    for _ in range(batches):
        network(rows)
