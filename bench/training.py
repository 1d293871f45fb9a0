"""What a training step costs over the bare forward and backward pass of its model.

Interleaved in one run on one machine, for pre-training and for fine-tuning by a recipe: steps of
the training loop, with everything that a step is (images from the memory map, crops, noise, loss,
clipping, the optimiser, figures for the log); and as many forward and backward passes of the same
model on one fixed batch, with the same precision, threads and shares, and nothing else. Between
the two stands the bare pass with the optimiser's step, which says how much of the cost that is.
Images are drawn at random: where they come from is not measured, nor are checkpoints and
validation.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench.bare import Bare, BareLoss, Config, fixed_losses
from bench.report import (
    Section,
    Target,
    at_least,
    command_line,
    explanation,
    page,
    ratios,
    spread,
    table,
)
from training import recipes
from training.config import LoopConfig, PretrainConfig
from training.data import BatchSource, ImageSet
from training.engine.distributed import ALONE
from training.engine.optim import build_optimizers, divided, set_learning_rate
from training.engine.precision import use_plain_attention
from training.engine.start import Task, set_threads
from training.engine.steps import Stepper, batches_of
from training.finetune import finetuning
from training.hardware import describe_hardware
from training.pretrain import pretraining

IMAGES, CLASSES = 5_000, 10
WANTED_SHARE = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """Images a second, one of each kind a round.

    Attributes:
        title: What was trained.
        bare: Forward and backward alone.
        stepped: With clipping and the optimiser's step.
        loop: The training loop's steps.
    """

    title: str
    bare: tuple[float, ...]
    stepped: tuple[float, ...]
    loop: tuple[float, ...]

    @property
    def target(self) -> Target:
        """The loop is to be nearly as fast as the bare pass."""
        what = f"images/s, the {self.title} loop over the bare forward and backward pass"
        return at_least(what, WANTED_SHARE, ratios(self.loop, self.bare))

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """Of the table: images a second, and the share of the bare pass."""
        for name, speeds in (
            ("forward and backward alone", self.bare),
            ("with the optimiser", self.stepped),
            ("the training loop", self.loop),
        ):
            yield f"{self.title}: {name}", spread(speeds, 0), spread(ratios(speeds, self.bare))


def measure(config: Config, *, rounds: int, steps: int) -> Speeds:
    """The interleaved speeds, after one round of warm-up."""
    set_threads(config.loop)
    task: Task = pretraining(config) if isinstance(config, PretrainConfig) else finetuning(config)
    model = task.build(CLASSES).to(config.loop.device)
    if config.loop.on_cpu:
        use_plain_attention(model)
    images = random_images(config)
    with ExitStack() as stack:
        source = stack.enter_context(
            BatchSource(
                images,
                np.arange(IMAGES, dtype=np.int64),
                config.data,
                config.loop,
                device=config.loop.device,
            )
        )
        shares = range(config.loop.shares)
        losses = fixed_losses(batches_of(source, config.loop, step=0, shares=shares), config)
        kinds = (
            _bare(model, config, losses),
            _stepped(task, model, config, losses),
            _loop(task, model, config, source, total=(rounds + 1) * steps),
        )
        speeds = [[_speed(kind, config.loop, steps) for kind in kinds] for _ in range(rounds + 1)]
    bare, stepped, loop = zip(*speeds[1:], strict=True)
    return Speeds(title=task.title, bare=bare, stepped=stepped, loop=loop)


def random_images(config: Config) -> ImageSet:
    """Images to take batches from; of noise, since no time depends on what they show."""
    random = np.random.default_rng(0)
    size = config.data.size or config.architecture.image_size
    side = config.data.stored_side(size)
    return ImageSet(
        images=random.integers(0, 256, (IMAGES, 3, side, side), dtype=np.uint8),
        labels=random.integers(0, CLASSES, IMAGES),
        classes=tuple(str(number) for number in range(CLASSES)),
        size=size,
    )


def _bare(model: nn.Module, config: Config, losses: Sequence[BareLoss]) -> Callable[[], None]:
    return Bare(model, config.loop, losses).step


def _stepped(
    task: Task, model: nn.Module, config: Config, losses: Sequence[BareLoss]
) -> Callable[[], None]:
    bare = Bare(model, config.loop, losses)
    optimizers = [
        part
        for optimizer in build_optimizers(task.groups(bare.model), config.optim)
        for part in divided(optimizer, bare.at_once)
    ]
    set_learning_rate(optimizers, 0.0)
    parameters = [p for p in bare.model.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 1e-3)

    def step() -> None:
        bare.step()
        nn.utils.clip_grad_norm_(parameters, config.optim.clip_norm or math.inf)
        bare.spread([optimizer.step for optimizer in optimizers])

    return step


def _loop(
    task: Task, model: nn.Module, config: Config, source: BatchSource, *, total: int
) -> Callable[[], None]:
    optimizers = build_optimizers(task.groups(model), config.optim)
    stepper = Stepper(
        model,
        optimizers,
        task.loss,
        source,
        optim=config.optim,
        loop=config.loop,
        steps=total,
        processes=ALONE,
    )
    numbers = iter(range(total))

    def step() -> None:
        number = next(numbers)
        stepper.take(number)
        if (number + 1) % config.loop.log_every == 0:
            stepper.figures()

    return step


def _speed(step: Callable[[], None], loop: LoopConfig, steps: int) -> float:
    _finish(loop)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    _finish(loop)
    return steps * loop.batch_size / (time.perf_counter() - started)


def _finish(loop: LoopConfig) -> None:
    if not loop.on_cpu:
        torch.cuda.synchronize()


def section(measured: Sequence[Speeds], command: str, *, loop: LoopConfig, steps: int) -> Section:
    """What was measured, and what was wanted."""
    compiled = ", compiled" if loop.compile else ""
    rows = [row for speeds in measured for row in speeds.rows]
    return Section(
        title="Steps and bare passes",
        command=command,
        text=f"""{explanation(__doc__)}

