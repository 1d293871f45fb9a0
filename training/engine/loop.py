"""The training loop: steps, checkpoints, losses.csv, exact resume."""

import csv
import io
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import DataConfig, LoopConfig, OptimConfig, RunConfig, as_json, differences
from training.data import ImageSet, as_pixels, augment, batch_indices, fetch
from training.engine import checkpoints
from training.engine.optim import learning_rate_scale, set_learning_rate
from training.engine.shares import Batch, Shares
from training.errors import ConfigDiffers, NotFinite
from training.hardware import describe_hardware
from training.progress import Reporter, reporting
from training.streams import stream

logger = logging.getLogger(__name__)

COLUMNS = ("step", "loss", "lr_scale", "gradient_norm", "images_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole run, ready to be executed.

    Attributes:
        title: Shown with the progress.
        out: Run directory.
        model: Master weights, float32, on the run's device.
        optimizers: Over the model's parameters, with a `lr_scale` in each group.
        loss: Of a network (the model or its low-precision copy) on a batch.
        images: The decoded image folder.
        candidates: Indices of the images to train on.
        steps: Optimiser steps of the whole schedule.
        validate: Figures of the model on held-out images, by name.
    """

    title: str
    out: Path
    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    loss: Callable[[nn.Module, Batch], Tensor]
    images: ImageSet
    candidates: NDArray[Any]
    steps: int
    data: DataConfig
    optim: OptimConfig
    loop: LoopConfig
    validate: Callable[[nn.Module], dict[str, float]]


def open_run_directory(out: Path, config: RunConfig, origin: Mapping[str, Any]) -> None:
    """Makes the run directory, or checks that it belongs to the same configuration.

    Args:
        out: The directory.
        config: Recorded in config.json.
        origin: How the run was asked for, recorded in origin.json beside the hardware.

    Raises:
        ConfigDiffers: It was started with another one; names the fields.
    """
    out.mkdir(parents=True, exist_ok=True)
    path, ours = out / "config.json", as_json(config)
    if not path.exists():
        recorded = {**origin, "hardware": describe_hardware(config.loop.device)}
        checkpoints.write_whole(out / "origin.json", json.dumps(recorded, indent=1) + "\n")
        checkpoints.write_whole(path, json.dumps(ours, indent=1) + "\n")
        return
    fields = differences(ours, json.loads(path.read_text()))
    if fields:
        raise ConfigDiffers(
            f"{out} was started with another configuration: {', '.join(fields)} differ; "
            "choose another --out, or the same values to resume",
            fields=fields,
        )


def set_threads(loop: LoopConfig) -> None:
    """Gives torch the threads that the configuration asks for, if it does."""
    if loop.threads:
        torch.set_num_threads(loop.threads)


def execute(run: Run) -> None:
    """Trains from the latest checkpoint, or from the start, to the end of the schedule.

    Raises:
        NotFinite: The loss became infinite or NaN.
        BadCheckpoint: The directory's checkpoint does not fit.
    """
    head = checkpoints.restore(run.out, model=run.model, optimizers=run.optimizers)
    start, before_s = (int(head["step"]), float(head["seconds"])) if head else (0, 0.0)
    began = time.monotonic()
    logger.info("%s from step %d of %d", run.title, start, run.steps)
    with (
        _loss_table(run.out / "losses.csv", start) as table,
        reporting(run.title, run.steps, start=start) as report,
    ):
        stepper = _Stepper(run, table, report)
        for step in range(start, run.steps):
            stepper.take(step)
            done = step + 1
            if done % run.loop.checkpoint_every == 0 or done == run.steps:
                table.flush()
                _save(run, done, before_s + time.monotonic() - began)
            if run.loop.validate_every and (
                done % run.loop.validate_every == 0 or done == run.steps
            ):
                _validate(run, done)


class _Stepper:
    def __init__(self, run: Run, table: "_Table", report: Reporter) -> None:
        self._run, self._table, self._report = run, table, report
        self._shares = Shares(run.model, run.loop)
        self._parameters = [p for p in run.model.parameters() if p.requires_grad]
        self._logged_at, self._since_log = time.monotonic(), 0

    def take(self, step: int) -> None:
        """One optimiser step."""
        run = self._run
        run.model.train()
        with _network_randomness(run.loop, step):
            value = self._shares.backward(run.loss, _batches(run, step))
        if not math.isfinite(value):
            raise NotFinite(f"the loss is {value} at step {step}; a lower rate may help")
        norm = nn.utils.clip_grad_norm_(self._parameters, run.optim.clip_norm)
        scale = learning_rate_scale(
            step, steps=run.steps, warmup=run.optim.warmup, min_lr=run.optim.min_lr
        )
        set_learning_rate(run.optimizers, scale)
        for optimizer in run.optimizers:
            optimizer.step()
        self._log(step, value, scale, float(norm))

    def _log(self, step: int, loss: float, scale: float, norm: float) -> None:
        self._since_log += 1
        done = step + 1
        if done % self._run.loop.log_every and done != self._run.steps:
            return
        now = time.monotonic()
        speed = self._since_log * self._run.loop.batch_size / (now - self._logged_at)
        self._logged_at, self._since_log = now, 0
        self._table.add(done, loss, scale, norm, speed)
        self._report(done, f"loss {loss:.4f}, {speed:.0f} images/s")


def _batches(run: Run, step: int) -> list[Batch]:
    seed, device, shares = run.loop.seed, run.loop.device, run.loop.shares
    index = batch_indices(run.candidates, step=step, batch_size=run.loop.batch_size, seed=seed)
    images = augment(
        fetch(run.images.images, index).to(device),
        padding=run.data.crop_padding,
        flip=run.data.flip,
        generator=stream(seed, "augment", step),
    )
    labels = torch.from_numpy(run.images.labels[index]).to(device)
    parts = zip(as_pixels(images).chunk(shares), labels.chunk(shares), strict=True)
    return [
        Batch(
            pixels=pixels,
            labels=some,
            generator=stream(seed, f"step/{number}", step, device=device),
        )
        for number, (pixels, some) in enumerate(parts)
    ]


@contextmanager
def _network_randomness(loop: LoopConfig, step: int) -> Iterator[None]:
    """Stochastic depth draws from torch's global generator: gives it this step's own stream."""
    cuda = torch.device(loop.device).type == "cuda"
    with torch.random.fork_rng(devices=[loop.device] if cuda else []):
        torch.random.set_rng_state(stream(loop.seed, "network", step).get_state())
        if cuda:
            state = stream(loop.seed, "network", step, device=loop.device).get_state()
            torch.cuda.set_rng_state(state, loop.device)
        yield


def _save(run: Run, step: int, seconds: float) -> None:
    checkpoints.save(
        run.out,
        step=step,
        model=run.model,
        optimizers=run.optimizers,
        scalars={
            "seconds": seconds,
            "images": step * run.loop.batch_size,
            "epochs": step * run.loop.batch_size / len(run.candidates),
            "classes": run.images.classes,
        },
    )


def _validate(run: Run, step: int) -> None:
    run.model.eval()
    figures = run.validate(run.model)
    if figures:
        line = json.dumps({"step": step, **figures})
        with (run.out / "validation.jsonl").open("a") as file:
            file.write(line + "\n")
        logger.info("%s validation %s", run.title, line)


class _Table:
    def __init__(self, file: Any) -> None:
        self._file, self._writer = file, csv.writer(file)

    def add(self, step: int, loss: float, scale: float, norm: float, speed: float) -> None:
        self._writer.writerow([step, repr(loss), f"{scale:.6f}", f"{norm:.4f}", f"{speed:.1f}"])

    def flush(self) -> None:
        self._file.flush()


@contextmanager
def _loss_table(path: Path, start: int) -> Iterator[_Table]:
    """Opens losses.csv for appending, without the rows that a resumed run will write again."""
    kept = [COLUMNS]
    if path.exists():
        with path.open(newline="") as file:
            kept += [tuple(row) for row in list(csv.reader(file))[1:] if int(row[0]) <= start]
    text = io.StringIO()
    csv.writer(text).writerows(kept)
    checkpoints.write_whole(path, text.getvalue())
    with path.open("a", newline="") as file:
        yield _Table(file)
