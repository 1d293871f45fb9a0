"""The sampling half of algorithm CERTIFY: a base classifier votes on noisy copies.

The batch has one static shape, filled with rows of any draws and padded, so that the same
kernels run whatever is asked. That rows are independent is checked. Beyond that, a vision
transformer's logits in float32 on a CPU were found equal to the last bit wherever in the
batch a row stood, for every batch size tried from 1 to 256 (a test repeats this for 32, 64
and 128), in eager torch as in OpenVINO: votes do not depend on how rows are packed. Where
kernels do treat some rows apart, votes can differ, though only where two logits agree to about
1e-6.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from smoothing.certificate import Certificate
from smoothing.device_noise import DEVICE_SCHEME, rows_on_device
from smoothing.draws import Draws, draw_rows
from smoothing.errors import InvalidParams
from smoothing.independence import check_row_independence
from smoothing.params import Numerics, SmoothingParams
from smoothing.philox import KEY_BYTES, NOISE_SCHEME
from smoothing.procedures import DrawMore, procedure_for
from smoothing.runtime import BaseClassifier, Eager, Runtime
from smoothing.tally import as_votes, count_on_device, count_on_host
from smoothing.votes import Phase, Votes

__all__ = ["BaseClassifier", "Draws", "Runtime", "Sampler", "certify", "count_votes"]


class Sampler:
    """A base classifier that counts its votes, in batches of one static shape.

    From one run to the next it keeps memory, nothing else, so threads may share it as far as
    the classifier allows; a transformer in eval mode does.

    Args:
        classifier: The base classifier, in eval mode; or a runtime that runs it.
        num_classes: Length of its logits.
        input_shape: Shape (channels, height, width) of an image.
        batch_size: Rows per forward pass, at least 1; of a runtime, its own.
        device: Where to run a classifier, which is moved there. A runtime has its own.

    Raises:
        UnsoundClassifier: The classifier or a part of it is in training mode, its logits
            have another shape, or a row's logits depend on the rest of the batch.
        InvalidParams: `batch_size` is less than 1, or not the runtime's.
    """

    def __init__(
        self,
        classifier: BaseClassifier | Runtime,
        *,
        num_classes: int,
        input_shape: tuple[int, int, int],
        batch_size: int,
        device: str = "cpu",
    ) -> None:
        if batch_size < 1:
            message = f"batch_size must be at least 1, got {batch_size}"
            raise InvalidParams(message, field="batch_size")
        if isinstance(classifier, nn.Module):
            classifier = Eager(classifier, batch_size, torch.device(device))
        if batch_size != classifier.batch_size:
            message = f"batch_size must be the runtime's {classifier.batch_size}, got {batch_size}"
            raise InvalidParams(message, field="batch_size")
        self.num_classes = num_classes
        self.input_shape = input_shape
        self.batch_size = batch_size
        self.depth = classifier.depth
        self.device = classifier.device
        self._runtime = classifier
        self._memory: deque[NDArray[np.float32]] = deque()
        check_row_independence(classifier, num_classes, input_shape)

    def noise_scheme(self, numerics: Numerics) -> str:
        """Name of the map from addresses to noise; accelerators round other last bits."""
        return DEVICE_SCHEME if self._draws_on_device(numerics) else NOISE_SCHEME

    def run(self, slices: Sequence[Draws]) -> list[Votes]:
        """The votes of each slice, from one forward pass over all of them.

        Args:
            slices: Draws of any images, noise levels and phases, at most `batch_size` rows
                together.

        Raises:
            InvalidParams: There are too many rows, or an image has another shape.
        """
        return self.start(slices)()

    @torch.inference_mode()
    def start(self, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
        """Draw the noise of a batch and start its forward pass.

        Args:
            slices: As for `run`.

        Returns:
            Waits for the votes of each slice. With `depth` batches under way, the noise of the
            next is drawn while the others are classified.

        Raises:
            InvalidParams: As `run`.
        """
        if not slices:
            return list
        owner, num_slices = self._owners(slices), len(slices)
        logits = self._start(slices)
        if self.device.type == "cpu":
            return lambda: as_votes(count_on_host(logits().float().numpy(), owner, num_slices))
        counts = count_on_device(logits().float(), owner, num_slices)  # queued, not waited for
        return lambda: as_votes(counts.cpu().numpy())

    def stream(self, batches: Iterable[Sequence[Draws]]) -> Iterator[list[Votes]]:
        """The votes of batch after batch, in order, with `depth` batches under way."""
        under_way: deque[Callable[[], list[Votes]]] = deque()
        for slices in batches:
            under_way.append(self.start(slices))
            if len(under_way) >= self.depth:
                yield under_way.popleft()()
        while under_way:
            yield under_way.popleft()()

    def measure(self, *, seconds: float = 2.0) -> float:
        """Draws per second of full batches, noise and transfers included.

        Args:
            seconds: How long to measure after the warm-up; at least one batch.
        """
        draws = Draws(
            image=np.full(self.input_shape, 0.5, dtype=np.float32),
            sigma=0.25,
            key=bytes(KEY_BYTES),
            phase=Phase.SELECTION,
            start=0,
            stop=self.batch_size,
        )
        for _ in self.stream([[draws]] * self.depth):
            pass
        batches, begun = 0, perf_counter()
        for batches, _ in enumerate(self.stream(_until(begun + seconds, [draws])), start=1):  # noqa: B007
            pass
        return batches * self.batch_size / (perf_counter() - begun)

    def _owners(self, slices: Sequence[Draws]) -> NDArray[np.int64]:
        """Which slice each row belongs to; padding: one past the last."""
        lengths = [draws.num_draws for draws in slices]
        if sum(lengths) > self.batch_size:
            message = f"rows must be at most batch_size={self.batch_size}, got {sum(lengths)}"
            raise InvalidParams(message, field="slices")
        for draws in slices:
            if draws.image.shape != self.input_shape:
                message = f"image must have shape {self.input_shape}, got {draws.image.shape}"
                raise InvalidParams(message, field="image")
        return np.repeat(np.arange(len(slices) + 1), [*lengths, self.batch_size - sum(lengths)])

    def _start(self, slices: Sequence[Draws]) -> Callable[[], Tensor]:
        on_device = [self._draws_on_device(draws.numerics) for draws in slices]
        if all(on_device):
            return self._runtime.start(rows_on_device(slices, self.batch_size, self.device))
        if any(on_device):
            return self._runtime.start(self._mixed(slices))
        num_rows = sum(draws.num_draws for draws in slices)
        shape = (self.batch_size, *self.input_shape)
        try:
            rows = self._memory.pop()
        except IndexError:
            rows = np.empty(shape, dtype=np.float32)
        draw_rows(slices, rows[:num_rows])
        rows[num_rows:] = 0.0
        logits = self._runtime.start(_tensor(rows).to(self.device))
        self._memory.append(rows)
        return logits

    def _mixed(self, slices: Sequence[Draws]) -> Tensor:
        """Each slice's rows by its own noise scheme, whatever else is in the batch."""
        parts = [
            rows_on_device([draws], draws.num_draws, self.device)
            if self._draws_on_device(draws.numerics)
            else _tensor(draws.rows()).to(self.device)
            for draws in slices
        ]
        padding = self.batch_size - sum(len(part) for part in parts)
        parts.append(torch.zeros((padding, *self.input_shape), device=self.device))
        return torch.cat(parts)

    def _draws_on_device(self, numerics: Numerics) -> bool:
        return self.device.type == "cuda" and numerics == "sound"


