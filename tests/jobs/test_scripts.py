"""What the store is asked to run is of the release that asks."""

from pathlib import Path
from typing import Any

import pytest

from jobs.command import script


def test_an_upgrade_under_a_running_process_does_not_change_its_scripts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many are asked for the first time long after the start."""
    before = script("submit")
    script.cache_clear()

    def upgraded(*_: Any, **__: Any) -> str:
        return "return 'of the next release'"

    monkeypatch.setattr(Path, "read_text", upgraded)

    assert script("submit") == before
