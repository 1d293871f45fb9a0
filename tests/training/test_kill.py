"""Runs that the system kills, at any moment and several times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from training.engine.checkpoints import read_head
from training.engine.records import read_losses

SCRIPT = Path(__file__).with_name("run_and_kill.py")
STEPS, KILLS = 40, 4
RUNS = {
    "pretrain": ["pretrain", "--loop.precision", "bfloat16", "--loop.shares", "2"],
    "finetune": ["finetune", "--optim.optimizer", "muon", "--drop-path", "0.2", "--mixup", "0.8"],
}


@pytest.fixture(scope="module")
def runs(
    image_folder: Path, cache: Path, finetuned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Directories of whole runs and of killed ones."""
    out = tmp_path_factory.mktemp("kill")
    jobs = [
        {
            "words": [
                *words,
                *(("--init", str(finetuned)) if name == "finetune" else ()),
                *("--recipe", "smoke", "--loop.steps", str(STEPS), "--loop.log-every", "1"),
                *("--loop.checkpoint-every", "3", "--loop.batch-size", "8"),
                *("--data.source", "folder", "--data.path", str(image_folder)),
                *("--data.cache", str(cache), "--out", str(out / state / name)),
            ],
            "kills": kills,
            "processes": 1,
        }
        for name, words in RUNS.items()
        for state, kills in (("whole", 0), ("killed", KILLS))
    ]
    output = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(jobs)],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    assert json.loads(output) == [0, KILLS, 0, KILLS], "a run ended before it was killed"
    return out


def losses(out: Path) -> list[tuple[float, float]]:
    return [(row["step"], row["loss"]) for row in read_losses(out)]


def tensors(out: Path) -> dict[str, torch.Tensor]:
    head = read_head(out)
    assert head is not None
    return load_file(out / head["tensors"])


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_under_kill_9_has_the_very_losses_of_a_whole_one(name: str, runs: Path):
    assert losses(runs / "killed" / name) == losses(runs / "whole" / name)
    assert len(losses(runs / "whole" / name)) == STEPS


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_under_kill_9_ends_with_the_very_weights_of_a_whole_one(name: str, runs: Path):
    killed, whole = tensors(runs / "killed" / name), tensors(runs / "whole" / name)

    assert killed.keys() == whole.keys()
    assert all(torch.equal(killed[key], whole[key]) for key in whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_under_kill_9_leaves_no_halves(name: str, runs: Path):
    names = {path.name for path in (runs / "killed" / name).iterdir()}

    assert not [name for name in names if name.endswith(".partial")]
    assert len([name for name in names if name.startswith("checkpoint-")]) == 1
    assert "curves.png" in names
