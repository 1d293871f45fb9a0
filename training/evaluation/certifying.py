"""One image after another, by the service's own procedures on the service's own sampler."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from model_store.card import ModelCard
from model_store.preprocessing import prepare
from model_store.runtimes import Wishes, open_runtime
from smoothing import SmoothingParams
from smoothing.sampler import Sampler, certify
from training.evaluation.counts import Counts, row_of
from training.evaluation.images import LabelledImage
from training.evaluation.table import Row

ROWS = 32
PUBLIC_KEY = "dmae-certify/evaluate/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a worker needs before its first image.

    Attributes:
        card: Of the model.
        directory: Where its weights are.
        params: Of the certificates.
        runtime: Name of what runs the model.
        batch_size: Draws in one forward pass; None leaves it to the device.
        threads: Threads that compute; 0 leaves torch's choice.
    """

    card: ModelCard
    directory: Path
    params: SmoothingParams
    runtime: str
    batch_size: int | None
    threads: int


def noise_key(index: int) -> bytes:
    """Key of the noise for the image at an index: public, so that anybody gets the same figures.

    A secret key is what keeps an uploader from choosing an image to suit the noise. Here nobody
    chooses: the images were fixed long before this string, and the string is not searched over.
    So the draws are as good as fresh ones, and the figures are exactly repeatable.
    """
    return hashlib.sha256(f"{PUBLIC_KEY}/{index}".encode()).digest()


class Certifier:
    """Certifies images on one device.

    Args:
        work: The model and the parameters.
        device: A torch device.
    """

    def __init__(self, work: Work, device: str) -> None:
        if work.threads:
            torch.set_num_threads(work.threads)
        size = work.card.preprocessing.size
        opened = open_runtime(work.card, work.directory, _wishes(work, device))
        self._work = work
        self._runtime = opened.info.summary
        self._sampler = Sampler(
            opened.runtime,
            num_classes=work.card.num_classes,
            input_shape=(3, size, size),
            batch_size=opened.runtime.batch_size,
        )

    def __call__(self, image: LabelledImage) -> tuple[Row, Counts]:
        """The row of an image, and the votes behind it.

        Raises:
            BadData: The image cannot be decoded as the service does.
        """
        began = time.perf_counter()
        prepared = prepare(image.decoded(), self._work.card.preprocessing)
        key = noise_key(image.index)
        certificate = certify(self._sampler, prepared.tensor, key=key, params=self._work.params)
        seconds = time.perf_counter() - began
        row = row_of(image.index, image.label, certificate, seconds)
        return row, Counts.of(image.index, certificate, runtime=self._runtime)


def _wishes(work: Work, device: str) -> Wishes:
    """A stream a thread, and rows that suit most processors: nothing is left to be measured.

    On two cores two streams of 32 rows were as fast as any choice, in one process or in two.
    """
    on_cpu = torch.device(device).type == "cpu"
    return Wishes(
        name=work.runtime,
        device=device,
        batch_size=work.batch_size or (ROWS if on_cpu else None),
        streams=torch.get_num_threads() if on_cpu else None,
    )
