"""Draws that are made again are the draws that were made."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.keys import model_ref
from model_store.registry import Registry
from model_store.runtimes import Wishes
from smoothing import SmoothingParams
from smoothing.sampler import certify
from worker.models import load_models
from worker.replay import replay
from worker.settings import WorkerSettings

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def settings(model_store_dir: Path) -> WorkerSettings:
    """What is quick to load."""
    return WorkerSettings(
        model_store_dir=model_store_dir,
        runtime="eager",
        batch_size=8,
        streams=1,
        torch_threads=1,
        warm_up_s=0.01,
    )


def asked(store: Path, image: Any, **changes: Any) -> dict[str, Any]:
    (model,) = Registry(store).ids()
    question = {
        "store": str(store),
        "model": model,
        "function_sha256": model_ref(Registry(store).get(model)).function_sha256,
        "tensor": base64.b64encode(image.tobytes()).decode(),
        "shape": list(image.shape),
        "sigma": 0.25,
        "numerics": "sound",
        "key": KEY.hex(),
        "ranges": [],
    }
    return question | changes


def test_all_draws_of_a_certificate_made_again_have_its_counts(
    model_store_dir: Path, settings: WorkerSettings
) -> None:
    (model,) = Registry(model_store_dir).ids()
    size = Registry(model_store_dir).get(model).preprocessing.size
    image = np.random.default_rng(1).random((3, size, size), dtype=np.float32)
    wishes = Wishes(name="eager", batch_size=8, streams=1, threads=1, warm_up_s=0.01)
    models = load_models(model_store_dir, (model,), wishes)
    params = SmoothingParams(sigma=0.25, n0=10, n=90)
    made = certify(models.samplers[model], image, key=KEY, params=params)
    ranges = [
        {"phase": phase.value, "start": start, "stop": min(start + 40, votes.total)}
        for phase, votes in made.tally.items()
        for start in range(0, votes.total, 40)
    ]

    answer = replay(asked(model_store_dir, image, ranges=ranges), settings)

    counts: dict[str, dict[str, int]] = {}
    for each, sparse in zip(ranges, answer["votes"], strict=True):
        sums = counts.setdefault(each["phase"], {})
        for name, count in sparse.items():
            sums[name] = sums.get(name, 0) + count
    assert counts == {phase.value: votes.sparse() for phase, votes in made.tally.items()}
    assert answer["runtime"] == models.info[model].runtime


def test_another_model_is_not_asked(model_store_dir: Path, settings: WorkerSettings) -> None:
    image = np.zeros((3, 8, 8), np.float32)

    answer = replay(asked(model_store_dir, image, function_sha256="00" * 32), settings)

    assert "not the one of the certificate" in answer["problem"]


def test_a_model_that_the_store_does_not_have_is_named_with_the_option_for_it(
    model_store_dir: Path, settings: WorkerSettings
) -> None:
    image = np.zeros((3, 8, 8), np.float32)

    answer = replay(asked(model_store_dir, image, model="of.others"), settings)

    assert answer["problem"].startswith("no model 'of.others' in the store; it has: ")
    assert answer["problem"].endswith("--model-store names the directory that has it")
