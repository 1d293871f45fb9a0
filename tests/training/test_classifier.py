"""From the weights of an earlier run to the network that is trained on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import nn

from model_store.card import Preprocessing
from model_store.classifier import Classifier
from training import recipes
from training.config import FinetuneConfig, PretrainConfig, as_json
from training.engine import checkpoints
from training.errors import BadCheckpoint
from training.network.classifier import build_classifier
from training.network.starting_weights import resize_positions
from training.pretrain import build_autoencoder, starting_autoencoder
from training.streams import stream

PRETRAINING = recipes.smoke.pretrain()
FINETUNING = recipes.smoke.finetune()


def of_shape(config: FinetuneConfig, **fields: object) -> FinetuneConfig:
    return replace(config, architecture=replace(config.architecture, **fields))


def save(out: Path, model: nn.Module, config: PretrainConfig | FinetuneConfig) -> Path:
    """A run directory as training leaves it, with weights that no step has moved but all differ."""
    generator = stream(7, "moved")
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    out.mkdir()
    scalars = {"seconds": 0.0, "epochs": 0.0, "classes": []}
    checkpoints.save(out, step=1, model=model, optimizers=[], scalars=scalars)
    (out / "config.json").write_text(json.dumps(as_json(config)))
    return out


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "pretrain"
    return save(out, build_autoencoder(PRETRAINING), PRETRAINING)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fine-tuned classifier of 3 classes with a head on the mean of the patches."""
    out = tmp_path_factory.mktemp("runs") / "finetune"
    return save(out, build_classifier(FINETUNING, 3), FINETUNING)


def test_the_encoder_is_taken_over_and_the_head_is_fresh(pretrained: Path):
    encoder = checkpoints.load_weights(pretrained)

    vit = build_classifier(replace(FINETUNING, init=pretrained), 3).vit

    assert torch.equal(vit.blocks[1].attn.qkv.weight, encoder["blocks.1.attn.qkv.weight"])
    assert torch.equal(vit.cls_token, encoder["cls_token"])
    assert 0 < vit.head.weight.std() < 3e-5
    assert not vit.head.bias.any()


def test_a_head_on_the_mean_of_the_patches_has_a_fresh_norm(pretrained: Path):
    vit = build_classifier(replace(FINETUNING, init=pretrained), 3).vit

    assert isinstance(vit.norm, nn.Identity)
    assert torch.equal(vit.fc_norm.weight, torch.ones(32))
    assert not vit.fc_norm.bias.any()


def test_a_head_on_the_class_token_keeps_the_norm_of_pre_training(pretrained: Path):
    encoder = checkpoints.load_weights(pretrained)
    config = of_shape(FINETUNING, global_pool="token")

    vit = build_classifier(replace(config, init=pretrained), 3).vit

    assert isinstance(vit.fc_norm, nn.Identity)
    assert torch.equal(vit.norm.weight, encoder["norm.weight"])
    assert torch.equal(vit.norm.bias, encoder["norm.bias"])


@pytest.mark.parametrize(
    ("pool", "fresh"),
    [
        ("avg", {"head.weight", "head.bias", "fc_norm.weight", "fc_norm.bias"}),
        ("token", {"head.weight", "head.bias"}),
    ],
)
def test_exactly_the_head_is_fresh(pretrained: Path, pool: str, fresh: set[str]):
    encoder = checkpoints.load_weights(pretrained)
    config = of_shape(FINETUNING, global_pool=pool)

    state = build_classifier(replace(config, init=pretrained), 3).vit.state_dict()

    assert state.keys() - encoder.keys() == fresh
    assert all(torch.equal(state[name], encoder[name]) for name in state.keys() - fresh)


@pytest.mark.parametrize("lost", ["norm.weight", "blocks.0.norm1.bias"])
def test_a_pre_training_that_lacks_a_tensor_is_refused(tmp_path: Path, lost: str):
    model = build_autoencoder(PRETRAINING)
    nn.Module.__delattr__(model.get_submodule(lost.rpartition(".")[0]), lost.rpartition(".")[2])
    run = save(tmp_path / "run", model, PRETRAINING)

    with pytest.raises(BadCheckpoint, match=f"{lost} is missing there"):
        build_classifier(replace(of_shape(FINETUNING, global_pool="token"), init=run), 3)


def test_positions_are_trained_from_those_of_pre_training(pretrained: Path):
    vit = build_classifier(replace(FINETUNING, init=pretrained), 3).vit

    assert vit.pos_embed.requires_grad
    assert torch.equal(vit.pos_embed, checkpoints.load_weights(pretrained)["pos_embed"])


