"""Draws a certificate, and radius, of each procedure at equal alpha.

**Simulated** are certificates of votes that are drawn from class probabilities: the service's own
procedures, asked and answered as ever, with a multinomial in the model's place. The probabilities
are measured ones, estimated from votes of the model. **Drawn** are certificates of the model under
its noise, timed, of as many images as the budget allows.

The adaptive that is held against ART was picked among 56 settings (eight n, seven precisions, the
runner-up bound) by such a simulation, with the counts of the quantised model of sigma 0.25: the
fewest draws at no smaller mean radius than ART's. So that it has the radius is no news of these
images; how many draws that takes is.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.drawn import Drawn, draw
from bench.part import Measured, Part
from bench.peers import ALPHA, LAYERS, N0, has_art
from bench.report import Target, at_least, explanation, ratios, spread, table
from bench.simulated import (
    Chances,
    Outcome,
    all_votes,
    estimated,
    kept_counts,
    outcome,
    read_counts,
    simulate,
)
from bench.subject import best_wishes, fastest_equal, open_subject, pictures
from smoothing import SmoothingParams

POINTS = 0.005
AMPLE = 1.3
"""Draws that an adaptive certificate may take, over those of a fixed one of its mean radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The procedures that are compared, and those that the targets name.

    Attributes:
        params: Of all, by name.
        long: Fixed, with many draws.
        short: Fixed, with as many draws as ART.
        adaptive: To the usual precision of `long`.
        sharper: Adaptive, with the runner-up bound and about the mean radius of `short`.
        decide: Whether the radius is half of sigma.
    """

    params: Mapping[str, SmoothingParams]
    long: str
    short: str
    adaptive: str
    sharper: str
    decide: str

    @classmethod
    def of(cls, sigma: float, *, long: int, short: int) -> "Compared":
        """With these most numbers of draws."""
        plain = partial(SmoothingParams, sigma=sigma, alpha=ALPHA)
        adaptive = partial(plain, mode="adaptive", precision=0.05)
        ample = round(AMPLE * short)
        params = {
            (fixed_long := f"fixed, n = {long:,}"): plain(n0=N0, n=long),
            (fixed_short := f"fixed, n = {short:,}"): plain(n0=N0, n=short),
            (usual := f"adaptive 0.05, n to {long:,}"): adaptive(n=long),
            f"adaptive 0.05, runner-up, n to {long:,}": adaptive(n=long, bound="runner-up"),
            (sharper := f"adaptive 0.04, runner-up, n to {ample:,}"): adaptive(
                n=ample, precision=0.04, bound="runner-up"
            ),
            (decide := f"decide sigma / 2, n to {long:,}"): plain(
                mode="decide", radius=sigma / 2, n=long
            ),
            f"anytime, read at {short:,}": plain(mode="anytime", n=short),
            f"anytime, read at {long:,}": plain(mode="anytime", n=long),
        }
        return cls(
            params=params,
            long=fixed_long,
            short=fixed_short,
            adaptive=usual,
            sharper=sharper,
            decide=decide,
        )


def measure(options: Namespace) -> Measured:
    """What is drawn, then what is simulated."""
    subject = open_subject(options)
    compared = Compared.of(subject.sigma, long=options.long, short=options.short)
    words, images = pictures(subject, options.data)
    fast = fastest_equal(subject, options)
    ours, theirs = fast.opened(best_wishes(options)), subject.opened(best_wishes(options))
    samplers = {
        compared.short: subject.sampler(theirs),
        compared.sharper: fast.sampler(ours),
        compared.decide: fast.sampler(ours),
    }
    drawn = draw(
        images,
        {name: (sampler, compared.params[name]) for name, sampler in samplers.items()},
        art={whose: subject.art(plain=plain) for whose, plain in LAYERS.items() if has_art()},
        art_images=options.art_images,
        art_n=options.short,
        seconds=options.seconds,
    )
    counts = options.counts or kept_counts(fast.card)
    origin, chances = _chances(drawn, compared, counts)
    worlds = _simulated(compared, chances, seeds=options.seeds, radius=subject.sigma / 2)
    text = f"""{explanation(__doc__)}

Alpha {ALPHA}, sigma {subject.sigma:g}, sound numerics; certified accuracy is at radius sigma / 2.

### Simulated

{len(chances)} images, {options.seeds} seeds, probabilities from {origin}. To each image's votes one
draw is added, shared by all classes: a class that won every draw need not have probability 1.

{_simulated_table(worlds, compared)}
### Drawn

{len(drawn.labels)} of the {words}. ART's are of the first
{min(options.art_images, len(drawn.labels))} of them: on timm's layers, as its users have it, and
on our faster ones.
Fixed is of the model that ART has, `{subject.card.id}`, by {theirs.info.summary}; the others
are of `{fast.card.id}`, by {ours.info.summary}. Seconds are for one certificate.

