"""What a preview shows: the corruption as the network gets it, and the network's answer."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from training.config import CorruptionConfig, PretrainConfig, PreviewConfig
from training.errors import BadCheckpoint, BadConfig, BadData
from training.network.autoencoder import patchify
from training.pretrain import build_autoencoder, pretrain
from training.preview import caption, preview, show, unpatchify
from training.streams import stream


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(3, 3, 16, 16, generator=stream(0, "pixels"))


def test_patches_are_put_back_where_they_were(pixels: Tensor):
    assert torch.equal(unpatchify(patchify(pixels, 4), 4), pixels)


def test_the_hidden_share_is_grey_and_the_rest_is_the_image(
    pretrain_config: PretrainConfig, pixels: Tensor
):
    config = replace(pretrain_config, corruption=CorruptionConfig(sigma=0.0, mask_ratio=0.75))
    model = build_autoencoder(config).eval()

    shown = show(model, pixels, config, seed=0, rebuild=False)

    grey = (shown.corrupted == 0.5).all(dim=1, keepdim=True)
    assert grey.float().mean() == 0.75
    torch.testing.assert_close(
        torch.where(grey, 0.0, shown.corrupted), torch.where(grey, 0.0, pixels)
    )


def test_the_noise_has_the_recipe_s_level(pretrain_config: PretrainConfig):
    corruption = CorruptionConfig(sigma=0.1, mask_ratio=0.0)
    config = replace(pretrain_config, corruption=corruption)
    middle = torch.full((20, 3, 16, 16), 0.5)

    shown = show(build_autoencoder(config).eval(), middle, config, seed=0, rebuild=False)

    assert float((shown.corrupted - 0.5).std()) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("norm_pix", [True, False])
def test_a_network_that_is_right_rebuilds_the_clean_image(
    norm_pix: bool, pretrain_config: PretrainConfig, pixels: Tensor
):
    config = replace(pretrain_config, corruption=CorruptionConfig(norm_pix=norm_pix))
    model = build_autoencoder(config).eval()
    model.forward = lambda _noisy, _scores: model.target(pixels)

    shown = show(model, pixels, config, seed=0, rebuild=True)

    assert shown.rebuilt is not None
    torch.testing.assert_close(shown.rebuilt, pixels, atol=1e-5, rtol=0)


def test_a_preview_of_a_run_has_three_columns(pretrain_config: PretrainConfig, tmp_path: Path):
    data = replace(pretrain_config.data, validation_every=8)
    pretrain(replace(pretrain_config, data=data), tmp_path)

    path = preview(PreviewConfig(run=tmp_path))

    assert path == tmp_path / "preview.png"
    with Image.open(path) as image:
        assert image.format == "PNG"
        # Three images are held out, so the grid is square but for the caption.
        assert image.width < image.height < 1.25 * image.width


def test_without_a_run_one_s_own_pictures_are_shown_corrupted(
    pretrain_config: PretrainConfig, image_folder: Path, tmp_path: Path
):
    pictures = tuple(sorted((image_folder / "red").iterdir()))[:1]

    path = preview(PreviewConfig(images=pictures, out=tmp_path / "a" / "b.png"), pretrain_config)

    with Image.open(path) as image:
        assert image.width > 1.4 * image.height


def test_a_picture_that_is_none_is_named(
    pretrain_config: PretrainConfig, image_folder: Path, tmp_path: Path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = (next((image_folder / "red").iterdir()), broken)

    with pytest.raises(BadData, match=r"broken\.png cannot be shown: .*PNG, JPEG and WebP"):
        preview(PreviewConfig(images=pictures, out=tmp_path / "x.png"), pretrain_config)


def test_the_caption_says_where_the_brightness_is_from(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    pretrain(pretrain_config, tmp_path)

    words = caption(pretrain_config, tmp_path)

    assert "after 6 steps" in words
    assert "clean patch's" in words


def test_a_classifier_rebuilds_nothing(finetuned: Path):
    with pytest.raises(BadCheckpoint, match="a run of finetune"):
        preview(PreviewConfig(run=finetuned))


def test_a_directory_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="no run directory"):
        preview(PreviewConfig(run=tmp_path))


def test_something_to_show_has_to_be_given():
    with pytest.raises(BadConfig, match="needs a run"):
        preview(PreviewConfig())


def test_a_training_folder_that_is_gone_is_told_with_the_way_out(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    data = replace(pretrain_config.data, source="folder", path=tmp_path / "gone")

    with pytest.raises(BadData, match=r"gone is not a folder.*--images"):
        preview(PreviewConfig(out=tmp_path / "x.png"), replace(pretrain_config, data=data))


def test_no_held_out_images_is_told_with_the_way_out(
    pretrain_config: PretrainConfig, tmp_path: Path
):
    data = replace(pretrain_config.data, validation_every=0)

    with pytest.raises(BadData, match="--images"):
        preview(PreviewConfig(out=tmp_path / "x.png"), replace(pretrain_config, data=data))