@pytest.mark.parametrize("side", [12, 32])
def test_positions_of_another_grid_are_resampled_as_timm_does_without_antialiasing(
    pretrained: Path, side: int
):
    config = of_shape(FINETUNING, image_size=side)
    grid = [side // 4, side // 4]

    vit = build_classifier(replace(config, init=pretrained), 3).vit

    stored = checkpoints.load_weights(pretrained)["pos_embed"]
    expected = resample_abs_pos_embed(stored, new_size=grid, antialias=False, align_corners=False)
    assert torch.equal(vit.pos_embed[:, 0], stored[:, 0])
    torch.testing.assert_close(vit.pos_embed.detach(), expected)


def test_positions_of_no_square_grid_are_left_to_be_refused():
    positions = torch.zeros(1, 1 + 15, 8)

    assert resize_positions(positions, (1, 1 + 64, 8)) is positions


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("embed_dim", 64, r"cls_token is \(1, 1, 32\) there and \(1, 1, 64\) here.*embed-dim 32"),
        ("patch_size", 2, r"weight is \(32, 3, 4, 4\) there and \(32, 3, 2, 2\) here.*size 4"),
        ("mlp_ratio", 2.0, r"fc1\.weight is \(128, 32\) there and \(64, 32\).*mlp-ratio 4\.0"),
        ("depth", 3, r"blocks\.2\.\S+ is missing there.*give --architecture\.depth 2, or another"),
        ("depth", 1, r"blocks\.1\.\S+ has no place here.*give --architecture\.depth 2, or another"),
        ("num_heads", 4, r"num_heads is 2 there and 4 here; give --architecture\.num-heads 2"),
    ],
)
def test_another_architecture_is_refused_with_the_options_that_would_fit(
    pretrained: Path, field: str, value: float, message: str
):
    config = replace(of_shape(FINETUNING, **{field: value}), init=pretrained)

    with pytest.raises(BadCheckpoint, match=message):
        build_classifier(config, 3)


def test_a_run_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="holds no checkpoint"):
        build_classifier(replace(FINETUNING, init=tmp_path / "none"), 3)


def test_a_run_with_a_damaged_configuration_is_refused(tmp_path: Path):
    run = save(tmp_path / "run", build_autoencoder(PRETRAINING), PRETRAINING)
    (run / "config.json").write_text("{")

    with pytest.raises(BadCheckpoint, match=r"config\.json was damaged"):
        build_classifier(replace(FINETUNING, init=run), 3)


def test_a_finetuned_run_is_taken_over_whole(tuned: Path):
    vit = build_classifier(replace(FINETUNING, init=tuned), 3).vit

    stored = checkpoints.load_weights(tuned)
    assert all(
        torch.equal(value, stored[f"vit.{name}"]) for name, value in vit.state_dict().items()
    )


def test_a_finetuned_run_of_other_classes_is_refused(tuned: Path):
    with pytest.raises(BadCheckpoint, match=r"head.*there and \(4,.*its head has 3 classes"):
        build_classifier(replace(FINETUNING, init=tuned), 4)


def test_a_finetuned_run_with_the_other_head_is_refused(tuned: Path):
    config = replace(of_shape(FINETUNING, global_pool="token"), init=tuned)

    with pytest.raises(
        BadCheckpoint, match=r"norm\.\S+ is missing.*--architecture\.global-pool avg"
    ):
        build_classifier(config, 3)


def test_a_pre_training_is_continued_with_its_decoder(pretrained: Path):
    state = starting_autoencoder(replace(PRETRAINING, init=pretrained)).state_dict()

    stored = checkpoints.load_weights(pretrained)
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[name], stored[name]) for name in state)


def test_a_pre_training_is_continued_on_larger_images(pretrained: Path):
    larger = replace(PRETRAINING.architecture, image_size=32)
    model = starting_autoencoder(replace(PRETRAINING, architecture=larger, init=pretrained))

    stored = checkpoints.load_weights(pretrained)["decoder_pos_embed"]
    expected = resample_abs_pos_embed(stored, new_size=[8, 8], antialias=False, align_corners=False)
    torch.testing.assert_close(model.decoder_pos_embed.data, expected)


def test_another_decoder_is_refused(pretrained: Path):
    config = replace(PRETRAINING, decoder=replace(PRETRAINING.decoder, depth=2), init=pretrained)

    with pytest.raises(BadCheckpoint, match=r"decoder_blocks\.1.*give --decoder\.depth 1"):
        starting_autoencoder(config)


def test_a_classifier_is_no_start_of_a_pre_training(tuned: Path):
    with pytest.raises(BadCheckpoint, match="cls_token is missing there"):
        starting_autoencoder(replace(PRETRAINING, init=tuned))


@pytest.mark.parametrize("size", [8, 16, 32])
def test_images_of_any_size_are_classified_as_the_served_classifier_does(size: int):
    data = FINETUNING.data
    model = build_classifier(FINETUNING, 3).eval()
    nn.init.normal_(model.vit.head.weight, generator=stream(0, "head"))
    preprocessing = Preprocessing(
        size=size, resize="bicubic", resize_shorter=size, mean=data.mean, std=data.std
    )
    served = Classifier(
        model.vit, architecture=FINETUNING.architecture, preprocessing=preprocessing
    ).eval()
    noisy = torch.randn(2, 3, size, size, generator=stream(0, "pixels"))

    torch.testing.assert_close(model(noisy), served(noisy))
