"""What an evaluation may be asked for, and the noise that it always has."""

from dataclasses import replace
from pathlib import Path

import pytest

from training.config import EvaluateConfig
from training.errors import BadConfig
from training.evaluation.certifying import noise_key

CONFIG = EvaluateConfig(model="tiny.test")


def test_the_noise_of_an_image_is_public_and_its_own():
    assert noise_key(20).hex() == noise_key(20).hex()
    assert len({noise_key(index) for index in range(100)}) == 100
    assert len(noise_key(0)) == 32


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"model": None}, "one of --model and --run"),
        ({"run": Path("runs/x")}, "one of --model and --run"),
        ({"stride": 0}, "--stride must be at least 1"),
        ({"max_images": 0}, "--max-images must be at least 1"),
        ({"device": "cuda:0,"}, "--device must be one, or several of a kind"),
        ({"device": "cuda:0,cpu"}, "--device must be one, or several of a kind"),
        ({"mode": "adaptive", "write_card": True}, "figures of a card are those of mode fixed"),
        ({"model": None, "run": Path("x"), "write_card": True}, "export it"),
    ],
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, object], fault: str):
    with pytest.raises(BadConfig, match=fault):
        replace(CONFIG, **fields)  # pyright: ignore[reportArgumentType]


def test_a_worker_is_started_for_every_device():
    assert replace(CONFIG, device="cuda:0, cuda:1").num_workers == 2
    assert replace(CONFIG, device="cuda:0,cuda:1").devices == ("cuda:0", "cuda:1")
    assert replace(CONFIG, workers=4).num_workers == 4
