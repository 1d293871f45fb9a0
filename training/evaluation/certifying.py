"""One image after another, by the service's own procedures on the service's own sampler."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from model_store.card import ModelCard
from model_store.preprocessing import prepare
from smoothing import SmoothingParams
from smoothing.sampler import certify
from training.evaluation.counts import Counts, row_of
from training.evaluation.images import LabelledImage
from training.evaluation.table import Row
from training.sampling import open_sampler

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
        self._work = work
        self._sampler, runtime = open_sampler(
            work.card,
            work.directory,
            runtime=work.runtime,
            device=device,
            batch_size=work.batch_size,
        )
        self._runtime = runtime.summary

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
        return row, Counts.of(
            image.index, certificate, runtime=self._runtime, image_sha256=image.sha256()
        )
