"""Numbers in words and commands."""

import pytest

from smoothing.digits import plain


@pytest.mark.parametrize(
    ("number", "said"),
    [(0.25, "0.25"), (1.0, "1"), (30 / 255, "0.11764705882352941"), (1e-10, "1e-10")],
)
def test_a_number_is_said_with_all_its_digits(number: float, said: str) -> None:
    assert plain(number) == said
    assert float(said) == number
