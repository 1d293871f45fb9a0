"""Classifiers loaded, checked and measured."""

import re
import shutil
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest

from jobs.keys import model_ref
from jobs.record import Maker
from model_store.card import dump_card
from model_store.runtimes import Wishes
from smoothing.philox import NOISE_SCHEME
from smoothing.sampler import Draws, count_votes
from smoothing.votes import Phase
from worker.batcher import Batcher
from worker.models import choose_device, load_models

WISHES = Wishes(batch_size=4, streams=1, threads=1, warm_up_s=0.01)


def test_a_model_is_loaded_and_measured(model_store_dir: Path, jobs: Any) -> None:
    models = load_models(model_store_dir, (jobs.model,), WISHES)

    info = models.info[jobs.model]
    ref = model_ref(jobs.card)
    draws = Draws(
        image=jobs.image, sigma=0.25, key=bytes(32), phase=Phase.SELECTION, start=0, stop=3
    )
    assert info.batch_size == 4
    assert info.draws_per_s > 0
    assert info.problem is models.problem(ref) is None
    assert info.warning is None
    assert re.fullmatch(r"openvino \S+, float32, 4 rows, 1 threads", info.runtime)
    assert models.maker(jobs.submit()) == Maker(runtime=info.runtime, noise_scheme=NOISE_SCHEME)
    assert models.samplers[jobs.model].run([draws])[0].total == 3


def test_weights_that_are_not_the_cards_make_a_model_unusable(
    model_store_dir: Path, tmp_path: Path, jobs: Any
) -> None:
    shutil.copytree(model_store_dir / jobs.model, tmp_path / jobs.model)
    with (tmp_path / jobs.model / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")

    models = load_models(tmp_path, (jobs.model,), WISHES)

    problem = models.problem(model_ref(jobs.card))
    assert problem == f"model {jobs.model} cannot be used: DigestMismatch"
    assert models.samplers == {}


def test_a_job_for_another_version_of_a_model_is_not_drawn(
    model_store_dir: Path, jobs: Any
) -> None:
    models = load_models(model_store_dir, (jobs.model,), WISHES)
    mine = model_ref(jobs.card)

    other = models.problem(replace(mine, function_sha256="0" * 64))
    unknown = models.problem(replace(mine, id="unknown"))

    assert other == f"model {jobs.model} is not the one that the job was submitted for"
    assert unknown == "model unknown is not in this worker's store"


def test_a_named_device_is_taken_as_it_is() -> None:
    assert choose_device("cuda:3") == "cuda:3"
    assert choose_device("auto") in ("cpu", "cuda:0")


def test_a_runtime_that_is_not_here_is_replaced_and_said_so(
    model_store_dir: Path, jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_store.runtimes.choice.find_spec", lambda _: None)

    models = load_models(model_store_dir, (jobs.model,), WISHES)

    info = models.info[jobs.model]
    assert info.runtime.startswith("eager ")
    assert info.problem is None
    assert info.warning == (
        f"model {jobs.model} runs in eager torch, which may be slower: openvino was refused "
        "(missing)"
    )


def test_a_quantised_model_without_its_runtime_is_unusable(
    model_store_dir: Path, tmp_path: Path, jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(model_store_dir / jobs.model, tmp_path / jobs.model)
    weights = replace(jobs.card.weights, stored_as="int8", precision="int8")
    dump_card(replace(jobs.card, weights=weights), tmp_path / jobs.model / "card.json")
    monkeypatch.setattr("model_store.runtimes.choice.find_spec", lambda _: None)

    models = load_models(tmp_path, (jobs.model,), WISHES)

    assert models.info[jobs.model].problem == (
        f"model {jobs.model} cannot be used: RuntimeRefused, missing"
    )


def test_votes_of_a_runtime_with_streams_are_those_of_a_bare_run(
    model_store_dir: Path, jobs: Any
) -> None:
    wishes = Wishes(batch_size=16, streams=2, threads=2, warm_up_s=0.01)
    models = load_models(model_store_dir, (jobs.model,), wishes)
    sampler = models.samplers[jobs.model]
    batcher = Batcher(lambda: models.samplers)
    batcher.start()

    asked = [
        Draws(
            image=jobs.image,
            sigma=sigma,
            key=bytes([job]) * 32,
            phase=Phase.ESTIMATION,
            start=0,
            stop=70 + job,
        )
        for job, sigma in enumerate((0.25, 0.5, 1.0) * 4)
    ]
    counted = [future.result(20) for future in [batcher.submit(jobs.model, it) for it in asked]]
    batcher.close()

    assert models.info[jobs.model].warning is None
    assert counted == [reduce(add, count_votes(sampler, each)) for each in asked]
