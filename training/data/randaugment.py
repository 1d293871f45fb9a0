"""timm's RandAugment, image by image, on processes of its own.

timm draws from the global generators of Python and of numpy, which are seeded for each image with
a number that the step's stream gave, so a resumed run draws the same.
"""

import multiprocessing
import os
import random
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import torch
from jaxtyping import Int, UInt8
from numpy.typing import NDArray
from PIL import Image
from timm.data.auto_augment import RandAugment, posterize, rand_augment_transform
from torch import Tensor

from training.config import DataConfig
from training.data.augment import Crops
from training.errors import TrainingError

MOST_WORKERS = 8


class Workers:
    """Processes that crop images and apply RandAugment to them.

    Args:
        config: Says which policy, how many processes, and the mean colour that fills gaps.
        size: Side of the images in a batch.
    """

    def __init__(self, config: DataConfig, size: int) -> None:
        self._count = config.workers or max(1, min(MOST_WORKERS, (os.cpu_count() or 2) - 1))
        # Forking ourselves would copy torch's locks as its threads hold them; the server has no
        # threads, and imports this module once for all.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._pool = ProcessPoolExecutor(
            self._count,
            mp_context=context,
            initializer=_start,
            initargs=(config, size),
        )

    def augment(
        self, images: UInt8[Tensor, "b c h w"], crops: Crops, seeds: Int[Tensor, " b"]
    ) -> UInt8[Tensor, "b c s s"]:
        """The images, cropped and then augmented, each by its own seed.

        Raises:
            TrainingError: A process died.
        """
        edges = np.linspace(0, len(images), min(self._count, len(images)) + 1).astype(int)
        parts = [slice(*pair) for pair in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
        try:
            done = self._pool.map(
                _work,
                [images[part].numpy() for part in parts],
                [crops.part(part) for part in parts],
                [seeds[part].tolist() for part in parts],
            )
            return torch.from_numpy(np.concatenate(list(done)))
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that computes RandAugment died, perhaps for want of memory; "
                "fewer --data.workers need less"
            ) from error

    def close(self) -> None:
        """Ends the processes."""
        self._pool.shutdown(cancel_futures=True)


def policy(config: DataConfig, size: int) -> RandAugment:
    """The transform of a configuration, with the filling and the resampling that timm trains with.

    Source: timm, data/transforms_factory.py, transforms_imagenet_train.
    """
    settings = {
        "translate_const": int(size * 0.45),
        "img_mean": tuple(min(255, round(255 * value)) for value in config.mean),
        "interpolation": Image.Resampling.BICUBIC,
    }
    transform = rand_augment_transform(config.randaugment, settings)
    for operation in transform.ops:
        if operation.aug_fn is posterize:
            operation.aug_fn = _posterize
    return transform


def apply(transform: RandAugment, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """One image, (3, height, width), transformed as its seed says."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - timm draws from the global generator
    transformed = transform(Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))))
    return np.asarray(transformed, dtype=np.uint8).transpose(2, 0, 1)


def _posterize(image: Image.Image, bits: int, **_: object) -> Image.Image:
    # At its largest magnitude timm keeps 0 bits, which Pillow refuses since version 13.
    return posterize(image, bits) if bits else Image.new("RGB", image.size)


_transform: RandAugment | None = None


def _start(config: DataConfig, size: int) -> None:
    global _transform  # noqa: PLW0603 - a process of the pool keeps its transform
    _transform = policy(config, size)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed ends nothing by itself: its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(images: NDArray[np.uint8], crops: Crops, seeds: list[int]) -> NDArray[np.uint8]:
    assert _transform is not None  # noqa: S101 - the initializer ran
    cropped = crops.apply(torch.from_numpy(images)).numpy()
    return np.stack(
        [apply(_transform, image, seed) for image, seed in zip(cropped, seeds, strict=True)]
    )
