"""From a pre-trained encoder to a classifier."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.config import FinetuneConfig, PretrainConfig
from training.engine import checkpoints
from training.engine.shares import Batch
from training.errors import BadCheckpoint
from training.network.classifier import build_classifier
from training.objectives.classification import noisy_loss
from training.pretrain import pretrain
from training.streams import stream


@pytest.fixture
def pretrained(pretrain_config: PretrainConfig, tmp_path: Path) -> Path:
    pretrain(pretrain_config, tmp_path / "pretrain")
    return tmp_path / "pretrain"


def test_the_encoder_is_taken_over_and_the_head_is_fresh(
    finetune_config: FinetuneConfig, pretrained: Path
):
    encoder = checkpoints.load_weights(pretrained)

    vit = build_classifier(replace(finetune_config, init=pretrained), 3).vit

    assert torch.equal(vit.blocks[1].attn.qkv.weight, encoder["blocks.1.attn.qkv.weight"])
    assert torch.equal(vit.cls_token, encoder["cls_token"])
    assert vit.head.weight.abs().max() < 1e-3


def test_positions_are_trained_from_the_fixed_ones(
    finetune_config: FinetuneConfig, pretrained: Path
):
    vit = build_classifier(replace(finetune_config, init=pretrained), 3).vit

    assert vit.pos_embed.requires_grad
    assert torch.equal(vit.pos_embed, checkpoints.load_weights(pretrained)["pos_embed"])


def test_another_depth_is_refused(finetune_config: FinetuneConfig, pretrained: Path):
    deeper = replace(finetune_config.architecture, depth=3)

    with pytest.raises(BadCheckpoint, match=r"blocks\.2\.attn"):
        build_classifier(replace(finetune_config, init=pretrained, architecture=deeper), 3)


def test_another_width_is_refused(finetune_config: FinetuneConfig, pretrained: Path):
    wider = replace(finetune_config.architecture, embed_dim=64)

    with pytest.raises(BadCheckpoint, match="does not fit"):
        build_classifier(replace(finetune_config, init=pretrained, architecture=wider), 3)


def test_a_finetuned_run_can_be_continued_whole(finetune_config: FinetuneConfig, finetuned: Path):
    vit = build_classifier(replace(finetune_config, init=finetuned), 3).vit

    assert torch.equal(vit.head.weight, checkpoints.load_weights(finetuned)["vit.head.weight"])


def test_a_single_view_without_consistency_is_plain_cross_entropy(finetune_config: FinetuneConfig):
    config = replace(finetune_config, views=1, consistency=0.0, sigma=0.0)
    model = build_classifier(config, 3).eval()
    pixels = torch.rand(4, 3, 16, 16, generator=stream(0, "pixels"))
    labels = torch.tensor([0, 1, 2, 0])

    loss = noisy_loss(
        model, Batch(pixels=pixels, labels=labels, generator=stream(0, "step")), config
    )

    expected = torch.nn.functional.cross_entropy(model(pixels), labels)
    torch.testing.assert_close(loss, expected)


def test_every_view_has_noise_of_its_own(finetune_config: FinetuneConfig):
    config = replace(finetune_config, views=2)
    model, seen = build_classifier(config, 3), []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = torch.full((2, 3, 16, 16), 0.5)

    noisy_loss(
        model,
        Batch(pixels=pixels, labels=torch.tensor([0, 1]), generator=stream(0, "step")),
        config,
    )

    noise = (seen[0] - 0.5).view(4, -1)
    assert noise.shape[0] == 4
    assert torch.corrcoef(noise).fill_diagonal_(0).abs().max() < 0.2
    assert noise.std(dim=1).tolist() == pytest.approx([0.25] * 4, abs=0.03)
