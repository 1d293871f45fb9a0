"""Gradients of a shared-out batch are those of the whole one."""

import copy

import pytest
import torch
from torch import Tensor, nn

from training.config import LoopConfig
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
