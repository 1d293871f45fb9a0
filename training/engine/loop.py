"""The training loop: steps, checkpoints, records, exact resume."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.config import DataConfig, LoopConfig, OptimConfig
from training.data import BatchSource, ImageSet
from training.engine import checkpoints
from training.engine.curves import CURVES, draw_curves
from training.engine.distributed import ALONE, Processes
from training.engine.records import Records, Row
from training.engine.shares import Batch
from training.engine.steps import Figures, Stepper, batches_of
from training.engine.tensor_files import save_tensors
from training.errors import MemoryFull, NotFinite
from training.progress import Reporter, reporting

logger = logging.getLogger(__name__)


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
        content: Digest of the data set, to know it again.
        steps: Optimiser steps of the whole schedule.
        validate: Figures of the model on held-out images, by name.
        processes: Those that share the run.
    """

    title: str
    out: Path
    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    loss: Callable[[nn.Module, Batch], Tensor]
    images: ImageSet
    candidates: NDArray[Any]
    content: str
    steps: int
    data: DataConfig
    optim: OptimConfig
    loop: LoopConfig
    validate: Callable[[nn.Module], dict[str, float]]
    processes: Processes = ALONE

    def due(self, done: int, every: int) -> bool:
        """Whether something that is done every so many steps, and at the end, is due."""
        return bool(every) and (done % every == 0 or done == self.steps)


def execute(run: Run) -> None:
    """Trains from the latest checkpoint, or from the start, to the end of the schedule.

    Raises:
        NotFinite: The loss or its gradient became infinite or NaN.
        BadCheckpoint: The directory's checkpoint does not fit.
        DiskFull: There is no room for a checkpoint; the one before is intact.
        MemoryFull: The device has no memory for a step.
    """
    head = checkpoints.restore(run.out, model=run.model, optimizers=run.optimizers)
    start, seconds = (int(head["step"]), float(head["seconds"])) if head else (0, 0.0)
    if start < run.steps:
        logger.info(
            "%s from step %d of %d, %d images a step; curves: tensorboard --logdir %s",
            *(run.title, start, run.steps, run.loop.batch_size, run.out),
        )
        with _naming_the_memory(run.loop), ExitStack() as stack:
            _Loop(run, stack, start, seconds).go_on()
    # A run may have been killed between its last checkpoint and its curves.
    if run.processes.writes and (start < run.steps or not (run.out / CURVES).exists()):
        draw_curves(run.out, title=run.title)
    logger.info("%s is complete: %d steps; see %s", run.title, run.steps, run.out / CURVES)
    run.processes.wait()


class _Loop:
    def __init__(self, run: Run, stack: ExitStack, start: int, seconds: float) -> None:
        self._run, self._start = run, start
        self._began = time.monotonic() - seconds
        self._logged_at, self._logged = time.monotonic(), start
        writes = run.processes.writes
        self._records = stack.enter_context(Records(run.out, start)) if writes else None
        self._report: Reporter | None = (
            stack.enter_context(reporting(run.title, run.steps, start=start)) if writes else None
        )
        self._source = stack.enter_context(_source(run, run.processes.shares(run.loop.shares)))
        self._stepper = Stepper(
            run.model,
            run.optimizers,
            run.loss,
            self._source,
            optim=run.optim,
            loop=run.loop,
            steps=run.steps,
            processes=run.processes,
        )

    def go_on(self) -> None:
        run, loop = self._run, self._run.loop
        for step in range(self._start, run.steps):
            self._stepper.take(step)
            done = step + 1
            saves, validates = (
                run.due(done, every) for every in (loop.checkpoint_every, loop.validate_every)
            )
            if saves or validates or run.due(done, loop.log_every):
                self._look(done)
            if self._records is None:
                continue
            if validates:
                self._validate(self._records, done)
            if saves:
                self._records.flush()
                self._save(done)

    def _look(self, done: int) -> None:
        """Takes in the figures of the steps since the last look, and stops at a bad one."""
        seen = self._stepper.figures()
        bad = next((figures for figures in seen if not figures.finite), None)
        if bad is not None:
            _stop(self._run, bad)
        if self._records is None or not self._run.due(done, self._run.loop.log_every):
            return
        now, last = time.monotonic(), seen[-1]
        speed = (done - self._logged) * self._run.loop.batch_size / (now - self._logged_at)
        self._logged_at, self._logged = now, done
        self._records.add(
            Row(
                step=done,
                loss=last.loss,
                lr_scale=self._stepper.scale(last.step),
                gradient_norm=last.gradient_norm,
                images_per_s=speed,
            )
        )
        if self._report is not None:
            self._report(done, f"loss {last.loss:.4f}, {speed:.0f} images/s")

    def _validate(self, records: Records, done: int) -> None:
        self._run.model.eval()
        figures = self._run.validate(self._run.model)
        if figures:
            records.add_validation(done, figures)
            words = ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
            logger.info("%s validation at step %d: %s", self._run.title, done, words)

    def _save(self, done: int) -> None:
        run = self._run
        images = done * run.loop.batch_size
        checkpoints.save(
            run.out,
            step=done,
            model=run.model,
            optimizers=run.optimizers,
            scalars={
                "steps": run.steps,
                "seconds": time.monotonic() - self._began,
                "images": images,
                "epochs": images / len(run.candidates),
                "training_images": len(run.candidates),
                "content": run.content,
                "classes": run.images.classes,
            },
        )


@contextmanager
def _naming_the_memory(loop: LoopConfig) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0]
        raise MemoryFull(
            f"{loop.device} has no memory for {loop.batch_size // loop.shares} images at a time: "
            f"{reason}. A smaller --loop.batch-size needs less, and so do more --loop.shares, "
            f"whose gradients add up to those of the same batch; choose another --out for them"
        ) from error


def _source(run: Run, shares: range) -> BatchSource:
    return BatchSource(
        run.images, run.candidates, run.data, run.loop, device=run.loop.device, mine=shares
    )


def _stop(run: Run, bad: Figures) -> None:
    """Saves the batch of a bad step, drawn once more, and raises."""
    path = run.out / f"not-finite-{bad.step:07d}.safetensors"
    if run.processes.writes:
        shares = range(run.loop.shares)
        # The loop's own source is still there: a device may have no room for the images again.
        again = replace(run, data=replace(run.data, on_device="never"))
        with _source(again, shares) as source:
            parts = batches_of(source, run.loop, step=bad.step, shares=shares)
        batch = {
            "pixels": torch.cat([part.pixels for part in parts]).cpu(),
            "labels": torch.cat([part.labels for part in parts]).cpu(),
        }
        metadata = {
            "step": str(bad.step),
            "seed": str(run.loop.seed),
            "streams": ", ".join(f"step/{number}" for number in shares),
            "loss": repr(bad.loss),
            "gradient_norm": repr(bad.gradient_norm),
        }
        save_tensors(path, batch, metadata)
    run.processes.wait()  # torchrun ends the others as soon as one has gone
    raise NotFinite(
        f"at step {bad.step} the loss is {bad.loss} and the gradient's norm {bad.gradient_norm}; "
        f"the step's batch is in {path}, what was saved before it is intact. A lower --optim.lr, "
        "a longer --optim.warmup or --loop.precision float32 may help"
    )
