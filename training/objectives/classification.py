"""The loss of fine-tuning: classification under noise."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from training.config import FinetuneConfig
from training.engine.shares import Batch
from training.objectives.consistency import consistency
from training.objectives.corruption import add_noise
from training.objectives.mixing import draw_lam, mix, mix_labels


def noisy_loss(network: nn.Module, batch: Batch, config: FinetuneConfig) -> Float[Tensor, ""]:
    """Cross-entropy of every noisy view, plus the consistency term between an image's views.

    Views lie one behind the other: row `view * batch + image`.
    """
    lam = _lam(batch, config)
    logits = network(noisy_views(batch, config, lam)).float()
    labels = batch.labels.repeat(config.views)
    if lam is not None:
        labels = mix_labels(functional.one_hot(labels, logits.shape[-1]).float(), lam)
    # Smoothing is affine, so mixed labels smoothed are timm's smoothed labels mixed.
    loss = functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
    if config.consistency == 0.0:
        return loss
    by_view = logits.view(config.views, len(batch.labels), -1)
    return loss + consistency(by_view, weight=config.consistency, entropy=config.entropy)


def noisy_views(
    batch: Batch, config: FinetuneConfig, lam: Float[Tensor, "size size"] | None
) -> Float[Tensor, "rows channels size size"]:
    """Every image once a view, each with noise of its own; mixed before the noise or after it.

    Either way the views of an image have the same content: the mirror place of row
    `view * batch + image` holds a view of the image that `image` is mixed with.
    """
    images = batch.pixels
    if lam is not None and not config.mix_after_noise:
        images = mix(images, lam)
    views = images.repeat(config.views, 1, 1, 1)
    noisy = add_noise(views, sigma=config.sigma, generator=batch.generator)
    return mix(noisy, lam) if lam is not None and config.mix_after_noise else noisy


def _lam(batch: Batch, config: FinetuneConfig) -> Float[Tensor, "size size"] | None:
    if not config.mixup and not config.cutmix:
        return None
    return draw_lam(
        batch.pixels.shape[-1],
        mixup=config.mixup,
        cutmix=config.cutmix,
        generator=batch.generator,
    )
