"""Certificates of the model under its noise, timed, image after image."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from bench.peers import Art
from bench.subject import Picture
from smoothing import Certificate, SmoothingParams
from smoothing.sampler import Sampler, certify

Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class Drawn:
    """What was certified so far.

    Attributes:
        labels: Of the images, in their order.
        certificates: Of each procedure, one an image.
        seconds: That they took.
        art_seconds: What ART took for the first few images, by whose layers it ran on.
    """

    labels: list[int] = field(default_factory=list[int])
    certificates: dict[str, list[Certificate]] = field(default_factory=dict[str, list[Certificate]])
    seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    art_seconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def mean_radius(self, name: str) -> float:
        """Of a procedure over all images; an abstention counts as 0."""
        return float(np.mean([each.radius for each in self.certificates[name]]))


def draw(
    pictures: Sequence[Picture],
    procedures: Mapping[str, tuple[Sampler, SmoothingParams]],
    *,
    art: Mapping[str, Art],
    art_images: int,
    art_n: int,
    seconds: float,
) -> Drawn:
    """Certify images until the time is over, at least one.

    Args:
        pictures: In their order.
        procedures: What to ask about each, and who is to draw for it.
        art: Asked too, by whose layers it runs on.
        art_images: How many images it is asked about.
        art_n: Its draws.
        seconds: No image is begun that would end after this, if it took as long as the last.
    """
    drawn, begun = Drawn(), time.perf_counter()
    for sampler, _ in procedures.values():
        sampler.measure(seconds=0.1)
    for peer in art.values():
        peer.certify(pictures[0].tensor, n=1)
    for at, picture in enumerate(pictures):
        started = time.perf_counter()
        drawn.labels.append(picture.label)
        for name, (sampler, params) in procedures.items():
            work = partial(certify, sampler, picture.tensor, key=picture.key, params=params)
            certificate, took = _timed(work)
            drawn.certificates.setdefault(name, []).append(certificate)
            drawn.seconds.setdefault(name, []).append(took)
        now = time.perf_counter()
        longest = now - started
        for layers, peer in art.items() if at < art_images else ():
            _, took = _timed(partial(peer.certify, picture.tensor, n=art_n))
            drawn.art_seconds.setdefault(layers, []).append(took)
        if time.perf_counter() + longest > begun + seconds:
            break
    return drawn


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
