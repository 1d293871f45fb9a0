"""A run that the system kills."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.cli import main

STEPS = 60


def losses(out: Path) -> list[tuple[str, str]]:
    with (out / "losses.csv").open(newline="") as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> None:
    while not path.exists():
        assert process.poll() is None, "ended before its first checkpoint"
        time.sleep(0.01)


@pytest.mark.slow
def test_a_run_under_kill_9_continues_with_the_very_same_losses(
    image_folder: Path, cache: Path, tmp_path: Path
):
    words = ["pretrain", "--recipe", "smoke", "--data.path", str(image_folder)]
    words += ["--data.cache", str(cache), "--loop.steps", str(STEPS), "--out"]
    main([*words, str(tmp_path / "whole")])
    killed = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-m", "training", *words, str(killed)])
    wait_for(killed / "checkpoint.json", process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    status = main([*words, str(killed)])

    assert status == 0
    assert losses(killed) == losses(tmp_path / "whole")
    assert len(losses(killed)) == STEPS
