"""Gradients of a shared-out batch are those of the whole one."""

import copy

import pytest
import torch
from torch import Tensor, nn

from training.config import LoopConfig
from training.engine.distributed import Processes
from training.engine.shares import Batch, Shares
from training.streams import stream


def squares(network: nn.Module, batch: Batch) -> Tensor:
    return network(batch.pixels.to(next(network.parameters()).dtype)).float().square().mean()


def batches(shares: int) -> list[Batch]:
    pixels = torch.randn(8, 6, generator=stream(0, "pixels"))
    return [
        Batch(pixels=part, labels=torch.zeros(len(part)), generator=stream(0, "step"))
        for part in pixels.chunk(shares)
    ]


def linear() -> nn.Module:
    layer = nn.Linear(6, 3)
    nn.init.normal_(layer.weight, generator=stream(0, "weights"))
    nn.init.zeros_(layer.bias)
    return layer


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("shares", [1, 2, 4])
def test_shares_add_up_to_the_gradient_of_the_batch(shares: int, precision, tolerance: float):
    model = linear()
    reference = copy.deepcopy(model)
    expected = squares(reference, batches(1)[0])
    expected.backward()

    loop = LoopConfig(shares=shares, precision=precision)
    value = Shares(model, loop).backward(squares, batches(shares), step=0)

    assert value.item() == pytest.approx(expected.item(), rel=tolerance)
    assert reference.weight.grad is not None
    scale = reference.weight.grad.abs().max().item()
    torch.testing.assert_close(
        model.weight.grad, reference.weight.grad, rtol=tolerance, atol=tolerance * scale
    )


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_shares_in_turn_add_up_to_the_very_same_gradient(parallel: int):
    model, reference = linear(), linear()
    at_once = LoopConfig(shares=4)
    Shares(reference, at_once).backward(squares, batches(4), step=0)

    shares = Shares(model, LoopConfig(shares=4, parallel=parallel))
    shares.backward(squares, batches(4), step=0)

    assert torch.equal(model.weight.grad, reference.weight.grad)


def test_a_process_computes_its_own_shares_only():
    shares = Shares(linear(), LoopConfig(shares=4), Processes(rank=1, size=2))

    assert list(shares.mine) == [1, 3]


def test_every_share_has_its_own_stochastic_depth_whatever_was_drawn_before():
    loop, drawn = LoopConfig(shares=2, parallel=1), []

    def dropping(network: nn.Module, batch: Batch) -> Tensor:
        drawn.append(torch.rand(4).tolist())
        return squares(network, batch)

    for _ in range(2):
        Shares(linear(), loop).backward(dropping, batches(2), step=3)
    Shares(linear(), loop).backward(dropping, batches(2), step=4)

    assert drawn[0] == drawn[2]
    assert drawn[1] == drawn[3]
    assert len({tuple(some) for some in drawn}) == 4


def test_the_master_weights_stay_float32_in_bfloat16():
    model = linear()

    Shares(model, LoopConfig(precision="bfloat16")).backward(squares, batches(1), step=0)

    assert model.weight.dtype == torch.float32
    assert model.weight.grad.dtype == torch.float32


def test_a_second_step_forgets_the_gradient_of_the_first():
    model, loop = linear(), LoopConfig(shares=2)
    shares = Shares(model, loop)
    shares.backward(squares, batches(2), step=0)
    first = model.weight.grad.clone()

    shares.backward(squares, batches(2), step=0)

    assert torch.equal(model.weight.grad, first)


def test_a_changed_master_weight_is_seen_by_the_next_step():
    model = linear()
    shares = Shares(model, LoopConfig(precision="bfloat16"))
    shares.backward(squares, batches(1), step=0)
    nn.init.zeros_(model.weight)

    assert shares.backward(squares, batches(1), step=0) == 0.0
