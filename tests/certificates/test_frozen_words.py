"""The words of a schema version never change: certificates of it would stop to verify."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from jobs.document import SCHEMA_VERSION

FROZEN = {2: "cde29dca2696a867"}


def test_the_words_of_a_certificate_belong_to_its_schema_version(
    make_document: Callable[..., Any], cases: tuple[str, ...]
) -> None:
    """Other words need another `jobs.document.SCHEMA_VERSION`, and a line here.

    The words are recomputed where a certificate is verified or served. So with other words of the
    same version, all that were issued before are "invalid", and those in the store are no longer
    handed out.
    """
    documents = [make_document(name, attempts=n) for name in cases for n in (1, 2)]
    words = [(each["statement"], each["abstention"]) for each in documents]

    assert FROZEN[SCHEMA_VERSION] == sha256(repr(words).encode()).hexdigest()[:16]
