"""A worker process that cannot load its models."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_worker_that_cannot_load_ends_and_says_why_instead_of_taking_chunks(
    model_store_dir: Path,
) -> None:
    environment = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MODEL_STORE_DIR": str(model_store_dir),
        "WORKER_DEVICE": "no-such-device",
    }

    ended = subprocess.run(
        [sys.executable, "-m", "worker"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["level"] == "critical"]
    assert ended.returncode == 70
    assert "ready" not in ended.stdout
    assert "no-such-device" in told[0]["exception"]
    assert told[-1]["reason"] == "the models could not be loaded"
