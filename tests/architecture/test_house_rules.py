"""Rules of the house that no linter knows."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["app", "jobs", "model_store", "smoothing", "training", "worker"]
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SIZED = [*MODULES, *sorted((ROOT / "bench").rglob("*.py"))]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked_text_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    binary = {".safetensors", ".png", ".jpg", ".webp", ".ico"}
    return [ROOT / name for name in listed if Path(name).suffix not in binary]


@pytest.mark.parametrize("module", SIZED, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_at_most_300_lines(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 300


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_is_hashed_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()

    assert text.count("--hash=sha256:") >= len(re.findall(r"^[a-zA-Z].*==", text, re.MULTILINE)) > 0
    assert not re.search(r"https?://|--index-url|--find-links", text)


def test_the_distribution_cannot_be_uploaded_by_accident() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_no_file_names_a_machine_s_paths() -> None:
    pattern = re.compile("/" + r"(work|root|home/\w+)/")

    found = [path.name for path in tracked_text_files() if pattern.search(path.read_text())]

    assert found == []
