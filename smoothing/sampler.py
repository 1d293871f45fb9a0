"""The sampling half of algorithm CERTIFY: a base classifier votes on noisy copies.

The batch has one static shape, filled with rows of any draws and padded, so that the same
kernels run whatever is asked. That rows are independent is checked. Beyond that, a vision
transformer's logits in float32 on a CPU were found equal to the last bit wherever in the
batch a row stood, for every batch size tried from 1 to 256 (a test repeats this for 32, 64
and 128): votes do not depend on how rows are packed. Where kernels do treat some rows
apart, votes can differ, though only where two logits agree to about 1e-6.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from smoothing.certificate import Certificate, Numerics, Phase, SmoothingParams, Votes
from smoothing.errors import InvalidParams, UnsoundClassifier
from smoothing.noise import KEY_BYTES, noisy_rows
from smoothing.procedures import DrawMore, procedure_for

BaseClassifier = nn.Module
"""Maps images in [0, 1] plus noise, shape (batch, channels, height, width), to logits,
shape (batch, classes); in eval mode, each row by itself."""

# Kernels may round differently for other neighbours; anything more is influence.
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """A range of draws of one image: rows for a batch.

    Attributes:
        image: Shape (channels, height, width), values in [-1, 2], nominally [0, 1].
        sigma: Standard deviation of the noise, in units of a [0, 1] pixel.
        key: The job's secret key, 32 bytes.
        phase: Selection or estimation.
        start: First draw.
        stop: One past the last draw.
        numerics: How noise is drawn and added.
    """

    image: NDArray[np.float32]
    sigma: float
    key: bytes
    phase: Phase
    start: int
    stop: int
    numerics: Numerics = "sound"

    @property
    def num_draws(self) -> int:
        """Rows this range fills."""
        return self.stop - self.start

    def rows(self) -> NDArray[np.float32]:
        """The noisy copies, shape (num_draws, channels, height, width)."""
        return noisy_rows(
            self.image,
            sigma=self.sigma,
            key=self.key,
            phase=self.phase,
            start=self.start,
            stop=self.stop,
            numerics=self.numerics,
        )


class Sampler:
    """A base classifier that counts its votes, in batches of one static shape.

    It keeps nothing from one run to the next, so threads may share it as far as the classifier
    allows; a transformer in eval mode does.

    Args:
        classifier: The base classifier, in eval mode.
        num_classes: Length of its logits.
        input_shape: Shape (channels, height, width) of an image.
        batch_size: Rows per forward pass, at least 1.
        device: Where to run; the classifier is moved there.

    Raises:
        UnsoundClassifier: The classifier or a part of it is in training mode, its logits
            have another shape, or a row's logits depend on the rest of the batch.
        InvalidParams: `batch_size` is less than 1.
    """

    def __init__(
        self,
        classifier: BaseClassifier,
        *,
        num_classes: int,
        input_shape: tuple[int, int, int],
        batch_size: int,
        device: str = "cpu",
    ) -> None:
        if batch_size < 1:
            message = f"batch_size must be at least 1, got {batch_size}"
            raise InvalidParams(message, field="batch_size")
        self.num_classes = num_classes
        self.input_shape = input_shape
        self.batch_size = batch_size
        self.device = torch.device(device)
        self._classifier = classifier.to(self.device)
        self._check_eval_mode()
        self._check_row_independence()

    def run(self, slices: Sequence[Draws]) -> list[Votes]:
        """The votes of each slice, from one forward pass over all of them.

        Args:
            slices: Draws of any images, noise levels and phases, at most `batch_size` rows
                together.

        Raises:
            InvalidParams: There are too many rows, or an image has another shape.
        """
        if not slices:
            return []
        counts = self._count(*self._batch(slices), num_slices=len(slices))
        return [Votes(counts=tuple(row[:-1]), invalid=row[-1]) for row in counts]

    def measure(self, *, seconds: float = 2.0) -> float:
        """Draws per second of full batches, noise and transfers included.

        Args:
            seconds: How long to measure after one batch of warm-up; at least one batch.
        """
        draws = Draws(
            image=np.full(self.input_shape, 0.5, dtype=np.float32),
            sigma=0.25,
            key=bytes(KEY_BYTES),
            phase=Phase.SELECTION,
            start=0,
            stop=self.batch_size,
        )
        self.run([draws])
        batches, begun = 0, perf_counter()
        while batches == 0 or perf_counter() - begun < seconds:
            self.run([draws])
            batches += 1
        return batches * self.batch_size / (perf_counter() - begun)

    def _batch(self, slices: Sequence[Draws]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The padded rows, and which slice each belongs to (padding: one past the last)."""
        num_rows = sum(draws.num_draws for draws in slices)
        if num_rows > self.batch_size:
            message = f"rows must be at most batch_size={self.batch_size}, got {num_rows}"
            raise InvalidParams(message, field="slices")
        rows = np.zeros((self.batch_size, *self.input_shape), dtype=np.float32)
        owner = np.full(self.batch_size, len(slices), dtype=np.int64)
        ends = np.cumsum([0, *(draws.num_draws for draws in slices)]).tolist()
        for index, (draws, (begin, end)) in enumerate(zip(slices, pairwise(ends), strict=True)):
            if draws.image.shape != self.input_shape:
                message = f"image must have shape {self.input_shape}, got {draws.image.shape}"
                raise InvalidParams(message, field="image")
            rows[begin:end] = draws.rows()
            owner[begin:end] = index
        return rows, owner

    @torch.inference_mode()
    def _count(
        self, rows: NDArray[np.float32], owner: NDArray[np.int64], *, num_slices: int
    ) -> list[list[int]]:
        """Votes per slice and class, the last column for rows that are not finite."""
        logits = self._classifier(_tensor(rows).to(self.device))
        bins = (num_slices + 1, self.num_classes + 1)
        ballots = _tensor(owner).to(self.device) * bins[1] + _winners(logits)
        counts = torch.zeros(bins[0] * bins[1], dtype=torch.int64, device=self.device)
        counts.scatter_add_(0, ballots, torch.ones_like(ballots))
        # The only wait for the device, and the only transfer back.
        flat = counts.cpu().numpy().reshape(bins)
        return flat[:num_slices].tolist()

    def _check_eval_mode(self) -> None:
        for module in self._classifier.modules():
            if module.training:
                name = type(module).__name__
                raise UnsoundClassifier(f"{name} is in training mode; call eval() first")

    @torch.inference_mode()
    def _check_row_independence(self) -> None:
        """Change every other row of a batch, then the order: a row's logits must stay."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch_size, *self.input_shape)
        batch = torch.rand(shape, generator=generator).to(self.device)
        strangers = 100 * torch.randn(shape, generator=generator).to(self.device)
        among_strangers = batch.clone()
        among_strangers[1::2] = strangers[1::2]

        logits = self._logits(batch)
        others = self._logits(among_strangers)[::2]
        moved = self._logits(batch.roll(1, dims=0)).roll(-1, dims=0)

        same_votes = torch.equal(_winners(logits[::2]), _winners(others))
        if not (same_votes and _close(logits[::2], others) and _close(logits, moved)):
            raise UnsoundClassifier(
                "a row's logits depend on the other rows of its batch or on its place among "
                "them; votes would not be independent"
            )

    def _logits(self, batch: Tensor) -> Float[Tensor, "batch classes"]:
        logits = self._classifier(batch)
        expected = (self.batch_size, self.num_classes)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise UnsoundClassifier(f"logits must have shape {expected}, got {got}")
        return logits.float()


def count_votes(sampler: Sampler, draws: Draws) -> Iterator[Votes]:
    """Votes of a long range of draws, one batch at a time, in order.

    Votes are additive, so a caller may sum them in any order, stop to report progress, and
    after a crash draw only what it has not kept.
    """
    for start in range(draws.start, draws.stop, sampler.batch_size):
        stop = min(start + sampler.batch_size, draws.stop)
        yield sampler.run([replace(draws, start=start, stop=stop)])[0]


def certify(
    sampler: Sampler,
    image: NDArray[np.float32],
    *,
    key: bytes,
    params: SmoothingParams,
    on_progress: Callable[[int, int], None] | None = None,
) -> Certificate:
    """The certificate of one image, drawn in this process.

    Args:
        sampler: The base classifier.
        image: Shape (channels, height, width), values in [-1, 2], nominally [0, 1].
        key: 32 secret bytes; equal keys give equal noise, and whoever knows the key could
            choose an image for it.
        params: What to certify with.
        on_progress: Called after each batch with draws done and draws planned.

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
            if on_progress:
                done = sum(votes.total for votes in tally.values())
                on_progress(done, procedure.draws_planned(tally))
    return answer


def _winners(logits: Float[Tensor, "batch classes"]) -> Int64[Tensor, " batch"]:
    """The vote of each row; one past the last class where a logit is not finite.

    (The argmax of a row of nan is 0: a broken classifier would certify class 0.)
    """
    finite = logits.isfinite().all(dim=1)
    return torch.where(finite, logits.argmax(dim=1), logits.shape[1])


def _close(a: Tensor, b: Tensor) -> bool:
    scale = a.abs().nan_to_num(nan=0.0, posinf=0.0).max().item()
    return torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True)


def _tensor(array: NDArray[np.float32] | NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]
