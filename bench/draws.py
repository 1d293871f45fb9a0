"""Draws a second: our sampler and the bare forward pass of each runtime, and what others do.

A sampler's draw is noise, sum, forward pass, argmax and count; the bare forward pass of the same
runtime is the ceiling. Cohen's loop and ART certify one image at a fixed n, in eager float32: on
timm's own layers, as their users have it, and on ours, which are faster on this kind of processor.
"""

import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.part import Measured, Part
from bench.peers import ALPHA, BATCH, LAYERS, N0, Art, CohenLoop, has_art, timm_forward
from bench.report import Target, at_least, explanation, ratios, spread, table
from bench.rounds import interleaved, rate
from bench.subject import EQUAL_WITHIN, Subject, accuracy_gap, open_subject, pictures, runtimes
from model_store.runtimes import Opened
from model_store.runtimes.checks import probe
from model_store.runtimes.warm_up import measure as bare_forward
from smoothing import SmoothingParams
from smoothing.sampler import certify

ART = "ART's certify"
TIMM = "timm's forward pass"

Speeds = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A runtime of the model, or of one that was made of it.

    Attributes:
        subject: What runs.
        opened: What runs it.
        gap: By how much certified accuracy differs from float32's at worst; None if unknown.
    """

    subject: Subject
    opened: Opened
    gap: float | None

    @property
    def name(self) -> str:
        """Such as "openvino float32"."""
        return f"{self.opened.info.name} {self.opened.info.precision}"

    @property
    def equal(self) -> bool:
        """Whether its certified accuracy is shown to be float32's, as near as is asked."""
        return self.gap is not None and self.gap <= EQUAL_WITHIN

    def told(self) -> str:
        """The runtime, and how well its function certifies."""
        gap = "has no figures to compare" if self.gap is None else f"differs by {self.gap:.3f}"
        return f"`{self.subject.card.id}`, {self.opened.info.summary}; certified accuracy {gap}"


def measure(options: Namespace) -> Measured:
    """All contenders, interleaved."""
    subject = open_subject(options)
    words, images = pictures(subject, options.data)
    ways = [
        Way(subject=each, opened=opened, gap=accuracy_gap(subject.card, each.card))
        for each, opened in runtimes(subject, options)
    ]
    contenders: dict[str, Callable[[], float]] = {}
    for way in ways:
        contenders |= _of_runtime(way, options)
    contenders |= _peers(subject, images[0].tensor, options)
    speeds = interleaved(
        contenders, rounds=options.rounds, seconds=options.seconds, warm_up=not options.quick
    )
    return _text(speeds, ways, words, options), _targets(speeds, ways, options)


def _of_runtime(way: Way, options: Namespace) -> dict[str, Callable[[], float]]:
    sampler, size = way.subject.sampler(way.opened), way.subject.card.preprocessing.size
    params = SmoothingParams(sigma=way.subject.sigma, n0=N0, n=options.n, alpha=ALPHA)
    image = probe(size, 1)[0].clamp(0, 1).numpy()
    certificate = partial(certify, sampler, image, key=bytes(32), params=params)
    return {
        _forward(way): partial(bare_forward, way.opened.runtime, size=size, seconds=options.slice),
        _sampler(way): partial(sampler.measure, seconds=options.slice),
        _fixed(way): partial(rate, N0 + options.n, certificate),
    }


def _peers(
    subject: Subject, image: NDArray[np.float32], options: Namespace
) -> dict[str, Callable[[], float]]:
    draws = N0 + options.n
    peers: dict[str, Callable[[], float]] = {}
    for whose, plain in LAYERS.items():
        contenders: dict[str, CohenLoop | Art] = {"Cohen's loop": subject.cohen(plain=plain)}
        if has_art():
            contenders[ART] = subject.art(plain=plain)
        for name, peer in contenders.items():
            work = partial(peer.certify, image, n=options.n)
            peers[f"{name}, on {whose} layers"] = partial(rate, draws, work)
    batches = -(-draws // BATCH)
    network = subject.network(plain=True).network
    rows = probe(subject.card.architecture.image_size, BATCH)
    peers[TIMM] = partial(rate, batches * BATCH, partial(timm_forward, network, rows, batches))
    return peers


def _forward(way: Way) -> str:
    return f"{way.name}: bare forward pass"


def _sampler(way: Way) -> str:
    return f"{way.name}: our sampler"


def _fixed(way: Way) -> str:
    return f"{way.name}: our certificates, fixed"


def best_of(speeds: Speeds, ways: Sequence[Way]) -> Way:
    """The fastest whose certified accuracy is shown to be equal."""
    return max(
        (way for way in ways if way.equal), key=lambda way: statistics.median(speeds[_sampler(way)])
    )


def _targets(speeds: Speeds, ways: Sequence[Way], options: Namespace) -> list[Target]:
    eager, best = ways[0], best_of(speeds, ways)
    ours = speeds[_fixed(best)]
    ceilings = [
        at_least(
            f"draws/s, our sampler over the bare forward pass, {way.name}",
            0.95,
            ratios(speeds[_sampler(way)], speeds[_forward(way)]),
        )
        for way in ways
    ]
    return [
        *ceilings,
        at_least(
            f"draws/s, the best runtime of equal certified accuracy ({best.name}) over eager",
            1.8,
            ratios(speeds[_sampler(best)], speeds[_sampler(eager)]),
        ),
        *(
            at_least(
                f"certificates/s at fixed n = {options.n:,}, ours ({best.name}) over ART's, "
                f"on {whose} layers",
                2.0,
                ratios(ours, speeds[f"{ART}, on {whose} layers"]) if has_art() else [],
            )
            for whose in LAYERS
        ),
    ]


def _text(speeds: Speeds, ways: Sequence[Way], words: str, options: Namespace) -> str:
    eager = speeds[_forward(ways[0])]
    rows = [
        (name, spread(values, 0), spread(ratios(values, eager))) for name, values in speeds.items()
    ]
    listed = "\n".join(f"* {way.name}: {way.told()}." for way in ways)
    missing = "" if has_art() else "ART is not installed (extra `bench`)."
    heading = ("", "draws/s", "over the bare forward pass of eager float32")
    return f"""{explanation(__doc__)}

Rounds: {len(eager)}. Certificates at a fixed n = {options.n:,} with n0 = {N0} of the first of the
{words}, alpha {ALPHA}; of peers in batches of {BATCH}. The rest: {options.slice:g} s each a round.

{table(heading, rows)}
Runtimes, as a short warm-up set them up; the certified accuracy is that of the models' cards at
every radius, the largest difference from float32's:

{listed}
{missing}"""


def _more(parser: ArgumentParser) -> None:
    parser.add_argument("--n", type=int, default=1_000, help="draws of a certificate, fixed")
    parser.add_argument("--slice", type=float, default=2.0, help="seconds of the rest, a round")


PART = Part(
    name="draws",
    title="Draws a second",
    seconds=150,
    measure=measure,
    more=_more,
    quick={"n": 20, "slice": 0.01},
)

if __name__ == "__main__":
    PART.main()
