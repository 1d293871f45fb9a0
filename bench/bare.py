"""A model's forward and backward pass and nothing else, to hold a training step against."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import FinetuneConfig, LoopConfig, PretrainConfig
from training.engine.precision import Network, networks
from training.engine.shares import Batch
from training.network.autoencoder import DenoisingMaskedAutoencoder
from training.objectives.classification import noisy_views
from training.objectives.corruption import add_noise, noise_levels

Config = PretrainConfig | FinetuneConfig
BareLoss = Callable[[nn.Module], Tensor]


class Bare:
    """Forward and backward passes on fixed inputs, arranged as the loop arranges its shares.

    Args:
        model: Copied.
        loop: Says the precision, the shares and how many are computed at once.
        losses: One for each share, its inputs fixed.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig, losses: Sequence[BareLoss]) -> None:
        self.model = copy.deepcopy(model).train()
        self._losses, self.at_once = losses, loop.at_once(loop.shares)
        self._networks = networks(self.model, loop, at_once=self.at_once)
        self._pool = ThreadPoolExecutor(self.at_once, "bare", torch.set_num_threads, (1,))

    def step(self) -> None:
        """One pass of every share."""
        for start in range(0, len(self._losses), self.at_once):
            losses = self._losses[start : start + self.at_once]
            pairs = zip(self._networks, losses, strict=False)
            self.spread([partial(_pass, network, loss) for network, loss in pairs])

    def spread(self, pieces: Sequence[Callable[[], object]]) -> None:
        """Does independent pieces of work, on threads where the loop has them."""
        if self.at_once > 1:
            list(self._pool.map(lambda piece: piece(), pieces))
            return
        for piece in pieces:
            piece()


def _pass(network: Network, loss: BareLoss) -> None:
    network.module.zero_grad(set_to_none=True)
    with network.computing():
        value = loss(network.module)
    value.backward()


def fixed_losses(batches: Sequence[Batch], config: Config) -> list[BareLoss]:
    """The model's losses on shares of a batch whose noise and masks are drawn once."""
    if isinstance(config, PretrainConfig):
        return [_rebuilding(batch, config) for batch in batches]
    return [_classifying(batch, config) for batch in batches]


def _rebuilding(batch: Batch, config: PretrainConfig) -> BareLoss:
    shape, clean = config.architecture, batch.pixels
    levels = noise_levels(config.corruption, len(clean), generator=batch.generator)
    noisy = add_noise(clean, sigma=levels, generator=batch.generator)
    patches = (shape.image_size // shape.patch_size) ** 2
    scores = torch.rand(len(clean), patches, generator=batch.generator, device=clean.device)

    def loss(network: nn.Module) -> Tensor:
        model = cast(DenoisingMaskedAutoencoder, network)
        return model.loss(model(noisy, scores), clean)

    return loss


def _classifying(batch: Batch, config: FinetuneConfig) -> BareLoss:
    noisy = noisy_views(batch, config, None)
    labels = batch.labels.repeat(config.views)
    return lambda network: functional.cross_entropy(network(noisy).float(), labels)
