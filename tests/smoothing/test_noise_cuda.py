"""Where the noise kernel is launched; what it draws, `test_device_noise` shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from smoothing import Phase
from smoothing.addresses import addresses_of
from smoothing.draws import Draws

pytest.importorskip("triton")

from smoothing import noise_cuda

CPU = torch.device("cpu")


class _Kernel:
    """Notes which devices are current when it is launched."""

    def __init__(self, current: list[torch.device]) -> None:
        self.launched_on: list[torch.device] = []
        self._current = current

    def __getitem__(self, grid: tuple[int, int]) -> Callable[..., None]:
        return lambda *_, **__: self.launched_on.extend(self._current)


def test_the_kernel_is_launched_on_the_device_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a worker on the second of two accelerators the first one is current."""
    current: list[torch.device] = []
    kernel = _Kernel(current)

    @contextmanager
    def device_of(tensor: torch.Tensor) -> Iterator[None]:
        current.append(tensor.device)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(noise_cuda, "_noisy", kernel)
    image = np.zeros((3, 8, 8), dtype=np.float32)
    draws = Draws(image=image, sigma=0.5, key=bytes(32), phase=Phase.SELECTION, start=0, stop=2)

    noise_cuda.draw_with_triton(addresses_of([draws], CPU), torch.empty((2, 192)))

    assert kernel.launched_on == [CPU]
