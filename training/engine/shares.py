"""One step's loss and gradients, the batch shared out among processes, threads and time.

On a CPU, torch's own threads meet at the end of every operation, and one that the system takes
away holds up the others each time. Here every thread has a share of the batch and a copy of the
network, and they meet once a step. The shares that are not computed at once follow one after the
other; wherever a share is computed, its random stream is its own, so the results are the same up
to the order of a sum.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from training.config import LoopConfig
from training.engine.distributed import ALONE, Processes
from training.engine.precision import Network, networks
from training.errors import CompileFailed
from training.streams import stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a share of a step sees.

    Attributes:
        pixels: Clean, augmented images in [0, 1].
        labels: Class indices.
        generator: The share's own stream, on the images' device.
    """

    pixels: Float[Tensor, "batch channels height width"]
    labels: Int[Tensor, " batch"]
    generator: torch.Generator


LossFunction = Callable[[nn.Module, Batch], Tensor]


class Shares:
    """Networks to compute a step's gradients on.

    Args:
        model: Master weights; gradients are left on them.
        loop: Says how many shares, how many at once, and in which precision they compute.
        processes: Among which the shares are divided up.

    Attributes:
        mine: The shares that this process computes.
    """

    def __init__(self, model: nn.Module, loop: LoopConfig, processes: Processes = ALONE) -> None:
        self.mine = processes.shares(loop.shares)
        self._loop, self._processes = loop, processes
        at_once = loop.at_once(len(self.mine))
        self._networks = networks(model, loop, at_once=at_once)
        self._parameters = list(model.parameters())
        self._pool = (
            ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,))
            if at_once > 1
            else None
        )

    def backward(
        self, loss: LossFunction, batches: Sequence[Batch], *, step: int
    ) -> Float[Tensor, ""]:
        """Mean loss of all shares, of all processes; the master weights get its gradients.

        Args:
            loss: Of a network on a share.
            batches: One for each share of this process.
            step: Says which randomness the network's own layers have.

        Raises:
            CompileFailed: torch.compile could not do it.
        """
        for parameter in self._parameters:
            parameter.grad = None
        values: list[Tensor] = []
        for start in range(0, len(batches), self.at_once):
            values += self._together(loss, batches[start : start + self.at_once], start, step)
            for network in self._networks[: len(values) - start]:
                network.hand_back()
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        mean = torch.stack(values).sum()
        self._processes.add_up(gradients)
        self._processes.add_up([mean])
        if self._loop.shares > 1:
            for total in (*gradients, mean):
                total.div_(self._loop.shares)
        return mean

    @property
    def at_once(self) -> int:
        """How many shares are computed at the same time, each on a thread of its own."""
        return len(self._networks)

    def spread(self, pieces: Sequence[Callable[[], object]]) -> None:
        """Does independent pieces of work, on the shares' threads where there are any."""
        if self._pool is not None:
            list(self._pool.map(lambda piece: piece(), pieces))
            return
        for piece in pieces:
            piece()

    def _together(
        self, loss: LossFunction, batches: Sequence[Batch], first: int, step: int
    ) -> list[Tensor]:
        if self._pool is not None:
            return list(self._pool.map(_backward, self._networks, [loss] * len(batches), batches))
        with network_randomness(self._loop, step=step, share=self.mine[first]), self._compiling():
            return [_backward(self._networks[0], loss, batches[0])]

    def _compiling(self) -> AbstractContextManager[None]:
        return _naming_the_compiler() if self._loop.compile else nullcontext()


def _backward(network: Network, loss: LossFunction, batch: Batch) -> Tensor:
    network.refresh()
    with network.computing():
        value = loss(network.module, batch)
    value.backward()
    return value.detach().double()


@contextmanager
def network_randomness(loop: LoopConfig, *, step: int, share: int) -> Generator[None]:
    """Stochastic depth draws from torch's global generator: gives it the share's own stream."""
    cuda = torch.device(loop.device).type == "cuda"
    with torch.random.fork_rng(devices=[loop.device] if cuda else []):
        address = f"network/{share}"
        torch.random.set_rng_state(stream(loop.seed, address, step).get_state())
        if cuda:
            state = stream(loop.seed, address, step, device=loop.device).get_state()
            torch.cuda.set_rng_state(state, loop.device)
        yield


@contextmanager
def _naming_the_compiler() -> Generator[None]:
    try:
        yield
    except RuntimeError as error:
        # Of the modules that raise below torch.compile, all and only these are its own.
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].strip()
        raise CompileFailed(
            f"torch.compile failed: {reason}; --loop.no-compile computes without it"
        ) from error
