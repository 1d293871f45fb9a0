"""The service's own sampler of a stored model, as the offline commands use it."""

from pathlib import Path

import torch

from model_store.card import ModelCard
from model_store.runtimes import RuntimeInfo, Wishes, open_runtime
from smoothing.sampler import Sampler

ROWS = 32


def open_sampler(
    card: ModelCard,
    directory: Path,
    *,
    runtime: str = "auto",
    device: str = "cpu",
    batch_size: int | None = None,
) -> tuple[Sampler, RuntimeInfo]:
    """A sampler of a model, and what runs it.

    On a CPU a stream a thread and 32 rows, so that nothing is left to be measured. On two cores two
    streams drew a third more than two processes of one each.

    Args:
        card: Of the model.
        directory: Where its weights are.
        runtime: Name of what runs it; "auto" for the best of the device.
        device: A torch device.
        batch_size: Draws in one forward pass; None leaves it to the device.

    Raises:
        RuntimeRefused: The model is quantised and cannot run here.
    """
    on_cpu = torch.device(device).type == "cpu"
    wishes = Wishes(
        name=runtime,
        device=device,
        batch_size=batch_size or (ROWS if on_cpu else None),
        streams=torch.get_num_threads() if on_cpu else None,
    )
    opened = open_runtime(card, directory, wishes)
    sampler = Sampler(
        opened.runtime,
        num_classes=card.num_classes,
        input_shape=(3, card.preprocessing.size, card.preprocessing.size),
        batch_size=opened.runtime.batch_size,
    )
    return sampler, opened.info
