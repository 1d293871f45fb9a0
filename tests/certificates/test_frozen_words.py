"""The words of a schema version never change: certificates of it would stop to verify."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from jobs.document import SCHEMA_VERSION
from tests.certificates.conftest import of_schema_2

FROZEN = {2: "cde29dca2696a867", 3: "305d7f7fb056d042"}


def test_the_words_of_a_certificate_belong_to_its_schema_version(
    make_document: Callable[..., Any], cases: tuple[str, ...]
) -> None:
    """Other words need another `jobs.document.SCHEMA_VERSION`, and a line here.

    The words are recomputed where a certificate is verified or served. So with other words of the
    same version, all that were issued before are "invalid", and those in the store are no longer
    handed out.
    """
    documents = [make_document(name, attempts=n) for name in cases for n in (1, 2)]

    assert words(documents) == FROZEN[SCHEMA_VERSION]
    assert words([of_schema_2(document) for document in documents]) == FROZEN[2]


def words(documents: Iterable[dict[str, Any]]) -> str:
    """A digest of what documents say."""
    said = [(each["statement"], each["abstention"]) for each in documents]
    return sha256(repr(said).encode()).hexdigest()[:16]
