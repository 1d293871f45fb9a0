"""The page says what was wanted, what came out, and by which command."""

import pytest

from bench.report import Section, at_least, command_line, page, spread


@pytest.mark.parametrize(
    ("values", "met"), [([1.0, 2.5, 3.0], True), ([1.0, 1.9, 9.0], False), ([], None)]
)
def test_the_median_decides_whether_a_target_is_met(values: list[float], met: bool | None):
    assert at_least("a ratio", 2, values).met is met


def test_a_page_tells_a_target_that_was_missed():
    target = at_least("ours over theirs", 2, [1.5, 1.0, 4.0])
    section = Section(title="Speed", command="python -m bench.x", text="Fast.", targets=(target,))

    text = page([section], command="python -m bench")

    row = "| ours over theirs | at least 2 | 1.50 (1.00 to 4.00) | **not met** |"
    assert row in text
    assert "## Speed\n\n    python -m bench.x\n\nFast.\n" in text


def test_one_value_has_no_spread():
    assert spread([1234.5], 1) == "1,234.5"


def test_a_command_names_no_folder_of_this_machine():
    words = ["--data", "/somewhere/else/cifar10/test", "--out", "page.md"]

    assert command_line("bench", words) == "python -m bench --data cifar10/test --out page.md"
