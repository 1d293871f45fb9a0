"""What the demonstration shows; `tests/end_to_end/test_demo.py` runs it."""

from pathlib import Path

import app
from app import demo
from app.client.forms import pictures_below


def test_its_pictures_come_with_the_package() -> None:
    pictures = pictures_below(demo.PICTURES)

    assert len(pictures) >= 3
    assert demo.PICTURES.is_relative_to(Path(app.__file__).parent)
