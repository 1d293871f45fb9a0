"""Settings check themselves and compare by field."""

import json
from dataclasses import replace

import pytest

from training import recipes
from training.config import (
    CorruptionConfig,
    DecoderConfig,
    FinetuneConfig,
    LoopConfig,
    OptimConfig,
    PretrainConfig,
    ProbeConfig,
    as_json,
    differences,
)
from training.errors import BadConfig


@pytest.mark.parametrize("field", ["steps", "batch_size", "shares", "log_every"])
def test_a_count_of_zero_is_refused_by_name(field: str):
    with pytest.raises(BadConfig, match=f"{field} must be 1 or above, got 0"):
        LoopConfig(**{field: 0})


def test_shares_divide_the_batch():
    with pytest.raises(BadConfig, match="shares must divide batch_size 256, got 3"):
        LoopConfig(shares=3)


def test_stochastic_depth_does_not_go_with_shares_on_threads():
    config = recipes.smoke.finetune()
    in_turn = replace(config.loop, shares=2, parallel=1)

    assert replace(config, drop_path=0.1, loop=in_turn).drop_path == 0.1
    with pytest.raises(BadConfig, match=r"drop_path 0\.1 does not go with shares on threads"):
        replace(config, drop_path=0.1, loop=replace(in_turn, parallel=0))


@pytest.mark.parametrize("ratio", [-0.1, 1.0])
def test_a_mask_hides_some_patches_but_not_all(ratio: float):
    with pytest.raises(BadConfig, match="mask_ratio"):
        CorruptionConfig(mask_ratio=ratio)


def test_a_mask_over_every_patch_of_an_architecture_is_refused():
    config = recipes.smoke.pretrain()

    with pytest.raises(BadConfig, match=r"mask_ratio 0\.95 hides all of the 16 patches"):
        replace(config, corruption=CorruptionConfig(mask_ratio=0.95))


def test_differences_are_dotted_names_without_execution_fields():
    config = recipes.smoke.pretrain()
    noisier = replace(config.corruption, sigma=0.5)
    other = replace(config, corruption=noisier, loop=replace(config.loop, seed=1, threads=7))

    assert differences(as_json(config), as_json(other)) == ("corruption.sigma", "loop.seed")


@pytest.mark.parametrize("sigma", [-0.1, float("inf"), float("nan")])
def test_noise_has_a_level_that_can_be_drawn(sigma: float):
    for config in (CorruptionConfig(), recipes.smoke.finetune(), recipes.PROBE["smoke"]()):
        with pytest.raises(BadConfig, match="sigma must be 0 or above and finite"):
            replace(config, sigma=sigma)


@pytest.mark.parametrize("config", [recipes.smoke.pretrain(), recipes.PROBE["smoke"]()])
def test_a_layer_decay_is_refused_where_nothing_would_decay(config: PretrainConfig | ProbeConfig):
    with pytest.raises(BadConfig, match="layer_decay is for fine-tuning"):
        replace(config, optim=OptimConfig(layer_decay=0.5))


@pytest.mark.parametrize("config", [recipes.smoke.pretrain(), recipes.smoke.finetune()])
def test_a_width_without_position_embeddings_is_refused(config: PretrainConfig | FinetuneConfig):
    odd = replace(config.architecture, embed_dim=34)

    with pytest.raises(BadConfig, match=r"architecture\.embed_dim must be a multiple of 4, got 34"):
        replace(config, architecture=odd)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"embed_dim": 18}, r"decoder\.embed_dim must be a multiple of 4, got 18"),
        ({"num_heads": 3}, r"decoder\.num_heads must divide decoder\.embed_dim 128, got 3"),
        ({"depth": 0}, r"decoder\.depth must be 1 or above"),
    ],
)
def test_a_decoder_that_cannot_be_is_refused(settings: dict[str, int], words: str):
    with pytest.raises(BadConfig, match=words):
        DecoderConfig(**settings)


def test_every_recipe_is_recorded_as_json_that_others_read():
    for known in (recipes.PRETRAIN, recipes.FINETUNE, recipes.PROBE):
        for recipe in known.values():
            json.dumps(as_json(recipe()), allow_nan=False)
