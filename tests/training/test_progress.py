"""Progress is for the person at the terminal; the standard output is the command's answer."""

import io
import logging
import re
import sys

import pytest

from training.progress import StderrHandler, reporting

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What stood in a line at any time."""
        return [line.strip() for line in re.split(r"[\r\n]", CONTROLS.sub("", self.getvalue()))]


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return terminal


def test_the_bar_is_drawn_beside_the_messages_and_not_into_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    terminal = at_a_terminal(monkeypatch)
    with reporting("work", 2) as report:
        report(1, "half of it")
        sys.stdout.write("answer\n")

    assert any("1/2" in line and "half of it" in line for line in terminal.lines())
    assert capsys.readouterr().out == "answer\n"


def test_a_logged_line_stands_above_the_bar_and_alone(monkeypatch: pytest.MonkeyPatch):
    terminal = at_a_terminal(monkeypatch)
    logger = logging.getLogger("training.a_test")
    handler = StderrHandler()
    logger.addHandler(handler)
    try:
        with reporting("work", 2) as report:
            report(1, "half of it")
            logger.warning("said meanwhile")
        logger.warning("said afterwards")
    finally:
        logger.removeHandler(handler)

    assert {"said meanwhile", "said afterwards"} <= set(terminal.lines())
