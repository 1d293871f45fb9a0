"""Certificates of every mode and outcome, and keys to sign them with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.certificates.jws import Signed, sign
from app.certificates.keys import Key, Keys, new_key
from app.certificates.verification import verify
from jobs import keys as job_keys
from jobs.document import Making, certificate_document
from jobs.record import ImageRef, JobSpec, Maker
from smoothing import Phase, SmoothingParams, Votes, replay
from tests.embedded.conftest import service  # noqa: F401 - a fixture
from tests.jobs.conftest import IMAGE as PLAIN_IMAGE
from tests.jobs.conftest import MODEL

IMAGE = replace(
    PLAIN_IMAGE,
    preprocessing={"resize": "bicubic, antialiased, float64", "resized_to": [10, 8]},
)
ISSUED_AT = 1_800_000_004.5

SURE = Votes(counts=(1, 999, 0))
TORN = Votes(counts=(500, 500, 0))
PILOT = {Phase.SELECTION: Votes(counts=(1, 99, 0))}
CASES: dict[str, tuple[dict[str, Any], dict[Phase, Votes]]] = {
    "fixed": ({"n": 1000}, {**PILOT, Phase.ESTIMATION: Votes(counts=(12, 985, 1), invalid=2)}),
    "fixed, runner-up": (
        {"n": 1000, "bound": "runner-up", "family_size": 10},
        {**PILOT, Phase.ESTIMATION: Votes(counts=(200, 700, 90), invalid=10)},
    ),
    "fixed, fast": ({"n": 1000, "numerics": "fast"}, {**PILOT, Phase.ESTIMATION: SURE}),
    "fixed, abstained": ({"n": 1000}, {**PILOT, Phase.ESTIMATION: TORN}),
    "fixed, all invalid": ({"n": 1000}, {Phase.SELECTION: Votes(counts=(0, 0, 0), invalid=100)}),
    "adaptive, hopeless": (
        {"mode": "adaptive", "n": 1000},
        {Phase.SELECTION: Votes(counts=(48, 40, 40))},
    ),
    "decide, yes": (
        {"mode": "decide", "radius": 0.1, "n": 2000},
        {Phase.ESTIMATION: Votes(counts=(0, 64, 0))},
    ),
    "decide, no": (
        {"mode": "decide", "radius": 0.4, "n": 2000},
        {Phase.ESTIMATION: Votes(counts=(32, 32, 0))},
    ),
    "anytime, early": ({"mode": "anytime", "n": 2000}, {Phase.ESTIMATION: SURE}),
    "anytime, torn": ({"mode": "anytime", "n": 2000}, {Phase.ESTIMATION: TORN}),
    "anytime, complete": (
        {"mode": "anytime", "n": 1000, "family_size": 3},
        {Phase.ESTIMATION: SURE},
    ),
    "predict": ({"mode": "predict", "n": 1000}, {Phase.ESTIMATION: SURE}),
    "predict, torn": ({"mode": "predict", "n": 1000}, {Phase.ESTIMATION: TORN}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """A key, those who trust it, documents signed by it, and what these think of a text."""

    key: Key
    keys: Keys

    def sign(self, document: dict[str, Any]) -> Signed:
        return sign(document, self.key)

    def outcome(self, text: bytes) -> str:
        return verify(text, self.keys).outcome

    def failed(self, text: bytes, *, keys: Keys | None = None) -> set[str]:
        """The checks that it fails."""
        checks = verify(text, self.keys if keys is None else keys).checks
        return {check.name for check in checks if check.passed is False}


def _document(
    name: str, *, attempts: int = 2, image: ImageRef = IMAGE, secret: bytes = bytes(32)
) -> dict[str, Any]:
    asked, tally = CASES[name]
    params = SmoothingParams(sigma=0.25, **asked)
    spec = JobSpec(
        id=job_keys.new_job_id(),
        model=MODEL,
        image=image,
        params=params,
        request_digest=job_keys.request_digest(MODEL, image, params),
        created_at=ISSUED_AT - 10,
        deadline_at=ISSUED_AT + 600,
        chunk_size=10,
        tenant="local",
    )
    making = Making(
        key_commitment=job_keys.commitment(job_keys.job_key(secret, spec.request_digest)),
        makers=(Maker(runtime="eager 2.15.0", noise_scheme="philox4x64-10/box-muller"),),
        versions={"python": "3.11", "torch": "2.15.0"},
        started_at=ISSUED_AT - 4.5,
        finished_at=ISSUED_AT,
        attempts=attempts,
    )
    return certificate_document(spec, replay(params, 3, tally), making)


def of_schema_2(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it was written when parameters in its words had six digits."""
    words = document["statement"].replace("0.0003333333333333333", "0.000333333")
    return document | {"schema_version": 2, "statement": words}


def of_schema_1(document: dict[str, Any]) -> dict[str, Any]:
    """And before the questions about an image were counted."""
    counted = " By then the service had been asked at least 2 different questions"
    words = of_schema_2(document)["statement"].partition(counted)[0]
    old = {name: value for name, value in document.items() if name != "attempts"}
    return old | {"schema_version": 1, "statement": words}


@pytest.fixture(scope="session")
def make_document() -> Callable[..., dict[str, Any]]:
    """A genuine certificate of a case, by its name in CASES."""
    return _document


@pytest.fixture(scope="session")
def cases() -> tuple[str, ...]:
    """The names of CASES."""
    return tuple(CASES)


@pytest.fixture(scope="session", params=CASES)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A genuine certificate of each case."""
    return _document(request.param)


@pytest.fixture(scope="session")
def signing() -> Signing:
    """A key and its public half."""
    key = new_key(now=ISSUED_AT - 1000)
    return Signing(key=key, keys={key.kid: key})
