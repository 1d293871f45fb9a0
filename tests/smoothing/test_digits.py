"""Numbers in words and commands."""

import pytest

from smoothing.digits import plain, unrounded


@pytest.mark.parametrize(
    ("number", "said"),
    [(0.25, "0.25"), (1.0, "1"), (30 / 255, "0.11764705882352941"), (1e-10, "1e-10")],
)
def test_a_number_is_said_with_all_its_digits(number: float, said: str) -> None:
    assert plain(number) == said
    assert float(said) == number


@pytest.mark.parametrize(
    ("radius", "said"),
    [(0.1234567, "0.1234567"), (0.525205, "0.525205"), (0.5, "0.500000"), (4e-7, "4e-07")],
)
def test_a_radius_is_never_rounded(radius: float, said: str) -> None:
    assert unrounded(radius) == said
    assert float(said) == radius
