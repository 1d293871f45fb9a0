"""How `dmae serve` tells people to call it."""

import sys

import pytest

from app.embedded import stack


@pytest.mark.parametrize(
    ("called", "found", "told"),
    [
        (".venv/bin/dmae", None, ".venv/bin/dmae"),
        (".venv/bin/dmae", "/usr/bin/dmae", "dmae"),
        ("/x/pytest", None, "dmae"),
    ],
)
def test_the_command_is_told_as_the_reader_can_type_it(
    monkeypatch: pytest.MonkeyPatch, called: str, found: str | None, told: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(stack, "which", lambda _: found)
    assert stack.command() == told
