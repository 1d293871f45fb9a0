"""LARS: stochastic gradient descent whose step is proportional to each layer's weights."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

TRUST = 0.001


class Lars(torch.optim.Optimizer):
    """Momentum of layer-wise scaled gradients.

    With g the gradient plus `weight_decay` times the weights w: g is scaled by
    `TRUST * |w| / |g|` where both norms are above 0, then `m = momentum * m + g` and
    `w = w - lr * m`. Parameters of one dimension are neither decayed nor scaled.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        momentum: In [0, 1).
        weight_decay: Added to the gradient, so it is scaled with it.

    Source:
        You et al. (2017), Large batch training of convolutional networks; with the exemption of
        one-dimensional parameters as in the linear probes of MoCo v3 and MAE.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 0.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """One update of every parameter that has a gradient; the closure's loss, if any."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        gradient = parameter.grad
        if parameter.ndim > 1:
            gradient = gradient + group["weight_decay"] * parameter
            weights, size = parameter.norm(), gradient.norm()
            scale = torch.where((weights > 0) & (size > 0), TRUST * weights / size, 1.0)
            gradient = scale * gradient
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].mul_(group["momentum"]).add_(gradient)
        parameter.sub_(group["lr"] * state["momentum"])
