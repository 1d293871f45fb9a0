"""The network that a step computes on: the master weights themselves, or a copy of them.

Either way the master weights, their gradients and the optimiser's state are float32.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, cast

import torch
from torch import nn

from model_store import compiling
from training.config import LoopConfig


class Network(Protocol):
    """Computes gradients for the master weights.

    Attributes:
        module: What the loss is computed of.
    """

    module: nn.Module

    def refresh(self) -> None:
        """Takes over the master weights as they are now."""

    def computing(self) -> AbstractContextManager[Any]:
        """The context in which the loss is computed."""
        ...

    def hand_back(self) -> None:
        """Adds the gradients to those of the master weights."""


class MasterNetwork:
    """The master weights themselves; bfloat16 by autocast, which leaves norms and sums in float32.

    Args:
        model: Master weights, float32.
        loop: Says the device, the precision, and whether to compile.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig) -> None:
        self.module = compiled(model) if loop.compile else model
        self._device = torch.device(loop.device).type
        self._low = loop.precision == "bfloat16"

    def refresh(self) -> None:
        """There is nothing to take over."""

    def computing(self) -> AbstractContextManager[Any]:
        """Autocast, where the precision is a lower one."""
        return torch.autocast(self._device, torch.bfloat16, enabled=self._low)

    def hand_back(self) -> None:
        """The gradients are where they belong."""


class ComputeCopy:
    """A copy with weights of its own, refreshed before each share and read out after it.

    Where several threads compute, each has one. In bfloat16 a copy in that type saves the casts
    that autocast pays at every layer: 1.1 times its speed on an AVX512-BF16 CPU. Buffers are
    copied once: no network here changes its own while it trains.

    Args:
        model: Master weights, float32.
        loop: Says the precision and whether to compile.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig) -> None:
        self._model = model
        self._copy = copy.deepcopy(model).train()
        if loop.precision == "bfloat16":
            for parameter in self._copy.parameters():
                parameter.data = parameter.data.to(torch.bfloat16)
        self.module = compiled(self._copy) if loop.compile else self._copy

    def refresh(self) -> None:
        """Takes over the master weights and forgets the gradients."""
        self._copy.zero_grad(set_to_none=True)
        with torch.no_grad():
            for ours, master in self._pairs():
                ours.copy_(master)

    def computing(self) -> AbstractContextManager[Any]:
        """Nothing special: the weights are of the right type."""
        return nullcontext()

    def hand_back(self) -> None:
        """Adds the gradients to those of the master weights."""
        for ours, master in self._pairs():
            if ours.grad is not None:
                gradient = ours.grad.to(master.dtype)
                master.grad = gradient if master.grad is None else master.grad + gradient

    def _pairs(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        return zip(self._copy.parameters(), self._model.parameters(), strict=True)


def networks(model: nn.Module, loop: LoopConfig, *, at_once: int) -> list[Network]:
    """One network for each share that is computed at the same time."""
    if at_once == 1 and not (loop.on_cpu and loop.precision == "bfloat16"):
        return [MasterNetwork(model, loop)]
    return [ComputeCopy(model, loop) for _ in range(at_once)]


def compiled(module: nn.Module) -> nn.Module:
    """The module compiled for the batch's own shape; parameters and attributes are shared."""
    return cast(nn.Module, compiling.compiled(module, dynamic=False))


def use_plain_attention(model: nn.Module) -> None:
    """Makes timm's attention blocks multiply plainly, without the fused kernel; for CPUs.

    There torch's fused kernel is slow for short sequences in bfloat16: with 65 tokens the plain
    form trains 1.9 times as fast (measured on a Zen 5 core pair, 276 to 526 images a second). On
    GPUs the fused kernel is the fast one, and is left.
    """
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            setattr(module, "fused_attn", False)  # noqa: B010 - timm declares it on no base
