"""What a linear probe trains, what it leaves alone, and what its head is made of."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training import linear_probe as probe_module
from training import recipes
from training.config import LoopConfig, OptimConfig, PretrainConfig, ProbeConfig
from training.data import open_images
from training.engine import checkpoints
from training.errors import BadConfig
from training.linear_probe import build_probe, linear_probe, measure_statistics
from training.network.classifier import build_classifier
from training.pretrain import pretrain
from training.streams import stream

HEAD = {
    "vit.head.0.running_mean",
    "vit.head.0.running_var",
    "vit.head.0.num_batches_tracked",
    "vit.head.1.weight",
    "vit.head.1.bias",
}


class Killed(BaseException):
    """Stands for kill -9: nothing in the loop may catch it."""


@pytest.fixture(scope="module")
def pretrained(image_folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("probed") / "pretrain"
    config = recipes.smoke.pretrain()
    pretrain(_on(config, image_folder, cache), out)
    return out


@pytest.fixture
def config(image_folder: Path, cache: Path, pretrained: Path) -> ProbeConfig:
    return replace(_on(recipes.PROBE["smoke"](), image_folder, cache), init=pretrained)


def _on(config: ProbeConfig | PretrainConfig, folder: Path, cache: Path):
    data = replace(config.data, source="folder", path=folder, cache=cache)
    loop = LoopConfig(steps=6, batch_size=8, threads=1, log_every=1, checkpoint_every=3)
    return replace(config, data=data, loop=loop)


def losses(out: Path) -> list[str]:
    with (out / "losses.csv").open(newline="") as file:
        return [row["loss"] for row in csv.DictReader(file)]


def test_the_encoder_stays_as_it_was_pretrained(
    config: ProbeConfig, pretrained: Path, tmp_path: Path
):
    linear_probe(config, tmp_path)

    before, after = checkpoints.load_weights(pretrained), checkpoints.load_weights(tmp_path)
    encoder = {name: value for name, value in after.items() if name not in HEAD}
    assert encoder.keys() == after.keys() - HEAD
    assert all(torch.equal(value, before[name[4:]]) for name, value in encoder.items())


def test_the_linear_layer_is_trained(config: ProbeConfig, tmp_path: Path):
    fresh = build_probe(config, 3).state_dict()

    linear_probe(config, tmp_path)

    trained = checkpoints.load_weights(tmp_path)
    assert not torch.equal(trained["vit.head.1.weight"], fresh["vit.head.1.weight"])
    assert 0.005 < fresh["vit.head.1.weight"].std() < 0.015


def test_no_gradient_goes_through_the_encoder(config: ProbeConfig):
    model = build_probe(config, 3).train()

    model(torch.rand(2, 3, 16, 16)).sum().backward()

    with_gradient = {name for name, each in model.named_parameters() if each.grad is not None}
    assert with_gradient == {"vit.head.1.weight", "vit.head.1.bias"}


def test_the_features_reach_the_linear_layer_standardised(config: ProbeConfig):
    clean = replace(config, sigma=0.0)
    images = open_images(clean.data, size=16)
    model = build_probe(clean, 3)
    index = images.labels.argsort()

    measure_statistics(model, images, index, clean)

    seen: list[Tensor] = []
    model.vit.head[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(images.pixels(index))
    torch.testing.assert_close(seen[0].mean(dim=0), torch.zeros(32), atol=1e-4, rtol=0)
    # Features that hardly vary are divided by a little more, by the norm's epsilon.
    assert seen[0].std(dim=0).max() < 1.001
    assert seen[0].std(dim=0).median() > 0.95


def test_the_head_reads_the_class_token_after_the_last_norm(config: ProbeConfig):
    model = build_probe(config, 3).eval()
    pixels = torch.rand(2, 3, 16, 16)
    seen: list[Tensor] = []
    model.vit.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    model(pixels)

    tokens = model.vit.forward_features((pixels - model.mean) / model.std)
    torch.testing.assert_close(seen[0], tokens[:, 0])


def test_the_statistics_do_not_move_in_training(config: ProbeConfig):
    model = build_probe(config, 3).train()

    model(torch.rand(8, 3, 16, 16))

    assert model.vit.head[0].running_mean.abs().max() == 0
    assert model.vit.head[0].num_batches_tracked == 0


def test_classes_that_are_linearly_apart_are_learned(config: ProbeConfig, tmp_path: Path):
    loop = LoopConfig(steps=40, batch_size=8, threads=1, validate_every=40)
    data = replace(config.data, validation_every=4)
    optim = OptimConfig(lr=0.03, weight_decay=0.0)

    linear_probe(replace(config, data=data, loop=loop, optim=optim, sigma=0.05), tmp_path)

    figures = json.loads((tmp_path / "validation.jsonl").read_text())
    assert figures["noisy_accuracy"] == 1.0


def test_a_killed_probe_continues_with_the_very_same_losses(
    config: ProbeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    linear_probe(config, tmp_path / "whole")
    calls, loss = iter(range(4)), probe_module.noisy_loss

    def dying(*arguments: object) -> Tensor:
        if next(calls, None) is None:
            raise Killed
        return loss(*arguments)

    monkeypatch.setattr(probe_module, "noisy_loss", dying)
    with pytest.raises(Killed):
        linear_probe(config, tmp_path / "killed")
    monkeypatch.undo()

    linear_probe(config, tmp_path / "killed")

    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
    assert len(losses(tmp_path / "whole")) == config.loop.steps


def test_bfloat16_and_shares_probe_too(config: ProbeConfig, tmp_path: Path):
    loop = replace(config.loop, precision="bfloat16", shares=2)

    linear_probe(replace(config, loop=loop), tmp_path)

    assert losses(tmp_path)


def test_the_mean_of_the_patches_can_be_probed(config: ProbeConfig, tmp_path: Path):
    average = replace(config.architecture, global_pool="avg")

    linear_probe(replace(config, architecture=average), tmp_path)

    assert checkpoints.load_weights(tmp_path).keys() >= HEAD


def test_a_probe_can_be_fine_tuned(config: ProbeConfig, tmp_path: Path):
    linear_probe(config, tmp_path / "probe")
    plain = replace(config.as_finetuning(), init=tmp_path / "probe")

    model = build_classifier(plain, num_classes=3).eval()

    probe = build_probe(config, num_classes=3).eval()
    checkpoints.restore(tmp_path / "probe", model=probe, optimizers=())
    pixels = torch.rand(4, 3, 16, 16, generator=stream(0, "pixels"))
    assert torch.allclose(model(pixels), probe(pixels), atol=1e-5)


def test_a_probe_is_recorded_as_one(config: ProbeConfig, tmp_path: Path):
    linear_probe(config, tmp_path)

    assert json.loads((tmp_path / "config.json").read_text())["command"] == "linear-probe"


def test_muon_has_nothing_to_train_in_a_head(config: ProbeConfig):
    with pytest.raises(BadConfig, match="adamw or lars"):
        replace(config, optim=OptimConfig(optimizer="muon"))


@pytest.mark.parametrize("name", ["imagenet_vit_base", "imagenet_vit_large"])
def test_the_paper_s_probe_is_the_paper_s(name: str):
    config = recipes.PROBE[name]()

    optim, loop, data = config.optim, config.loop, config.data
    assert (optim.optimizer, optim.lr, optim.momentum) == ("lars", 6.4, 0.9)
    assert (optim.weight_decay, optim.min_lr) == (0.0, 0.0)
    assert (loop.batch_size, loop.epochs, optim.warmup * 90) == (16384, 90, 10)
    assert (data.crop_scale, data.flip, data.randaugment) == ((0.08, 1.0), True, "")
    assert config.architecture.global_pool == "token"


def test_every_recipe_can_be_probed():
    assert recipes.PROBE.keys() == recipes.PRETRAIN.keys()
