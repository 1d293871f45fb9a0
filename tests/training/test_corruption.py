"""The corruption of pre-training and its loss, against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from model_store.card import Architecture, Preprocessing
from model_store.classifier import Classifier
from training.config import OBJECTIVES, CorruptionConfig, DecoderConfig
from training.engine.shares import Batch
from training.network.autoencoder import DenoisingMaskedAutoencoder
from training.objectives.corruption import add_noise, noise_levels
from training.objectives.denoising import denoising_loss
from training.streams import stream

ARCHITECTURE = Architecture(image_size=16, patch_size=4, embed_dim=32, depth=1, num_heads=2)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
# Of 20,000 draws of the right law, one set in 10^6 is further from it than this (Kolmogorov).
FURTHEST = 2.7 / 20_000**0.5


def build(corruption: CorruptionConfig) -> DenoisingMaskedAutoencoder:
    return DenoisingMaskedAutoencoder(
        ARCHITECTURE,
        DecoderConfig(embed_dim=16, depth=1, num_heads=2),
        mean=MEAN,
        std=STD,
        mask_ratio=corruption.mask_ratio,
        norm_pix=corruption.norm_pix,
        generator=stream(0, "weights"),
    ).eval()


def batch(*, size: int = 16) -> Batch:
    pixels = torch.rand(3, 3, size, size, generator=stream(1, "pixels"))
    return Batch(pixels=pixels, labels=torch.zeros(3), generator=stream(2, "step"))


def levels(corruption: CorruptionConfig, count: int = 20_000) -> NDArray[np.float64]:
    return noise_levels(corruption, count, generator=stream(0, "levels")).flatten().double().numpy()


class Seen:
    """What the encoder and the decoder's loss are given in a step of an objective."""

    def __init__(self, corruption: CorruptionConfig, *, size: int = 16) -> None:
        model, taken = build(corruption), batch(size=size)
        model.patch_embed.register_forward_pre_hook(self._keep_image)
        model.blocks.register_forward_pre_hook(self._keep_tokens)
        model.decoder_pred.register_forward_hook(self._keep_prediction)
        self.clean = taken.pixels
        self.loss = denoising_loss(model, taken, corruption)
        self.order = self._draw_again(corruption)

    def _draw_again(self, corruption: CorruptionConfig) -> Tensor:
        """The noise of the step and then its ranking of patches, from the same stream."""
        generator = stream(2, "step")
        sigma = noise_levels(corruption, 3, generator=generator)
        self.noisy = self.clean + sigma * torch.randn(self.clean.shape, generator=generator)
        return torch.rand(3, 16, generator=generator).argsort(dim=1)

    def _keep_image(self, _: nn.Module, inputs: tuple[Tensor]) -> None:
        self.image = inputs[0]

    def _keep_tokens(self, _: nn.Module, inputs: tuple[Tensor]) -> None:
        self.tokens = inputs[0].shape[1]

    def _keep_prediction(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self.predicted = output[:, 1:].detach().double().numpy()


def error_by_patch(seen: Seen, *, norm_pix: bool) -> NDArray[np.float64]:
    """Squared error of each patch, written out; (batch, patches)."""
    clean = (seen.clean.double().numpy().transpose(0, 2, 3, 1) - MEAN) / STD
    errors = np.zeros((3, 16))
    for image in range(3):
        for patch in range(16):
            row, column = divmod(patch, 4)
            target = clean[image, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].ravel()
            if norm_pix:
                spread = ((target - target.mean()) ** 2).sum() / (len(target) - 1)
                target = (target - target.mean()) / np.sqrt(spread + 1e-6)
            errors[image, patch] = np.mean((seen.predicted[image, patch] - target) ** 2)
    return errors


def test_nim_draws_a_level_an_image_from_gamma_of_shape_25_and_scale_3_over_255():
    drawn = levels(OBJECTIVES["nim"])

    assert stats.kstest(drawn, stats.gamma(25, scale=3 / 255).cdf).statistic < FURTHEST
    assert drawn.mean() == pytest.approx(0.294, abs=0.002)
    assert drawn.std() == pytest.approx(15 / 255, rel=0.03)
    assert np.quantile(drawn, [0.05, 0.95]) * 255 == pytest.approx([52, 101], abs=1)


def test_a_uniform_level_has_the_uniform_law():
    drawn = levels(CorruptionConfig(noise="uniform", uniform_low=0.1, uniform_high=0.4))

    assert stats.kstest(drawn, stats.uniform(0.1, 0.3).cdf).statistic < FURTHEST


def test_a_constant_level_is_sigma():
    assert set(levels(CorruptionConfig(sigma=0.5), 5)) == {0.5}


def test_levels_depend_on_the_stream_alone():
    nim = OBJECTIVES["nim"]

    assert np.array_equal(levels(nim, 9), levels(nim, 9))


def test_noise_is_never_clipped():
    bright = torch.ones(4, 3, 16, 16)

    noisy = add_noise(bright, sigma=0.25, generator=stream(0, "noise"))

    assert noisy.max() > 1.5
    assert abs((noisy - bright).std().item() - 0.25) < 0.01


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_noise_is_added_to_pixels_before_the_normalisation(objective: str):
    seen = Seen(OBJECTIVES[objective])

    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(seen.image, (seen.noisy - mean) / std)


@pytest.mark.parametrize("size", [8, 32])
def test_noise_is_added_at_the_size_of_the_data_and_resampled_as_in_certification(size: int):
    seen = Seen(OBJECTIVES["dmae"], size=size)

    preprocessing = Preprocessing(
        size=size, resize="bicubic", resize_shorter=size, mean=MEAN, std=STD
    )
    unchanged = nn.Identity()
    unchanged.register_parameter("says_the_precision", nn.Parameter(torch.zeros(())))
    certified = Classifier(unchanged, architecture=ARCHITECTURE, preprocessing=preprocessing)
    torch.testing.assert_close(seen.image, certified(seen.noisy))


def test_the_target_of_small_images_is_the_clean_image_resampled():
    small, model = batch(size=8).pixels, build(CorruptionConfig(norm_pix=False))

    large = nn.functional.interpolate(small, size=16, mode="bicubic", align_corners=False)

    torch.testing.assert_close(model.target(small), model.target(large))


@pytest.mark.parametrize(
    ("objective", "tokens"), [("dmae", 1 + 4), ("mae", 1 + 4), ("nim", 1 + 16)]
)
def test_the_encoder_sees_a_quarter_of_the_patches_and_all_of_them_for_nim(
    objective: str, tokens: int
):
    assert Seen(OBJECTIVES[objective]).tokens == tokens


def test_mae_has_no_noise():
    seen = Seen(OBJECTIVES["mae"])

    assert torch.equal(seen.noisy, seen.clean)


@pytest.mark.parametrize("norm_pix", [True, False])
@pytest.mark.parametrize("objective", ["dmae", "nim"])
def test_the_loss_is_the_mean_error_of_all_patches_to_the_clean_image(
    objective: str, norm_pix: bool
):
    seen = Seen(replace(OBJECTIVES[objective], norm_pix=norm_pix))

    expected = error_by_patch(seen, norm_pix=norm_pix).mean()

    assert seen.loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("norm_pix", [True, False])
def test_the_loss_of_mae_is_the_mean_error_of_the_hidden_patches(norm_pix: bool):
    seen = Seen(replace(OBJECTIVES["mae"], norm_pix=norm_pix))

    errors = error_by_patch(seen, norm_pix=norm_pix)
    hidden = np.take_along_axis(errors, seen.order[:, 4:].numpy(), axis=1)

    assert hidden.mean() != pytest.approx(errors.mean(), rel=1e-3)
    assert seen.loss.item() == pytest.approx(hidden.mean(), rel=1e-5)


def test_the_presets_are_the_published_objectives():
    dmae, mae, nim = (OBJECTIVES[name] for name in ("dmae", "mae", "nim"))

    assert (dmae.noise, dmae.sigma, dmae.mask_ratio, dmae.loss_on) == (
        "constant",
        0.25,
        0.75,
        "all",
    )
    assert (mae.sigma, mae.mask_ratio, mae.loss_on) == (0.0, 0.75, "masked")
    assert (nim.noise, nim.mask_ratio, nim.loss_on) == ("gamma", 0.0, "all")
    assert all(objective.norm_pix for objective in (dmae, mae, nim))
