"""A runtime that is not the card's function, row by row, is not used."""

import pytest
import torch
from torch import Tensor, nn

from model_store.errors import RuntimeRefused
from model_store.runtimes.checks import check_agrees, check_rows, logits_of, probe
from model_store.runtimes.eager import EagerRuntime

SIZE = 8
CPU = torch.device("cpu")


def runtime_of(function) -> EagerRuntime:
    return EagerRuntime(lambda rows: function(rows.flatten(1)), 16, CPU)


def first_three(rows: Tensor) -> Tensor:
    return rows[:, :3]


def test_rows_by_themselves_pass() -> None:
    check_rows(runtime_of(first_three), size=SIZE)


def test_a_network_that_normalises_over_the_batch_is_refused() -> None:
    norm = nn.BatchNorm1d(3 * SIZE * SIZE).train()

    with pytest.raises(RuntimeRefused, match="other rows") as caught:
        check_rows(runtime_of(lambda rows: norm(rows)[:, :3]), size=SIZE)

    assert caught.value.reason == "coupled"


@pytest.mark.parametrize(
    "function",
    [
        lambda rows: rows[:, :3] + 1e-6 * torch.arange(len(rows))[:, None],
        lambda rows: rows[:, :3] / rows.abs().max(),
        lambda rows: rows[:, :3] + 1e-7 * rows.sum(),
    ],
    ids=["place", "scale of the batch", "a trace of the neighbours"],
)
def test_the_smallest_influence_is_refused(function) -> None:
    with pytest.raises(RuntimeRefused):
        check_rows(runtime_of(function), size=SIZE)


@pytest.mark.parametrize(
    "function",
    [
        lambda rows: rows[:, :3] + 0.01,
        lambda rows: rows[:, [0, 2, 1]],
        lambda rows: rows[:, :3] * torch.nan,
        lambda rows: rows[:, :4],
    ],
    ids=["off", "swapped", "nan", "a class more"],
)
def test_other_logits_are_refused(function) -> None:
    expected = logits_of(runtime_of(first_three), probe(SIZE))

    with pytest.raises(RuntimeRefused) as caught:
        check_agrees(runtime_of(function), expected, size=SIZE, precision="float32")

    assert caught.value.reason == "disagrees"


def test_rounding_is_allowed_within_the_precision() -> None:
    expected = logits_of(runtime_of(first_three), probe(SIZE))
    rounded = runtime_of(lambda rows: rows[:, :3].bfloat16())

    check_agrees(rounded, expected, size=SIZE, precision="bfloat16")
    with pytest.raises(RuntimeRefused, match="allowed in float32"):
        check_agrees(rounded, expected, size=SIZE, precision="float32")


@pytest.mark.parametrize("num_rows", [1, 4, 9])
def test_logits_of_any_number_of_rows_come_from_static_batches(num_rows: int) -> None:
    seen = []

    def network(rows: Tensor) -> Tensor:
        seen.append(len(rows))
        return rows.flatten(1)

    rows = probe(SIZE, num_rows)

    assert torch.equal(logits_of(EagerRuntime(network, 4, CPU), rows), rows.flatten(1))
    assert set(seen) == {4}
