"""Batches by step number: what a step sees depends on the seed and the step alone."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from torch import Tensor

from training.config import DataConfig, LoopConfig
from training.data.augment import Crops, draw_crops
from training.data.image_set import ImageSet, as_pixels, fetch
from training.data.randaugment import Workers
from training.data.residence import resident
from training.errors import BadData
from training.streams import stream

# Shares prepared before they are asked for.
_AHEAD = 2


def batch_indices(
    candidates: NDArray[np.int64], *, step: int, batch_size: int, seed: int
) -> NDArray[np.int64]:
    """Images of a step: consecutive pieces of one shuffle per epoch, the remainder dropped.

    Raises:
        BadData: There are fewer images than a batch holds.
    """
    per_epoch = len(candidates) // batch_size
    if per_epoch == 0:
        raise BadData(
            f"a batch of {batch_size} needs as many images, there are {len(candidates)}; "
            "choose a smaller --loop.batch-size"
        )
    epoch, place = divmod(step, per_epoch)
    order = _order(len(candidates), seed, epoch)
    return candidates[order[place * batch_size : (place + 1) * batch_size]]


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return torch.randperm(count, generator=stream(seed, "epoch", epoch)).numpy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What the background has done of a share.

    Attributes:
        index: The images.
        crops: Still to be applied; None where RandAugment came after them.
        images: None where they are on the device already.
    """

    index: Int[Tensor, " b"]
    labels: Int[Tensor, " b"]
    crops: Crops | None
    images: UInt8[Tensor, "b c h w"] | None


class BatchSource:
    """The shares of each step's batch, augmented, on the device.

    What can be done on the CPU is done ahead, in the background: reading from the memory map,
    drawing the crops, RandAugment. Crops are applied on the device, after the images are there.

    Args:
        images: The decoded images.
        candidates: Indices of those to train on.
        data: How they are augmented, and where they are kept.
        loop: Its seed, the size of a batch and the number of its shares.
        device: Where the shares go.
        mine: Numbers of the shares that this process asks for, in this order; None for all.

    Raises:
        BadData: There are fewer images than a batch holds.
        BadConfig: The images are to be kept on the device and do not fit.
    """

    def __init__(
        self,
        images: ImageSet,
        candidates: NDArray[np.int64],
        data: DataConfig,
        loop: LoopConfig,
        *,
        device: torch.device | str,
        mine: Sequence[int] | None = None,
    ) -> None:
        batch_indices(candidates, step=0, batch_size=loop.batch_size, seed=loop.seed)
        self._images, self._candidates, self._data, self._loop = images, candidates, data, loop
        self._device = torch.device(device)
        self._mine = range(loop.shares) if mine is None else mine
        self._resident = resident(images, data, self._device)
        self._workers = Workers(data, images.size) if data.randaugment else None
        self._thread = ThreadPoolExecutor(1, "batches", torch.set_num_threads, (1,))
        self._waiting: dict[tuple[int, int], Future[_Prepared]] = {}

    def share(self, step: int, number: int) -> tuple[Float[Tensor, "b c h w"], Int[Tensor, " b"]]:
        """Pixels in [0, 1], and labels, of one share of a step's batch; the next is prepared."""
        wanted = self._following(step, number)
        for key in self._waiting.keys() - set(wanted):
            self._waiting.pop(key).cancel()
        for key in wanted:
            if key not in self._waiting:
                self._waiting[key] = self._thread.submit(self._prepare, *key)
        return self._finish(self._waiting.pop((step, number)).result())

    def close(self) -> None:
        """Ends what runs in the background."""
        self._thread.shutdown(cancel_futures=True)
        if self._workers is not None:
            self._workers.close()

    def __enter__(self) -> "BatchSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _following(self, step: int, number: int) -> list[tuple[int, int]]:
        """This share and those that will be asked for after it."""
        first = list(self._mine).index(number)
        turns = (divmod(first + turn, len(self._mine)) for turn in range(_AHEAD + 1))
        return [(step + later, self._mine[place]) for later, place in turns]

    def _prepare(self, step: int, number: int) -> _Prepared:
        loop, count = self._loop, self._loop.batch_size // self._loop.shares
        chosen = slice(number * count, (number + 1) * count)
        index = batch_indices(
            self._candidates, step=step, batch_size=loop.batch_size, seed=loop.seed
        )[chosen]
        # Drawn for the whole batch: which process asks for which share changes nothing.
        crops = draw_crops(
            self._data,
            loop.batch_size,
            side=self._images.images.shape[-1],
            size=self._images.size,
            generator=stream(loop.seed, "augment", step),
        ).part(chosen)
        images = None if self._resident is not None else fetch(self._images.images, index)
        if self._workers is not None and images is not None:
            seeds = torch.randint(
                2**31, (loop.batch_size,), generator=stream(loop.seed, "randaugment", step)
            )
            images, crops = self._workers.augment(images, crops, seeds[chosen]), None
        return _Prepared(
            index=self._pinned(torch.from_numpy(index)),
            labels=self._pinned(torch.from_numpy(self._images.labels[index])),
            crops=crops,
            images=None if images is None else self._pinned(images),
        )

    def _pinned(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory() if self._device.type == "cuda" else tensor

    def _finish(self, prepared: _Prepared) -> tuple[Tensor, Tensor]:
        if self._resident is None:
            assert prepared.images is not None  # noqa: S101 - see _prepare
            images = prepared.images.to(self._device, non_blocking=True)
        else:
            images = self._resident[prepared.index.to(self._device, non_blocking=True)]
        if prepared.crops is not None:
            images = prepared.crops.apply(images)
        return as_pixels(images), prepared.labels.to(self._device, non_blocking=True)
