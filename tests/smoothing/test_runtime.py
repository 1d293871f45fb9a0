"""A runtime may have several batches under way; votes are those of one after the other."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from smoothing import InvalidParams, Phase, UnsoundClassifier
from smoothing.device_noise import rows_on_device
from smoothing.draws import Draws
from smoothing.sampler import Sampler, count_votes

SHAPE = (3, 8, 8)


def draws(start: int, stop: int) -> Draws:
    image = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    return Draws(
        image=image, sigma=0.5, key=bytes(32), phase=Phase.ESTIMATION, start=start, stop=stop
    )


class FirstThree(nn.Module):
    """The first three pixels as logits."""

    def forward(self, x: Tensor) -> Tensor:
        """Row by row."""
        return x.flatten(1)[:, :3]


@pytest.fixture
def in_turn() -> Sampler:
    return Sampler(FirstThree().eval(), num_classes=3, input_shape=SHAPE, batch_size=32)


class Queued:
    """A runtime that classifies when it is asked for the logits, and notes what is under way."""

    def __init__(self, function, *, batch_size: int = 32, depth: int = 3) -> None:
        self.batch_size, self.depth, self.device = batch_size, depth, torch.device("cpu")
        self._function = function
        self.under_way, self.most = 0, 0

    def start(self, rows: Tensor):
        copied = rows.flatten(1).clone()
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def finish() -> Tensor:
            self.under_way -= 1
            return self._function(copied)

        return finish


def queued_sampler(runtime: Queued) -> Sampler:
    return Sampler(runtime, num_classes=3, input_shape=SHAPE, batch_size=runtime.batch_size)


def test_batches_under_way_at_once_are_counted_in_order(in_turn: Sampler) -> None:
    runtime = Queued(lambda x: x[:, :3])

    blocks = list(count_votes(queued_sampler(runtime), draws(0, 300)))

    assert blocks == list(count_votes(in_turn, draws(0, 300)))
    assert (runtime.most, runtime.under_way) == (3, 0)


def test_noise_is_drawn_while_batches_are_under_way(in_turn: Sampler) -> None:
    """The second batch starts before the first is waited for."""
    runtime = Queued(lambda x: x[:, :3])
    sampler = queued_sampler(runtime)

    first, second = sampler.start([draws(0, 32)]), sampler.start([draws(32, 50)])

    assert runtime.under_way == 2
    assert second().pop().total == 18
    assert first() == in_turn.run([draws(0, 32)])


def test_a_runtime_that_couples_rows_is_refused() -> None:
    with pytest.raises(UnsoundClassifier, match="would not be independent"):
        queued_sampler(Queued(lambda x: x[:, :3] - x[:, :3].mean(dim=0)))


def test_the_batch_size_is_the_runtimes() -> None:
    with pytest.raises(InvalidParams, match="must be the runtime's 32, got 16"):
        Sampler(Queued(lambda x: x[:, :3]), num_classes=3, input_shape=SHAPE, batch_size=16)


def test_on_an_accelerator_each_slice_keeps_its_own_noise_whatever_shares_its_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runtime = Queued(lambda x: x[:, :3])
    sampler = queued_sampler(runtime)
    monkeypatch.setattr(Sampler, "_draws_on_device", lambda _, numerics: numerics == "sound")
    seen: list[Tensor] = []
    start = runtime.start
    monkeypatch.setattr(runtime, "start", lambda rows: (seen.append(rows.clone()), start(rows))[1])
    sound, fast = draws(0, 5), replace(draws(5, 12), numerics="fast")

    votes = sampler.run([sound, fast, sound])

    expected = rows_on_device([sound], 5, torch.device("cpu"))
    assert torch.equal(seen[0][:5], expected)
    assert torch.equal(seen[0][5:12], torch.from_numpy(fast.rows()))
    assert torch.equal(seen[0][12:17], expected)
    assert not seen[0][17:].any()
    assert [each.total for each in votes] == [5, 7, 5]