Batches of {loop.batch_size} in {loop.shares} shares, {loop.at_once(loop.shares)} at once,
{loop.precision}{compiled}, on {describe_hardware(loop.device)}.
{len(measured[0].bare)} rounds of {steps} steps, after one that does not count.

{table(("", "images/s", "over the bare pass"), rows)}""",
        targets=tuple(speeds.target for speeds in measured),
    )


def main() -> None:
    """Measures, prints and writes the page, and fails where a loop is slower than is wanted."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--recipe", choices=tuple(recipes.PRETRAIN), required=True)
    options.add_argument("--out", type=Path, help="page to write")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=10, help="of each kind in a round")
    options.add_argument("--device", help="another one than the recipe's")
    options.add_argument("--compile", action="store_true", help="compile the networks")
    chosen = options.parse_args()
    configs: list[Config] = [
        recipes.PRETRAIN[chosen.recipe](),
        replace(recipes.FINETUNE[chosen.recipe](), init=None),
    ]
    configs = [on(config, chosen.device, compiled=chosen.compile) for config in configs]
    measured = [measure(each, rounds=chosen.rounds, steps=chosen.steps) for each in configs]
    command = command_line("bench.training", sys.argv[1:])
    found = section(measured, command, loop=configs[0].loop, steps=chosen.steps)
    text = page([found], command=command, title="Training speed")
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text)
    if not all(target.met for target in found.targets):
        raise SystemExit("a loop is slower than is wanted")


def on(config: Config, device: str | None, *, compiled: bool) -> Config:
    """A configuration for another device, the network compiled if it is said so."""
    loop = replace(
        config.loop, device=device or config.loop.device, compile=compiled or config.loop.compile
    )
    return replace(config, loop=loop)


if __name__ == "__main__":
    main()
