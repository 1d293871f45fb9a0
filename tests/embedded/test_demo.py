"""The demonstration; with the real stack it is tested end to end."""

from pathlib import Path

import pytest
from PIL import Image

from app import demo
from app.embedded.errors import DemoFailed


def test_without_pictures_it_fails_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(DemoFailed, match="no pictures"):
        demo.run(lambda _: None, tmp_path)


def test_the_example_pictures_can_be_opened() -> None:
    files = [file for file in demo.PICTURES.glob("*") if file.suffix in demo.SUFFIXES]

    assert 4 <= len(files) <= 6
    assert {Image.open(file).size for file in files} == {(32, 32)}
