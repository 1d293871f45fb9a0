"""Position embeddings against their definition."""

import math

import pytest
import torch

from training.network.pos_embed import sin_cos_2d


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 2), (3, 0), (1, 3)])
@pytest.mark.parametrize("k", [0, 1, 3])
def test_the_embedding_is_sines_and_cosines_of_column_then_row(row: int, column: int, k: int):
    embedding = sin_cos_2d(16, 4)[0, 1 + 4 * row + column]

    omega = 10000 ** (-k / 4)

    expected = [
        math.sin(column * omega),
        math.cos(column * omega),
        math.sin(row * omega),
        math.cos(row * omega),
    ]
    assert embedding[k::4].tolist() == pytest.approx(expected, abs=1e-6)


def test_the_class_token_has_no_position():
    assert torch.equal(sin_cos_2d(16, 4)[0, 0], torch.zeros(16))


def test_a_width_that_four_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="divisible by 4, got 18"):
        sin_cos_2d(18, 4)
