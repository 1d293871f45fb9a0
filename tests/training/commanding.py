"""Commands of `python -m training`, as a test gives them."""

from pathlib import Path

import pytest

from training.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int | str | None, str]:
    try:
        status: int | str | None = main(words)
    except SystemExit as ended:
        status = ended.code
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def small(image_folder: Path, tmp_path: Path) -> list[str]:
    data = ["--data.source", "folder", f"--data.path={image_folder}"]
    few = ["--loop.steps", "2", "--loop.batch-size", "8"]
    return [*data, "--data.cache", str(tmp_path / "cache"), *few]
