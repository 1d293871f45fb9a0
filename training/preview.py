"""A picture of a pre-training: images clean, corrupted, and as the network rebuilds them."""

import json
import logging
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from model_store.card import Preprocessing
from model_store.decoding import decode
from model_store.errors import ImageError
from model_store.preprocessing import prepare
from training.config import PretrainConfig, PreviewConfig
from training.data import open_images, split
from training.engine import checkpoints
from training.engine.disk import PICTURE_BYTES, written_whole
from training.engine.run_directory import CONFIG, read_settings
from training.errors import BadCheckpoint, BadConfig, BadData
from training.network.autoencoder import DenoisingMaskedAutoencoder, patchify
from training.network.pixels import network_input
from training.objectives.corruption import add_noise, noise_levels
from training.pretrain import build_autoencoder
from training.streams import stream

logger = logging.getLogger(__name__)

GREY = 0.5
INCHES = 1.6
DOTS_PER_INCH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Images at the network's size, in [0, 1] pixels.

    Attributes:
        clean: As they are.
        corrupted: With noise, clipped for the eye, the hidden patches in grey.
        rebuilt: By the decoder; None without a trained network.
    """

    clean: Float[Tensor, "rows 3 side side"]
    corrupted: Float[Tensor, "rows 3 side side"]
    rebuilt: Float[Tensor, "rows 3 side side"] | None


def preview(config: PreviewConfig, pretraining: PretrainConfig | None = None) -> Path:
    """Draws the picture; its path.

    Args:
        config: What to show.
        pretraining: What to show where no run is named.

    Raises:
        BadConfig: Neither a run nor a pre-training is given.
        BadCheckpoint: The run is no pre-training, or has no checkpoint.
        BadData: There are no images to show, or a file is none.
    """
    if config.run is not None:
        pretraining = pretraining_of(config.run)
    if pretraining is None:
        raise BadConfig("a preview needs a run, or the configuration of a pre-training")
    out = config.out or (config.run or Path()) / "preview.png"
    model = build_autoencoder(pretraining).eval()
    if config.run is not None:
        checkpoints.restore(config.run, model=model, optimizers=())
    shown = show(
        model,
        _images(config, pretraining),
        pretraining,
        seed=config.seed,
        rebuild=config.run is not None,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(shown, caption(pretraining, config.run), out)
    return out


def pretraining_of(run: Path) -> PretrainConfig:
    """The configuration of a pre-training, as its run directory has it.

    Raises:
        BadCheckpoint: The directory is no run, or of another command, or has no checkpoint yet.
    """
    if checkpoints.read_head(run) is None:
        raise BadCheckpoint(f"{run} is no run directory with a checkpoint")
    recorded = read_settings(run)
    command = recorded.pop("command", "unknown")
    if command != "pretrain":
        raise BadCheckpoint(f"{run} is a run of {command}; only a pre-training rebuilds images")
    try:
        return TypeAdapter(PretrainConfig).validate_json(json.dumps(recorded))
    except ValidationError as error:
        fault = error.errors()[0]["msg"]
        raise BadCheckpoint(f"{run / CONFIG} is no configuration: {fault}") from error


@torch.inference_mode()
def show(
    model: DenoisingMaskedAutoencoder,
    pixels: Float[Tensor, "rows 3 size size"],
    pretraining: PretrainConfig,
    *,
    seed: int,
    rebuild: bool,
) -> Shown:
    """Images beside what the network is given of them, and what it makes of that.

    A network that predicts standardised patches does not say how bright a patch is, nor how strong
    its contrast: these are taken from the clean image, for the eye only.
    """
    generator = stream(seed, "preview")
    levels = noise_levels(pretraining.corruption, len(pixels), generator=generator)
    noisy = add_noise(pixels, sigma=levels, generator=generator)
    patches = model.pos_embed.shape[1] - 1
    scores = torch.rand(len(pixels), patches, generator=generator)
    hidden = as_image(model.hidden(scores), model)
    corrupted = torch.where(hidden, GREY, _displayed(_input(noisy, model), model))
    rebuilt = None
    if rebuild:
        predicted = model(noisy, scores)
        if model.norm_pix:
            target = patchify(_input(pixels, model), model.patch_size)
            deviation = (target.var(dim=-1, keepdim=True) + 1e-6).sqrt()
            predicted = predicted * deviation + target.mean(dim=-1, keepdim=True)
        rebuilt = _displayed(unpatchify(predicted, model.patch_size), model)
    return Shown(
        clean=_displayed(_input(pixels, model), model), corrupted=corrupted, rebuilt=rebuilt
    )


def unpatchify(
    patches: Float[Tensor, "batch patches pixels"], patch: int
) -> Float[Tensor, "batch channels height width"]:
    """The square image that `patchify` took apart."""
    batch, count, _ = patches.shape
    side = round(count**0.5)
    grid = patches.reshape(batch, side, side, patch, patch, -1)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(batch, -1, side * patch, side * patch)


def as_image(
    chosen: Bool[Tensor, "batch patches"], model: DenoisingMaskedAutoencoder
) -> Bool[Tensor, "batch 1 height width"]:
    """Which pixels are in the chosen patches."""
    return unpatchify(
        chosen[:, :, None].expand(-1, -1, model.patch_size**2), patch=model.patch_size
    )


def caption(pretraining: PretrainConfig, run: Path | None) -> str:
    """What the picture shows, in words."""
    corruption = pretraining.corruption
    noise = {
        "constant": f"noise of sigma {corruption.sigma:g}",
        "gamma": f"noise of a gamma-distributed level, on average "
        f"{corruption.gamma_shape * corruption.gamma_scale:.2f}",
        "uniform": f"noise of a level between {corruption.uniform_low:.2f} and "
        f"{corruption.uniform_high:.2f}",
    }[corruption.noise]
    words = f"Left to right: clean; corrupted by {noise}, {corruption.mask_ratio:.0%} hidden"
    if run is None:
        return f"{words}. Nothing is rebuilt: no run was given."
    words += f"; rebuilt after {(checkpoints.read_head(run) or {}).get('step')} steps."
    if corruption.norm_pix:
        words += (
            " The network predicts standardised patches: "
            "mean and contrast of each are the clean patch's."
        )
    return words


def draw(shown: Shown, words: str, out: Path) -> None:
    """Writes the grid as a PNG, a row an image, the caption below."""
    columns = [each for each in (shown.clean, shown.corrupted, shown.rebuilt) if each is not None]
    rows, inches = len(shown.clean), INCHES * len(columns)
    lines = textwrap.wrap(words, width=int(inches * 15))
    below = 0.15 * len(lines) + 0.1
    figure = Figure(figsize=(inches, INCHES * rows + below))
    bottom = below / (INCHES * rows + below)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    figure.subplots_adjust(0.01, bottom, 0.99, 0.99, wspace=0.03, hspace=0.03)
    for axes_row, images in zip(grid, zip(*columns, strict=True), strict=True):
        for axes, image in zip(axes_row, images, strict=True):
            axes.imshow(np.moveaxis(image.numpy(), 0, -1), interpolation="nearest")
            axes.set_axis_off()
    figure.text(0.01, bottom / 2, "\n".join(lines), fontsize=7, va="center")
    with written_whole(out, needed=PICTURE_BYTES) as partial:
        figure.savefig(partial, format="png", dpi=DOTS_PER_INCH)
    logger.info("preview: %s", out)


def _images(
    config: PreviewConfig, pretraining: PretrainConfig
) -> Float[Tensor, "rows 3 size size"]:
    size = pretraining.data.size or pretraining.architecture.image_size
    if config.images:
        return torch.stack([_read(path, size, pretraining) for path in config.images])
    try:
        images = open_images(pretraining.data, size=size)
    except BadData as error:
        raise BadData(f"{error}; or name pictures of your own with --images") from error
    held_out = split(len(images.labels), every=pretraining.data.validation_every).validation
    if not len(held_out):
        raise BadData("no images are held out for validation: name some with --images")
    places = np.linspace(0, len(held_out) - 1, min(config.rows, len(held_out)))
    return images.pixels(held_out[places.round().astype(np.int64)])


def _read(path: Path, size: int, pretraining: PretrainConfig) -> Tensor:
    try:
        image = decode(path.read_bytes())
    except ImageError as error:
        raise BadData(f"{path} cannot be shown: {error}") from error
    preprocessing = Preprocessing(
        size=size,
        resize="bicubic",
        resize_shorter=size,
        mean=pretraining.data.mean,
        std=pretraining.data.std,
    )
    return torch.tensor(prepare(image, preprocessing).tensor)


def _input(pixels: Tensor, model: DenoisingMaskedAutoencoder) -> Tensor:
    return network_input(pixels, size=model.image_size, mean=model.mean, std=model.std)


def _displayed(normalised: Tensor, model: DenoisingMaskedAutoencoder) -> Tensor:
    return (normalised * model.std + model.mean).clamp(0, 1)
