"""Drawing again what a certificate counts: for who holds the secret that its noise is made of.

A certificate holds the sums of its votes, and the service forgets the rest of them. So chunks
chosen at random are drawn again and held against the sums: no class can have more votes in some
draws than in all of them, nor fewer than the others leave, and a random part of the draws is like
the whole. With all chunks drawn again, the sums must be equal.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from app.certificates.proof import params_of
from app.certificates.report import Check
from app.certificates.schema import Document
from jobs.keys import commitment, job_key, request_digest
from jobs.record import ModelRef
from smoothing.votes import INVALID

CHUNK = 100
"""Draws in a chunk."""

FALSE_ALARM = 1e-6
"""Probability that a genuine certificate is called a forgery, over the choice of the chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Draws [start, stop) of one phase."""

    phase: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrawn:
    """What came out.

    Attributes:
        runtime: What ran the model.
        noise_scheme: How the noise was made.
        votes: Of each range, sparse.
    """

    runtime: str
    noise_scheme: str
    votes: Sequence[Mapping[str, int]]


def noise_key(document: dict[str, Any], read: Document, secret: bytes) -> bytes | None:
    """The key of a certificate's noise; None where it was made from another secret.

    Args:
        document: The certificate.
        read: The same, checked.
        secret: Of the service, 32 bytes.
    """
    model = ModelRef(
        id=read.model.id,
        weights_sha256=read.model.weights_sha256,
        precision=read.model.precision,
        num_classes=read.model.num_classes,
        labels=("",) * read.model.num_classes,
        function_sha256=read.model.function_sha256,
    )
    key = job_key(secret, request_digest(model, read.image.ref(), params_of(document)))
    return key if commitment(key) == read.noise.commitment else None


def choose(read: Document, chunks: int, source: random.Random) -> list[Range]:
    """Some of the chunks of a certificate's draws, by chance; all of them if there are no more."""
    every = [
        Range(phase=phase, start=start, stop=min(start + CHUNK, total))
        for phase, votes in read.counts.items()
        for total in [sum(votes.values())]
        for start in range(0, total, CHUNK)
    ]
    return source.sample(every, min(chunks, len(every)))


def judge(read: Document, ranges: Sequence[Range], redrawn: Redrawn) -> Check:
    """Whether what was drawn again is like what the certificate counts."""
    wrong = [
        told
        for phase, votes in read.counts.items()
        for told in _of_phase(phase, votes, ranges, redrawn)
    ]
    draws = sum(each.stop - each.start for each in ranges)
    made_alike = (redrawn.runtime, redrawn.noise_scheme) == (read.model.runtime, read.noise.scheme)
    detail = f"{draws} draws in {len(ranges)} chunks made again"
    if not made_alike:
        detail += (
            f", by {redrawn.runtime} and not by {read.model.runtime}: draws whose first two "
            "classes almost tie may come out otherwise"
        )
    if not wrong:
        return Check(name="replay", passed=True, detail=f"{detail}; they agree with the counts")
    return Check(
        name="replay",
        passed=False if made_alike else None,
        detail=f"{detail}; {'; '.join(wrong)}",
    )


def _of_phase(
    phase: str, votes: Mapping[str, int], ranges: Sequence[Range], redrawn: Redrawn
) -> list[str]:
    found: dict[str, int] = {}
    for each, sparse in zip(ranges, redrawn.votes, strict=True):
        for name, count in sparse.items() if each.phase == phase else ():
            found[name] = found.get(name, 0) + count
    total, drawn = sum(votes.values()), sum(found.values())
    names = {*votes, *found}
    return [
        f"{_of(name)} has {found.get(name, 0)} of {drawn} {phase} draws, by the certificate "
        f"{votes.get(name, 0)} of {total}"
        for name in sorted(names)
        if not _credible(found.get(name, 0), drawn, votes.get(name, 0), total, len(names))
    ]


def _credible(seen: int, drawn: int, counted: int, total: int, names: int) -> bool:
    from scipy import stats  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    if not counted - (total - drawn) <= seen <= min(counted, drawn):
        return False
    law = cast(Any, stats).hypergeom(total, counted, drawn)
    least = FALSE_ALARM / (4 * names)  # two tails, in each of two phases
    return bool(law.cdf(seen) >= least and law.sf(seen - 1) >= least)


def _of(name: str) -> str:
    return "no class" if name == INVALID else f"class {name}"
