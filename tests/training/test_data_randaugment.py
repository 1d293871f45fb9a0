"""RandAugment: each image by its own seed, on processes that end with the run."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.config import DataConfig, LoopConfig
from training.data import BatchSource, ImageSet
from training.data.augment import draw_crops
from training.data.randaugment import apply, policy
from training.errors import TrainingError
from training.streams import stream

DATA = DataConfig(randaugment="rand-m9-mstd0.5-inc1", crop_scale=(0.2, 1.0), workers=1)
LOOP = LoopConfig(steps=9, batch_size=8, shares=2)
IMAGES = ImageSet(
    images=np.random.default_rng(0).integers(0, 256, (16, 3, 16, 16), dtype=np.uint8),
    labels=np.arange(16) % 2,
    classes=("a", "b"),
    size=16,
)


@pytest.fixture(scope="module")
def batches() -> Iterator[BatchSource]:
    with BatchSource(IMAGES, np.arange(16), DATA, LOOP, device="cpu") as batches:
        yield batches


def test_an_image_depends_on_its_seed_alone():
    transform = policy(DATA, 16)
    first = apply(transform, IMAGES.images[0], 5)
    apply(transform, IMAGES.images[1], 6)

    assert (apply(transform, IMAGES.images[0], 5) == first).all()
    assert any((apply(transform, IMAGES.images[0], seed) != first).any() for seed in range(5))


def test_the_policy_is_timm_s_own_for_training():
    from timm.data import create_transform

    oracle = create_transform(
        16,
        is_training=True,
        auto_augment=DATA.randaugment,
        interpolation="bicubic",
        mean=DATA.mean,
        std=DATA.std,
    ).transforms[2]

    assert repr(policy(DATA, 16)) == repr(oracle)
    assert policy(DATA, 16).ops[0].hparams == oracle.ops[0].hparams
    assert policy(DATA, 16).ops[0].kwargs == oracle.ops[0].kwargs


@pytest.mark.parametrize("kind", ["inc0", "inc1", "tweights", "t3aw"])
def test_every_operation_works_at_its_largest_magnitude(kind: str):
    transform = policy(replace(DATA, randaugment=f"rand-m10-p1-n1-{kind}"), 16)
    random.seed(0)

    for operation in transform.ops:
        assert operation(Image.fromarray(IMAGES.images[0].transpose(1, 2, 0))).size == (16, 16)


def test_the_processes_give_what_one_image_at_a_time_gives(batches: BatchSource):
    index = torch.randperm(16, generator=stream(0, "epoch", 0))[:8]
    crops = draw_crops(DATA, 8, side=16, size=16, generator=stream(0, "augment", 0))
    seeds = torch.randint(2**31, (8,), generator=stream(0, "randaugment", 0))
    cropped = crops.apply(torch.from_numpy(IMAGES.images)[index]).numpy()
    expected = np.stack(
        [apply(policy(DATA, 16), *pair) for pair in zip(cropped, seeds.tolist(), strict=True)]
    )

    seen = torch.cat([batches.share(0, number)[0] for number in (0, 1)])

    assert torch.equal(seen, torch.from_numpy(expected).float() / 255)


def test_a_resumed_run_augments_as_it_would_have(batches: BatchSource):
    expected = [batches.share(step, 1)[0] for step in range(4)]

    assert torch.equal(batches.share(3, 1)[0], expected[3])
    assert not torch.equal(expected[2], expected[3])


def test_the_processes_of_a_killed_run_end():
    code = """
import time
from tests.training.test_data_randaugment import DATA, IMAGES, LOOP, BatchSource, np
batches = BatchSource(IMAGES, np.arange(16), DATA, LOOP, device="cpu")
batches.share(0, 0)
print(*batches._workers._pool._processes, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    workers = [Path("/proc", word) for word in run.stdout.readline().split()]
    assert [worker.exists() for worker in workers] == [True]

    run.kill()
    run.communicate()

    deadline = time.monotonic() + 20
    while any(worker.exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_number_of_processes_changes_nothing_and_a_dead_one_is_an_error(batches: BatchSource):
    two = replace(DATA, workers=2)
    with BatchSource(IMAGES, np.arange(16), two, LOOP, device="cpu") as others:
        assert torch.equal(others.share(5, 0)[0], batches.share(5, 0)[0])
        (victim, *_) = others._workers._pool._processes
        os.kill(victim, signal.SIGKILL)

        with pytest.raises(TrainingError, match=r"RandAugment died.*--data\.workers"):
            [others.share(step, 0) for step in range(20, 40)]
