"""The loss of fine-tuning: classify every noisy view, and agree between views."""

from torch import Tensor, nn
from torch.nn import functional

from training.config import FinetuneConfig
from training.engine.shares import Batch
from training.objectives.consistency import consistency
from training.objectives.corruption import add_noise


def noisy_loss(network: nn.Module, batch: Batch, config: FinetuneConfig) -> Tensor:
    """Cross-entropy of every noisy view, plus the consistency term between an image's views."""
    views = batch.pixels.repeat(config.views, 1, 1, 1)
    noisy = add_noise(views, sigma=config.sigma, generator=batch.generator)
    logits = network(noisy).float()
    loss = functional.cross_entropy(
        logits, batch.labels.repeat(config.views), label_smoothing=config.label_smoothing
    )
    if config.consistency == 0.0:
        return loss
    by_view = logits.view(config.views, len(batch.labels), -1)
    return loss + consistency(by_view, weight=config.consistency, entropy=config.entropy)
