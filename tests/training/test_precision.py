"""What a step computes on: master weights, copies of them, compiled or not."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_store.card import Architecture
from model_store.classifier import build_vit
from training.config import LoopConfig
from training.engine import precision
from training.engine.precision import ComputeCopy, MasterNetwork, networks, use_plain_attention
from training.engine.shares import Batch, Shares
from training.errors import BadConfig, CompileFailed
from training.streams import stream


class Normed(nn.Module):
    """A linear layer between norms; remembers the types it computed in."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerNorm(6)
        self.linear = nn.Linear(6, 3)
        nn.init.normal_(self.linear.weight, generator=stream(0, "weights"))
        nn.init.zeros_(self.linear.bias)
        self.seen: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.linear(self.first(x))
        self.seen.append(hidden.dtype)
        return functional.batch_norm(hidden.float(), None, None, training=True)


def squares(network: nn.Module, batch: Batch) -> Tensor:
    pixels = batch.pixels.to(next(network.parameters()).dtype)
    return network(pixels).float().pow(3).mean()


def batch(images: int = 8) -> Batch:
    return Batch(
        pixels=torch.randn(images, 6, generator=stream(0, "pixels")),
        labels=torch.zeros(images),
        generator=stream(0, "step"),
    )


def loop(**changes: Any) -> LoopConfig:
    return LoopConfig(batch_size=8, steps=1, **changes)


def test_an_accelerator_computes_on_the_master_weights_themselves():
    # The device is named, never used: no tensor goes there.
    (network,) = networks(Normed(), loop(device="cuda", precision="bfloat16"), at_once=1)

    assert isinstance(network, MasterNetwork)


def test_a_cpu_computes_bfloat16_on_a_copy():
    (network,) = networks(Normed(), loop(precision="bfloat16"), at_once=1)

    assert isinstance(network, ComputeCopy)


def test_threads_have_a_copy_each():
    copies = networks(Normed(), loop(shares=2), at_once=2)

    assert all(isinstance(network, ComputeCopy) for network in copies)
    assert copies[0].module is not copies[1].module


@pytest.mark.parametrize("kind", [MasterNetwork, ComputeCopy])
def test_gradients_in_bfloat16_are_near_those_in_float32(kind: type):
    model, reference = Normed(), Normed()
    squares(reference, batch()).backward()

    network = kind(model, loop(precision="bfloat16"))
    network.refresh()
    with network.computing():
        value = squares(network.module, batch())
    value.backward()
    network.hand_back()

    expected, gradient = reference.linear.weight.grad, model.linear.weight.grad
    assert expected is not None
    assert gradient is not None
    assert gradient.dtype == torch.float32
    assert model.linear.weight.dtype == torch.float32
    torch.testing.assert_close(gradient, expected, rtol=0, atol=0.03 * expected.abs().max().item())


def test_under_autocast_products_are_bfloat16_and_norms_float32():
    model = Normed()
    network = MasterNetwork(model, loop(precision="bfloat16"))

    with network.computing():
        network.module(batch().pixels)
        normed = model.first(batch().pixels)

    assert model.seen == [torch.bfloat16]
    assert normed.dtype == torch.float32


def compiled_by(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_ = torch.compile
    monkeypatch.setattr(
        precision.torch, "compile", lambda module, **_: compile_(module, backend=backend)
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_network_computes_the_same_gradients(monkeypatch: pytest.MonkeyPatch):
    compiled_by("eager", monkeypatch)
    model = nn.Linear(6, 3)
    reference = copy.deepcopy(model)
    Shares(reference, loop()).backward(squares, [batch()], step=0)

    Shares(model, loop(compile=True)).backward(squares, [batch()], step=0)

    assert torch.equal(model.weight.grad, reference.weight.grad)
    assert list(model.state_dict()) == ["weight", "bias"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiler_that_fails_is_named_with_the_way_around_it(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no C++ compiler")

    compiled_by(broken, monkeypatch)
    shares = Shares(nn.Linear(6, 3), loop(compile=True))

    with pytest.raises(CompileFailed, match=r"(?s)no C\+\+ compiler.*--loop\.no-compile"):
        shares.backward(squares, [batch()], step=0)


def test_an_error_of_the_loss_is_not_blamed_on_the_compiler(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision.torch, "compile", lambda module, **_: module)

    def broken(*_: Any) -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match=r"^out of memory$"):
        Shares(nn.Linear(6, 3), loop(compile=True)).backward(broken, [batch()], step=0)


def test_compiling_does_not_go_with_threads():
    with pytest.raises(BadConfig, match=r"--loop\.parallel 1"):
        LoopConfig(shares=2, compile=True)


def test_attention_without_the_fused_kernel_computes_the_same():
    model = build_vit(
        Architecture(image_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2), 3
    ).eval()
    pixels = torch.rand(2, 3, 16, 16, generator=stream(0, "pixels"))
    fused = model(pixels)

    use_plain_attention(model)

    assert not any(getattr(module, "fused_attn", False) for module in model.modules())
    torch.testing.assert_close(model(pixels), fused, rtol=1e-4, atol=1e-5)
