"""Votes are counted alike on the host and on a device."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from smoothing import Votes
from smoothing.tally import as_votes, count_on_device, count_on_host

LOGITS = st.sampled_from([0.0, 1.0, -1.0, 2.5, float("nan"), float("inf"), float("-inf")])


def by_hand(logits, owner, num_slices: int) -> list[list[int]]:
    counts = [[0] * (len(logits[0]) + 1) for _ in range(num_slices)]
    for row, slice_ in zip(logits, owner, strict=True):
        if slice_ < num_slices:
            vote = row.index(max(row)) if np.isfinite(row).all() else len(row)
            counts[slice_][vote] += 1
    return counts


@given(st.lists(st.tuples(st.lists(LOGITS, min_size=3, max_size=3), st.integers(0, 4)), min_size=1))
def test_each_row_votes_once_for_its_slice(rows) -> None:
    logits, owner = [row for row, _ in rows], np.array([slice_ for _, slice_ in rows])

    host = count_on_host(np.array(logits, dtype=np.float32), owner, 4)
    device = count_on_device(torch.tensor(logits), owner, 4)

    assert host.tolist() == device.tolist() == by_hand(logits, owner, 4)


def test_the_last_bin_is_for_rows_that_are_not_finite() -> None:
    assert as_votes(np.array([[1, 2, 3], [4, 5, 0]])) == [
        Votes(counts=(1, 2), invalid=3),
        Votes(counts=(4, 5), invalid=0),
    ]
