"""The chaos run notices what is wrong, and a short one finds nothing."""

import os
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from app.client import Certificate
from bench import chaos
from bench.chaos import Found, targets_of
from bench.chaos_jobs import Ask, Life, asks
from bench.chaos_kills import Kill, pids

ASK = Ask(
    number=1,
    fields={"mode": "fixed", "n": 100},
    due_s=0.0,
    key="0" * 8,
    twice=False,
    cancel_s=None,
)


def life(**seen: object) -> Life:
    return Life(**{"ask": ASK, "ids": {"a"}, "state": "succeeded", "sha256": "0", **seen})


GOOD = Found(
    lives=[life(), life(state="cancelled", sha256=None)],
    kills=[Kill(part="web", under_way=1)],
    lost=[],
    strangers=[],
    differences=[],
    exact=1,
)


def missed(found: Found) -> list[str]:
    return [target.what for target in targets_of(found, len(found.lives)) if not target.met]


def test_jobs_that_succeeded_or_were_cancelled_are_as_they_should_be():
    assert missed(GOOD) == []


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (replace(GOOD, lives=[life(state="running")]), "jobs that are in no terminal state"),
        (replace(GOOD, lives=[life(state=None)]), "jobs that are in no terminal state"),
        (replace(GOOD, lives=[life(state="failed")]), "jobs that failed or expired"),
        (replace(GOOD, lives=[life(ids={"a", "b"})]), "Idempotency-Keys with more than one job"),
        (replace(GOOD, lost=[life()]), "certificates lost or changed after their 200"),
        (replace(GOOD, differences=["counts"]), "certificates with other votes than drawn here"),
        (replace(GOOD, strangers=["b"]), "jobs that only the store knows, or only a client"),
        (
            replace(GOOD, lives=[life(faults=["submission: 500"])]),
            "jobs of which a client saw anything undocumented",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_is_wrong_is_noticed(found: Found, what: str):
    assert missed(found) == [what]


def test_what_nothing_was_seen_of_is_not_shown():
    nothing = replace(GOOD, lives=[life(state="cancelled", sha256=None)], exact=0)

    assert missed(nothing) == [
        "certificates with other votes than drawn here",
        "certificates lost or changed after their 200",
    ]


def test_jobs_have_keys_and_pictures_of_their_own_and_all_modes():
    found = list(asks(100, 60.0, random.Random(1)))  # noqa: S311

    assert len({ask.key for ask in found}) == len({ask.image for ask in found}) == 100
    assert {ask.fields["mode"] for ask in found} == {
        "fixed",
        "adaptive",
        "decide",
        "anytime",
        "predict",
    }
    assert 0 < sum(ask.cancel_s is not None for ask in found) < 30


def test_only_descendants_are_found():
    with subprocess.Popen([sys.executable, "-c", "input('a word to find')"], stdin=-1) as child:
        found = pids(os.getpid(), "a word to find")
        child.kill()

    assert found == [child.pid]
    assert pids(child.pid, "a word to find") == []


def test_the_page_says_what_was_killed_and_what_went_wrong():
    served = Certificate(verdict="certified", label="cat", radius=0.1, document={}, content=b"")
    found = replace(
        GOOD, lives=[life(certificate=served, faults=["reading: 500"])], differences=["job 1: odd"]
    )

    text = chaos.text_of(found, "1.0, 1.0, 1.0")

    assert "| web | 1 |" in text
    assert "* job 1: odd\n* reading: 500\n" in text


@pytest.mark.nightly
@pytest.mark.redis
@pytest.mark.timeout(600)
def test_a_short_run_finds_nothing_wrong():
    options = chaos.options_of(["--minutes", "0.5", "--jobs", "30", "--kill-every", "5"])

    found = chaos.run(options)

    assert missed(found) == []
    assert found.kills
