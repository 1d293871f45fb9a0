"""Classifiers loaded, checked and measured."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from jobs.keys import model_ref
from smoothing.certificate import Phase
from smoothing.sampler import Draws
from worker.models import choose_device, load_models


def test_a_model_is_loaded_and_measured(model_store_dir: Path, jobs: Any) -> None:
    models = load_models(
        model_store_dir, (jobs.model,), device="cpu", batch_sizes=(4, 8), measure_s=0.01
    )

    info = models.info[jobs.model]
    ref = model_ref(jobs.card)
    draws = Draws(
        image=jobs.image, sigma=0.25, key=bytes(32), phase=Phase.SELECTION, start=0, stop=3
    )
    assert info.batch_size in (4, 8)
    assert info.draws_per_s > 0
    assert info.problem is models.problem(ref) is None
    assert models.samplers[jobs.model].run([draws])[0].total == 3


def test_weights_that_are_not_the_cards_make_a_model_unusable(
    model_store_dir: Path, tmp_path: Path, jobs: Any
) -> None:
    shutil.copytree(model_store_dir / jobs.model, tmp_path / jobs.model)
    with (tmp_path / jobs.model / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")

    models = load_models(tmp_path, (jobs.model,), device="cpu", batch_sizes=(4,), measure_s=0.01)

    problem = models.problem(model_ref(jobs.card))
    assert problem == f"model {jobs.model} cannot be used: DigestMismatch"
    assert models.samplers == {}


def test_a_job_for_another_version_of_a_model_is_not_drawn(
    model_store_dir: Path, jobs: Any
) -> None:
    models = load_models(
        model_store_dir, (jobs.model,), device="cpu", batch_sizes=(4,), measure_s=0.01
    )
    mine = model_ref(jobs.card)

    other = models.problem(replace(mine, function_sha256="0" * 64))
    unknown = models.problem(replace(mine, id="unknown"))

    assert other == f"model {jobs.model} is not the one that the job was submitted for"
    assert unknown == "model unknown is not in this worker's store"


def test_a_named_device_is_taken_as_it_is() -> None:
    assert choose_device("cuda:3") == "cuda:3"
    assert choose_device("auto") in ("cpu", "cuda:0")