def count_votes(sampler: Sampler, draws: Draws) -> Iterator[Votes]:
    """Votes of a long range of draws, one batch at a time, in order.

    Votes are additive, so a caller may sum them in any order, stop to report progress, and
    after a crash draw only what it has not kept.
    """
    starts = range(draws.start, draws.stop, sampler.batch_size)
    parts = (
        [replace(draws, start=start, stop=min(start + sampler.batch_size, draws.stop))]
        for start in starts
    )
    return (votes for [votes] in sampler.stream(parts))


def certify(
    sampler: Sampler,
    image: NDArray[np.float32],
    *,
    key: bytes,
    params: SmoothingParams,
) -> Certificate:
    """The certificate of one image, drawn in this process.

    Args:
        sampler: The base classifier.
        image: Shape (channels, height, width), values in [-1, 2], nominally [0, 1].
        key: 32 secret bytes; equal keys give equal noise, and whoever knows the key could
            choose an image for it.
        params: What to certify with.

    Raises:
        InvalidParams: The image or the key is not what the sampler takes.
    """
    procedure = procedure_for(params, sampler.num_classes)
    tally = {phase: Votes.none(sampler.num_classes) for phase in Phase}
    while isinstance(answer := procedure.step(tally), DrawMore):
        draws = Draws(
            image=image,
            sigma=params.sigma,
            key=key,
            phase=answer.phase,
            start=answer.start,
            stop=answer.stop,
            numerics=params.numerics,
        )
        for votes in count_votes(sampler, draws):
            tally[answer.phase] += votes
    return answer


def _until(end: float, slices: Sequence[Draws]) -> Iterator[Sequence[Draws]]:
    """The same batch until a time, at least once."""
    yield slices
    while perf_counter() < end:
        yield slices


def _tensor(array: NDArray[np.float32] | NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]
