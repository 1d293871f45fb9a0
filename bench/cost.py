"""What a certificate costs with more draws, with more images, and in memory.

Time is that of the model, by the fastest runtime of float32; ART's is on our faster layers. Memory
is the most that a process of its own had for one certificate, with a linear classifier in the
model's place, so that nothing but the draws is in it.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from functools import partial

from bench.memory import art_needs, available, peak_in_a_new_process
from bench.part import Measured, Part
from bench.peers import ALPHA, N0, has_art
from bench.report import Target, explanation, ratios, spread, table
from bench.rounds import interleaved, seconds_of
from bench.subject import Picture, best_wishes, open_subject, pictures
from smoothing import SmoothingParams
from smoothing.sampler import Sampler, certify

OURS, ART = "ours", "ART"
CONSTANT = 1.1
LADDER_SHARE, IMAGES_SHARE = 0.55, 0.2

Seconds = dict[str, tuple[float, ...]]


def measure(options: Namespace) -> Measured:
    """Draws, then images, then memory."""
    subject = open_subject(options)
    words, images = pictures(subject, options.data)
    opened = subject.opened(best_wishes(options))
    sampler = subject.sampler(opened)
    art = subject.art(plain=False) if has_art() else None

    def fixed(n: int) -> SmoothingParams:
        return SmoothingParams(sigma=subject.sigma, n0=N0, n=n, alpha=ALPHA)

    makers: dict[str, Callable[[int], object]] = {
        OURS: lambda n: _certificates(sampler, images[:1], fixed(n))
    }
    if art is not None:
        makers[ART] = lambda n: art.certify(images[0].tensor, n=n)
    draws = _ladder(makers, options)
    of_images = _by_images(sampler, images, fixed(options.n), options)
    memory = _memory(options)
    text = f"""{explanation(__doc__)}

Runtime: {opened.info.summary}. The first of the {words}; n0 = {N0}, alpha {ALPHA}.

### Draws

Seconds for one certificate; an n is left out where the budget did not allow it.

{_ladder_table(draws)}
### Images

Certificates one after the other, n = {options.n:,}.

{_images_table(of_images)}
### Memory

{_memory_table(memory)}"""
    return text, memory_targets(memory)


def _certificates(sampler: Sampler, images: list[Picture], params: SmoothingParams) -> None:
    for each in images:
        certify(sampler, each.tensor, key=each.key, params=params)


def _ladder(
    makers: Mapping[str, Callable[[int], object]], options: Namespace
) -> dict[int, Seconds]:
    """Seconds by n: interleaved rounds, as many as there is time for."""
    ends = time.perf_counter() + LADDER_SHARE * options.seconds
    found: dict[int, Seconds] = {}
    cost_of_a_draw = 0.0
    for n in options.ladder:
        left = ends - time.perf_counter()
        if found and (N0 + n) * cost_of_a_draw > left:
            break
        # The larger n are to have their share of the time too.
        found[n] = interleaved(
            {who: partial(seconds_of, partial(make, n)) for who, make in makers.items()},
            rounds=options.rounds,
            seconds=left / 4,
            warm_up=not found and not options.quick,
        )
        cost_of_a_draw = sum(min(values) for values in found[n].values()) / (N0 + n)
    return found


def _ladder_table(found: Mapping[int, Seconds]) -> str:
    beside = (ART, "ART / ours") if has_art() else ()
    heading = ("n", "rounds", OURS, "µs a draw, at best", *beside)
    rows: list[tuple[str, ...]] = []
    for n, seconds in found.items():
        ours = seconds[OURS]
        cells = (f"{n:,}", str(len(ours)), spread(ours), f"{1e6 * min(ours) / (N0 + n):,.0f}")
        if ART in seconds:
            cells = (*cells, spread(seconds[ART]), spread(ratios(seconds[ART], ours)))
        rows.append(cells)
    return table(heading, rows)


def _by_images(
    sampler: Sampler, images: list[Picture], params: SmoothingParams, options: Namespace
) -> Seconds:
    return interleaved(
        {
            str(count): partial(
                seconds_of, partial(_certificates, sampler, _so_many(images, count), params)
            )
            for count in options.images
        },
        rounds=options.rounds,
        seconds=IMAGES_SHARE * options.seconds,
        warm_up=False,
    )


def _so_many(images: list[Picture], count: int) -> list[Picture]:
    return (images * (count // len(images) + 1))[:count]


def _images_table(found: Seconds) -> str:
    rows = [
        (count, str(len(values)), spread(values), spread([each / int(count) for each in values], 3))
        for count, values in found.items()
    ]
    return table(("images", "rounds", "seconds", "seconds an image"), rows)


def _memory(options: Namespace) -> dict[int, dict[str, float]]:
    """MiB by n; without ART where it is not installed, or n would not fit into the machine."""
    found: dict[int, dict[str, float]] = {}
    for n in options.memory:
        found[n] = {OURS: peak_in_a_new_process(OURS, n)}
        if has_art() and art_needs(n) < available():
            found[n][ART] = peak_in_a_new_process(ART, n)
    return found


def _memory_table(memory: Mapping[int, Mapping[str, float]]) -> str:
    rows = [
        (f"{n:,}", f"{peaks[OURS]:,.0f}", f"{peaks[ART]:,.0f}" if ART in peaks else "")
        for n, peaks in memory.items()
    ]
    return table(("n", "ours, MiB at most", "ART, MiB at most"), rows)


def memory_targets(memory: Mapping[int, Mapping[str, float]]) -> list[Target]:
    """Ours is to be the same at the largest n as at the smallest; ART's is told beside it."""
    few, many = min(memory), max(memory)
    growth = memory[many][OURS] / memory[few][OURS]
    with_art = [n for n in memory if ART in memory[n]]
    theirs = ""
    if with_art:
        most = max(with_art)
        theirs = f"; ART's {memory[most][ART] / memory[min(with_art)][ART]:.2f} at {most:,}"
    return [
        Target(
            what=f"memory at n = {many:,} over n = {few:,}",
            wanted=f"constant, at most {CONSTANT:g}",
            measured=f"{growth:.2f}{theirs}",
            met=growth <= CONSTANT,
        )
    ]


def _more(parser: ArgumentParser) -> None:
    ladder = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
    memory = [100, 1_000, 10_000, 100_000]
    parser.add_argument("--ladder", type=int, nargs="+", default=ladder, help="n, rising")
    parser.add_argument("--images", type=int, nargs="+", default=[1, 4, 16], help="how many")
    parser.add_argument("--n", type=int, default=1_000, help="of each of several images")
    parser.add_argument("--memory", type=int, nargs="+", default=memory, help="n, for memory")


PART = Part(
    name="cost",
    title="Cost against draws, images and memory",
    seconds=160,
    measure=measure,
    more=_more,
    quick={"ladder": [20, 40], "images": [1, 2], "n": 20, "memory": [20]},
)

if __name__ == "__main__":
    PART.main()
