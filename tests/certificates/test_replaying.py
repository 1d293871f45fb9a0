"""Draws that are made again, held against the sums of a certificate."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from app.certificates.replaying import CHUNK, Range, Redrawn, choose, judge, noise_key
from app.certificates.schema import DOCUMENTS
from jobs.keys import commitment

RUNTIME = "eager 2.15.0"
SCHEME = "philox4x64-10/box-muller"


def by_chance(seed: int) -> random.Random:
    """The same each time."""
    return random.Random(seed)  # noqa: S311


def chances(document: dict[str, Any], seed: int) -> dict[str, list[str]]:
    """The votes of a certificate, one by one, in some order."""
    order = by_chance(seed)
    drawn = {}
    for phase, votes in document["counts"].items():
        drawn[phase] = [name for name, count in votes.items() for _ in range(count)]
        order.shuffle(drawn[phase])
    return drawn


def redraw(drawn: dict[str, list[str]], ranges: list[Range], *, runtime: str = RUNTIME) -> Redrawn:
    parts = [drawn[each.phase][each.start : each.stop] for each in ranges]
    votes = [{name: part.count(name) for name in set(part)} for part in parts]
    return Redrawn(runtime=runtime, noise_scheme=SCHEME, votes=votes)


@pytest.mark.parametrize("chunks", [1, 3, 11, 100])
def test_the_very_draws_agree_with_their_sums(
    make_document: Callable[..., Any], chunks: int
) -> None:
    document = make_document("fixed")
    read = DOCUMENTS.validate_python(document)

    for seed in range(20):
        ranges = choose(read, chunks, by_chance(seed))
        assert len(ranges) == min(chunks, 11)
        assert judge(read, ranges, redraw(chances(document, seed), ranges)).passed is True


def test_all_chunks_together_are_all_draws(make_document: Callable[..., Any]) -> None:
    read = DOCUMENTS.validate_python(make_document("decide, yes"))

    assert choose(read, 10, by_chance(0)) == [Range(phase="estimation", start=0, stop=64)]


def test_one_vote_that_was_moved_is_found_in_all_of_them(
    make_document: Callable[..., Any],
) -> None:
    document = make_document("fixed")
    honest = chances(document, 0)
    document["counts"]["estimation"] |= {"1": 986, "0": 11}
    read = DOCUMENTS.validate_python(document)
    ranges = choose(read, 11, by_chance(0))

    check = judge(read, ranges, redraw(honest, ranges))

    assert check.passed is False
    assert "class 1 has 985 of 1000 estimation draws, by the certificate 986" in check.detail


def test_a_few_chunks_find_votes_that_were_never_cast(make_document: Callable[..., Any]) -> None:
    """985 of 1000 votes claimed where 600 were cast: three chunks hold more misses than 15."""
    document = make_document("fixed")
    read = DOCUMENTS.validate_python(document)
    cast = {**chances(document, 1), "estimation": ["1"] * 600 + ["0"] * 400}
    by_chance(5).shuffle(cast["estimation"])
    ranges = [Range(phase="estimation", start=at, stop=at + CHUNK) for at in (0, 300, 700)]

    assert judge(read, ranges, redraw(cast, ranges)).passed is False


def test_another_runtime_is_no_proof_of_a_lie(make_document: Callable[..., Any]) -> None:
    document = make_document("fixed")
    read = DOCUMENTS.validate_python(document)
    cast = {**chances(document, 1), "estimation": ["0"] * 1000}
    ranges = choose(read, 11, by_chance(0))

    check = judge(read, ranges, redraw(cast, ranges, runtime="openvino 1"))

    assert check.passed is None
    assert "by openvino 1 and not by eager 2.15.0" in check.detail


def test_the_key_of_the_noise_follows_from_the_certificate_and_the_secret(
    make_document: Callable[..., Any],
) -> None:
    document = make_document("anytime, complete", secret=b"s" * 32)
    read = DOCUMENTS.validate_python(document)

    key = noise_key(document, read, b"s" * 32)

    assert key is not None
    assert commitment(key) == document["noise"]["commitment"]
    assert noise_key(document, read, b"t" * 32) is None
