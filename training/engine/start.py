"""From a configuration to a run: what every command that trains has in common."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.config import DataConfig, LoopConfig, OptimConfig, RunConfig
from training.data import ImageSet, open_images, split
from training.data.sources import Source, open_source
from training.engine import checkpoints
from training.engine.disk import RECORDS_BYTES, require_room
from training.engine.distributed import joined
from training.engine.loop import Run, execute
from training.engine.optim import MOMENTS, build_optimizers
from training.engine.precision import use_plain_attention
from training.engine.run_directory import LOCK, check_run_directory, open_run_directory
from training.engine.shares import LossFunction
from training.errors import ConfigDiffers
from training.locks import alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a command trains.

    Attributes:
        title: Shown with the progress.
        build: A model for a number of classes, with the weights that it starts from.
        groups: The model's trainable parameters, as `parameter_groups` has them.
        loss: Of a network (the model or its low-precision copy) on a share of a batch.
        validate: Figures of a network on the images of an index, by name.
        prepare: Is given the model and the images to train on, once, before the first step.
    """

    title: str
    build: Callable[[int], nn.Module]
    groups: Callable[[Any], list[dict[str, Any]]]
    loss: LossFunction
    validate: Callable[[nn.Module, ImageSet, NDArray[np.int64]], dict[str, float]]
    prepare: Callable[[Any, ImageSet, NDArray[np.int64]], None] | None = None


def start(
    task: Task, config: RunConfig, out: Path, *, origin: Mapping[str, Any] | None = None
) -> None:
    """Trains, or resumes, in the directory `out`; alone or as one of torchrun's processes.

    What can be refused is refused before images are decoded, in the order of what it costs.

    Args:
        task: What is trained.
        config: What to do.
        out: Run directory; a run of the same configuration there is resumed.
        origin: How the run was asked for; recorded, and named in an exported card.

    Raises:
        ConfigDiffers: `out` holds a run of another configuration, or of other images.
        BadConfig: The configuration does not go with the data or the number of processes, or
            `out` cannot be written to.
        InUse: Another process trains in `out`.
        BadData: There is nothing to train on.
        BadCheckpoint: The run to start from, or to resume, does not fit.
        DiskFull: There is no room for checkpoints.
        NotFinite: The loss or its gradient became infinite or NaN.
        CompileFailed: torch.compile could not do it.
    """
    set_threads(config.loop)
    with joined(config.loop) as processes, ExitStack() as stack:
        loop = processes.execution(config.loop)
        check_run_directory(out, config)
        source = open_source(config.data)
        parts = split(len(source.labels), every=config.data.validation_every)
        check_images(out, config.data, source, len(parts.train))
        steps = loop.total_steps(len(parts.train))
        model = task.build(len(source.classes)).to(loop.device)
        if processes.writes:
            require_checkpoint_room(out, model, config.optim)
            doing = f"training in {out}"
            stack.enter_context(alone(out / LOCK, doing=doing, option="--out"))
        images = open_images(config.data, size=config.architecture.image_size, source=source)
        if loop.on_cpu:
            use_plain_attention(model)
        if processes.writes:
            open_run_directory(out, config, {**(origin or {}), "processes": processes.size})
        if task.prepare is not None and checkpoints.read_head(out) is None:
            task.prepare(model, images, parts.train)
        execute(
            Run(
                title=task.title,
                out=out,
                model=model,
                optimizers=build_optimizers(task.groups(model), config.optim),
                loss=task.loss,
                images=images,
                candidates=parts.train,
                content=source.content,
                steps=steps,
                data=config.data,
                optim=config.optim,
                loop=loop,
                validate=lambda network: task.validate(network, images, parts.validation),
                processes=processes,
            )
        )


def set_threads(loop: LoopConfig) -> None:
    """Gives torch the threads that the configuration asks for, if it does."""
    if loop.threads:
        torch.set_num_threads(loop.threads)


def check_images(out: Path, data: DataConfig, source: Source, training_images: int) -> None:
    """Refuses to go on with a run on other images than it was begun with.

    Args:
        out: Run directory.
        data: Says where the images are, for the message.
        source: The images as they are now.
        training_images: How many of them are trained on.

    Raises:
        ConfigDiffers: Its checkpoint was trained on others.
        BadCheckpoint: The checkpoint cannot be read.
    """
    head = checkpoints.read_head(out) or {}
    before = head.get("training_images", training_images)
    classes = tuple(head.get("classes", source.classes))
    if before != training_images or classes != source.classes:
        raise ConfigDiffers(
            f"{out} was trained on {before} images of {len(classes)} classes, {data.path} now has "
            f"{training_images} of {len(source.classes)}; restore them, or choose another --out",
            fields=("data.path",),
        )
    if head.get("content", source.content) != source.content:
        raise ConfigDiffers(
            f"{out} was trained on other images than {data.path} has now: files of it were "
            "renamed or have other sizes; restore them, or choose another --out",
            fields=("data.path",),
        )


def require_checkpoint_room(out: Path, model: nn.Module, optim: OptimConfig) -> None:
    """Refuses a run whose checkpoints would not fit; each is written beside the one before it.

    Raises:
        DiskFull: There is less room than that.
    """
    size = checkpoints.size_bytes(model, moments=MOMENTS[optim.optimizer])
    copies = 2 if checkpoints.read_head(out) is None else 1
    require_room(out, copies * size + RECORDS_BYTES)
