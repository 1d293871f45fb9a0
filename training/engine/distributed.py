"""Several processes on one run: torchrun starts them, gloo or NCCL adds up their gradients.

Every process computes shares of its own of each batch and then takes the very same step, so their
weights stay equal without being sent. The first process alone writes.
"""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import get_node_local_rank

from training.config import LoopConfig
from training.config.checks import require

# The first process alone validates, and on ImageNet may take half of NCCL's own ten minutes. Where
# a process dies torchrun ends the others, whatever they wait for.
_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: This one's number, from 0.
        size: How many there are.
        local_rank: This one's number on its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def writes(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def shares(self, total: int) -> range:
        """Which of a batch's shares this process computes."""
        return range(self.rank, total, self.size)

    def execution(self, loop: LoopConfig) -> LoopConfig:
        """The configuration as this process executes it: on its own GPU, where there are GPUs."""
        if self.size == 1 or loop.on_cpu:
            return loop
        return replace(loop, device=f"{loop.device}:{self.local_rank}")

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors of one dtype and device by their sums over all processes, in place."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Returns once every process has come here."""
        if self.size > 1:
            dist.barrier()


ALONE = Processes()


@contextmanager
def joined(loop: LoopConfig) -> Generator[Processes]:
    """The processes that torchrun started, or this one alone.

    Under torchrun each process takes the GPU of its own number on its machine.

    Raises:
        BadConfig: The number of processes does not divide the shares, or there are fewer GPUs.
    """
    if not dist.is_torchelastic_launched():
        yield ALONE
        return
    if not loop.on_cpu:
        require(
            ":" not in loop.device,
            f"torchrun gives each process a device: --loop.device cuda, got {loop.device}",
        )
        number, here = get_node_local_rank(), torch.cuda.device_count()
        require(number < here, f"process {number} of this machine has no GPU: there are {here}")
        torch.cuda.set_device(number)
    dist.init_process_group("gloo" if loop.on_cpu else "nccl", timeout=_PATIENCE)
    processes = Processes(
        rank=dist.get_rank(), size=dist.get_world_size(), local_rank=get_node_local_rank()
    )
    check_shares(processes, loop)
    if not processes.writes:
        logging.getLogger("training").setLevel(logging.WARNING)
    yield processes
    # After an error of one process alone NCCL would wait here for the others, which wait for this
    # one's gradients: nobody would read the error, nor torchrun end the rest.
    dist.destroy_process_group()


def check_shares(processes: Processes, loop: LoopConfig) -> None:
    """Refuses shares that the processes cannot divide up evenly.

    Raises:
        BadConfig: Their number does not divide the shares.
    """
    require(
        loop.shares % processes.size == 0,
        f"the {processes.size} processes must divide loop.shares {loop.shares}: "
        f"--loop.shares {processes.size}, or a multiple of it",
    )