{_drawn_table(drawn, compared, options)}"""
    simulated = f"(simulated, {len(chances)} images)"
    return text, [
        *_targets(worlds, compared, simulated),
        *_against_art(drawn, worlds, compared, options, simulated),
    ]


def _chances(drawn: Drawn, compared: Compared, counts: Path | None) -> tuple[str, list[Chances]]:
    """Where the probabilities are from, in words, and those of each image."""
    if counts is not None:
        chances = read_counts(counts)
        mean = np.mean([each.votes for each in chances])
        return f"the counts in `{counts.name}` ({mean:,.0f} votes an image)", chances
    votes = [all_votes(each) for each in drawn.certificates[compared.short]]
    pairs = zip(votes, drawn.labels, strict=True)
    words = f"the votes of {compared.short} below, since there are no counts of an evaluation"
    return words, [estimated(each, label) for each, label in pairs]


def _simulated(
    compared: Compared, chances: Sequence[Chances], *, seeds: int, radius: float
) -> dict[str, list[Outcome]]:
    labels = [each.label for each in chances]
    worlds: dict[str, list[Outcome]] = {}
    for name, params in compared.params.items():
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            certificates = [simulate(params, each, random) for each in chances]
            worlds.setdefault(name, []).append(outcome(certificates, labels, radius=radius))
    return worlds


def _simulated_table(worlds: Mapping[str, Sequence[Outcome]], compared: Compared) -> str:
    fixed = [each.draws for each in worlds[compared.long]]
    rows = [
        (
            name,
            spread(draws := [each.draws for each in seeds], 0),
            spread(ratios(fixed, draws), 1),
            spread([each.radius for each in seeds], 4) if name != compared.decide else "",
            spread([100 * each.accuracy for each in seeds], 1),
        )
        for name, seeds in worlds.items()
    ]
    heading = ("simulated", "draws, mean", f"fewer than {compared.long}", "radius, mean")
    return table((*heading, "certified accuracy, %"), rows)


def _drawn_table(drawn: Drawn, compared: Compared, options: Namespace) -> str:
    rows = [
        (
            name,
            f"{np.mean([all_votes(each).total for each in certificates]):,.0f}",
            spread(drawn.seconds[name]),
            f"{np.mean(drawn.seconds[name]):.2f}",
            f"{drawn.mean_radius(name):.4f}" if name != compared.decide else "",
        )
        for name, certificates in drawn.certificates.items()
    ]
    rows += [
        (
            f"ART's certify, n = {options.short:,}, on {layers} layers",
            f"{N0 + options.short:,}",
            spread(seconds),
            f"{np.mean(seconds):.2f}",
            "",
        )
        for layers, seconds in drawn.art_seconds.items()
    ]
    return table(("drawn", "draws, mean", "seconds", "seconds, mean", "radius, mean"), rows)


def _targets(
    worlds: Mapping[str, Sequence[Outcome]], compared: Compared, simulated: str
) -> list[Target]:
    fixed, adaptive = worlds[compared.long], worlds[compared.adaptive]
    decide = worlds[compared.decide]
    draws = [each.draws for each in fixed]
    gaps = [abs(a.accuracy - b.accuracy) for a, b in zip(fixed, decide, strict=True)]
    return [
        at_least(
            f"draws, {compared.long} over {compared.adaptive} {simulated}",
            4.0,
            ratios(draws, [each.draws for each in adaptive]),
        ),
        at_least(
            f"mean radius, {compared.adaptive} over {compared.long} {simulated}",
            0.95,
            ratios([each.radius for each in adaptive], [each.radius for each in fixed]),
        ),
        at_least(
            f"draws, {compared.long} over {compared.decide} {simulated}",
            30.0,
            ratios(draws, [each.draws for each in decide]),
        ),
        Target(
            what=f"certified accuracy, {compared.decide} against {compared.long} {simulated}",
            wanted=f"within {100 * POINTS:g} points",
            measured=spread([100 * gap for gap in gaps], 2),
            met=float(np.median(gaps)) <= POINTS,
        ),
    ]


def _against_art(
    drawn: Drawn,
    worlds: Mapping[str, Sequence[Outcome]],
    compared: Compared,
    options: Namespace,
    simulated: str,
) -> list[Target]:
    of_drawn = f"(drawn, {len(drawn.labels)} images)"
    ours, art = compared.sharper, f"ART's with n = {options.short:,}"
    seconds = float(np.mean(drawn.seconds[ours]))
    art_seconds = {layers: drawn.art_seconds.get(layers, []) for layers in LAYERS}
    return [
        *(
            at_least(
                f"certificates/s, {ours} over {art}, on {layers} layers {of_drawn}",
                8.0,
                [float(np.mean(theirs)) / seconds] if theirs else [],
            )
            for layers, theirs in art_seconds.items()
        ),
        at_least(
            f"mean radius, {ours} over {compared.short}, whose rule is ART's {of_drawn}",
            1.0,
            [drawn.mean_radius(ours) / max(drawn.mean_radius(compared.short), 1e-9)],
        ),
        at_least(
            f"mean radius, {ours} over {compared.short}, whose rule is ART's {simulated}",
            1.0,
            ratios(
                [each.radius for each in worlds[ours]],
                [each.radius for each in worlds[compared.short]],
            ),
        ),
    ]


def _more(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--counts",
        type=Path,
        help="TABLE.counts.jsonl of an evaluation of the model; else those in bench/counts",
    )
    parser.add_argument("--seeds", type=int, default=5, help="of the simulation")
    parser.add_argument("--long", type=int, default=100_000, help="draws of the long procedures")
    parser.add_argument("--short", type=int, default=10_000, help="draws of ART and the short ones")
    parser.add_argument("--art-images", type=int, default=3, help="images that ART certifies")


PART = Part(
    name="procedures",
    title="Draws a certificate",
    seconds=220,
    rounds=0,
    measure=measure,
    more=_more,
    quick={"seeds": 1, "short": 150, "long": 5_000, "art_images": 1},
)

if __name__ == "__main__":
    PART.main()
