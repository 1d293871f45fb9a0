"""The demonstration; with the real stack it is tested end to end."""

from pathlib import Path

import pytest

from app import demo
from app.embedded.errors import DemoFailed
from model_store.decoding import ImageLimits, decode


def test_without_pictures_it_fails_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="no pictures"):
        demo.run(lambda _: None, tmp_path)


def test_the_example_pictures_are_small_and_of_different_classes() -> None:
    files = sorted(file for file in demo.PICTURES.glob("*") if file.suffix == ".jpg")

    sizes = {decode(file.read_bytes(), ImageLimits()).pixels.shape for file in files}

    assert 4 <= len({file.stem for file in files}) <= 6
    assert sizes == {(32, 32, 3)}
