"""A small labelled set of pictures that is drawn, not downloaded, for tests and first tries."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.errors import BadData

logger = logging.getLogger(__name__)

SIDE = 32
TRAIN_IMAGES = 96
TEST_IMAGES = 24

# The pictures are drawn so many times larger, then averaged, for smooth edges.
_FINER = 4

Plane = NDArray[np.float64]
Mask = NDArray[np.bool_]


def draw_shapes(train: Path) -> None:
    """Draws the training images into `train` and others into `test` beside, where they are missing.

    The same pictures each time: 4 classes, each with `TRAIN_IMAGES` and `TEST_IMAGES` of `SIDE` x
    `SIDE` pixels, of which place, size, angle and colours vary.

    Raises:
        BadData: They cannot be written.
    """
    if train.exists():
        return
    logger.info("drawing %d pictures into %s", len(CLASSES) * TRAIN_IMAGES, train)
    # The training images come last: where they are, the others are too.
    try:
        _draw_folder(train.with_name("test"), images=TEST_IMAGES, seed=1)
        _draw_folder(train, images=TRAIN_IMAGES, seed=0)
    except OSError as error:
        raise BadData(
            f"the pictures cannot be drawn into {train.parent}: {error.strerror}; make room there, "
            "or choose another --data.path"
        ) from error


def _draw_folder(folder: Path, *, images: int, seed: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        random = np.random.default_rng(seed)
        for name in CLASSES:
            (beside / name).mkdir()
            for number in range(images):
                Image.fromarray(draw_shape(name, random)).save(beside / name / f"{number:03d}.png")
        beside.chmod(0o755)
        if not folder.exists():
            beside.rename(folder)
    except OSError:
        # Another process may have been faster, which is as good.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def draw_shape(name: str, random: np.random.Generator) -> NDArray[np.uint8]:
    """One picture of a class, (side, side, 3)."""
    angle, radius = random.uniform(0, np.pi), random.uniform(0.3, 0.42)
    down, across = random.uniform(radius, 1 - radius, 2)
    y, x = (np.mgrid[: SIDE * _FINER, : SIDE * _FINER] + 0.5) / (SIDE * _FINER)
    y, x = y - down, x - across
    u, v = (
        (np.cos(angle) * x + np.sin(angle) * y) / radius,
        (np.cos(angle) * y - np.sin(angle) * x) / radius,
    )
    cover = CLASSES[name](u, v).reshape(SIDE, _FINER, SIDE, _FINER).mean(axis=(1, 3))[..., None]
    dark, light = random.uniform(0, 80, 3), random.uniform(150, 255, 3)
    grain = random.normal(0, 6, (SIDE, SIDE, 3))
    return np.clip(cover * light + (1 - cover) * dark + grain, 0, 255).round().astype(np.uint8)


def _disc(u: Plane, v: Plane) -> Mask:
    return np.hypot(u, v) <= 1


def _cross(u: Plane, v: Plane) -> Mask:
    return (np.minimum(abs(u), abs(v)) <= 0.25) & (np.maximum(abs(u), abs(v)) <= 1)


def _stripes(u: Plane, v: Plane) -> Mask:
    return (np.hypot(u, v) <= 1) & (np.floor(4 * u) % 2 == 0)


def _ring(u: Plane, v: Plane) -> Mask:
    return abs(np.hypot(u, v) - 0.8) <= 0.2


CLASSES: Mapping[str, Callable[[Plane, Plane], Mask]] = {
    "cross": _cross,
    "disc": _disc,
    "ring": _ring,
    "stripes": _stripes,
}
