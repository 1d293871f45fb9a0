"""What verification says of genuine certificates, of copies, and of what is none."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates import verification
from app.certificates.canonical import MAX_BYTES, b64encode, canonical, written
from app.certificates.jws import TYPE
from app.certificates.keys import ALGORITHM
from app.certificates.verification import REFORMATTED, verify
from tests.certificates.conftest import of_schema_1, of_schema_2


def test_a_genuine_certificate_of_any_mode_verifies_in_both_forms(
    document: dict[str, Any], signing: Any
) -> None:
    signed = signing.sign(document)

    for text in (signed.document(), signed.compact()):
        report = verify(text, signing.keys)
        assert report.outcome == "valid", report
        assert report.statement == document["statement"]
    names = [check.name for check in report.checks]
    assert names == ["form", "signature", "schema", "counts", "claim", "figures", "words"]


def test_certificates_of_earlier_schemas_still_verify(
    document: dict[str, Any], signing: Any
) -> None:
    oldest = of_schema_1(document)

    assert signing.outcome(signing.sign(of_schema_2(document)).document()) == "valid"
    assert signing.outcome(signing.sign(oldest).document()) == "valid"
    assert signing.failed(signing.sign(oldest | {"attempts": 1}).document()) == {"schema"}


def test_a_probability_is_written_with_all_its_digits(
    make_document: Callable[..., Any], signing: Any
) -> None:
    """A third of 0.001 is above 0.000333333."""
    document = make_document("anytime, complete")
    rounded = of_schema_2(document) | {"schema_version": 3}

    assert "Except with probability 0.0003333333333333333 over" in document["statement"]
    assert signing.failed(signing.sign(rounded).document()) == {"words"}


def test_equal_documents_get_equal_signatures(document: dict[str, Any], signing: Any) -> None:
    assert signing.sign(document) == signing.sign(dict(reversed(document.items())))


def test_a_retired_key_vouches_for_what_it_signed_before(
    make_document: Callable[..., Any], signing: Any
) -> None:
    signed = signing.sign(make_document("fixed")).document()
    issued_at = 1_800_000_004

    def with_key_retired_at(moment: int) -> Any:
        key = replace(signing.key, retired_at=moment, d=None)
        return verify(signed, {key.kid: key})

    assert with_key_retired_at(issued_at + 1).outcome == "valid"
    assert "retired since" in with_key_retired_at(issued_at + 1).checks[1].detail
    late = with_key_retired_at(issued_at - verification.CLOCK_SKEW_S - 1)
    assert [check.name for check in late.checks if check.passed is False] == ["signature"]


def test_no_claim_is_repeated_for_which_nobody_vouches(
    make_document: Callable[..., Any], signing: Any
) -> None:
    """Nor one of which something is wrong, such as another image."""
    document = make_document("fixed")
    genuine = signing.sign(document).document()
    forged = genuine.replace(b'"draws_per_s":', b'"draws_per_s":1')

    assert verify(genuine, signing.keys).as_json()["statement"] == document["statement"]
    for report in (
        verify(forged, signing.keys),
        verify(genuine, None),
        verify(written(document), signing.keys),
        verify(genuine, signing.keys, image=b"another file"),
    ):
        assert report.as_json()["statement"] is None


def test_what_a_forgery_says_moves_no_cursor(
    make_document: Callable[..., Any], signing: Any
) -> None:
    up_and_over = "\x1b[1A\x1b[2KVALID"
    signed = signing.sign(make_document("fixed") | {up_and_over: 1, "mode": up_and_over})
    header = {"alg": ALGORITHM, "kid": up_and_over, "typ": TYPE}
    forged = replace(signed, protected=b64encode(canonical(header)))

    details = [check.detail for check in verify(forged.document(), signing.keys).checks]

    assert any("VALID" in detail for detail in details[1:])
    assert all(map(str.isprintable, details))


def test_another_layout_is_called_reformatted_and_can_be_restored(
    document: dict[str, Any], signing: Any
) -> None:
    exact = signing.sign(document).document()
    for text in (
        json.dumps(json.loads(exact), indent=2).encode(),
        json.dumps(json.loads(exact)).encode(),
        exact + b"\n",
        b"\n" + exact,
        exact.rstrip(),
        exact.replace(b"\n", b"\r\n"),
    ):
        report = verify(text, signing.keys)
        assert signing.failed(text) == {"form"}
        assert report.checks[0].detail == REFORMATTED
        assert verification.read(text).rewritten() == exact


def test_an_unsigned_document_is_neither_valid_nor_invalid(
    document: dict[str, Any], signing: Any
) -> None:
    report = verify(written(document), signing.keys)

    assert report.outcome == "unchecked"
    assert [check.name for check in report.checks if check.passed is None] == ["signature"]


def test_without_a_key_everything_but_the_signature_is_checked(
    document: dict[str, Any], signing: Any
) -> None:
    assert verify(signing.sign(document).document(), None).outcome == "unchecked"
    assert verify(signing.sign(document | {"radius": 9}).document(), None).outcome == "invalid"


@settings(max_examples=50)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_it_fall_over(signing: Any, content: bytes) -> None:
    assert signing.outcome(content) == "invalid" or content.strip().startswith(b"{")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff{}",
        b"\xef\xbb\xbf{}",
        b'{"a":1e400}',
        b'{"a":NaN}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":12345678901234567890}',
        b'{"a":"\\ud800"}',
        b'{"signature":{}}',
        b'{"signature":{"protected":"","signature":"","header":{}}}',
        b"..",
        b"a.b.c.d",
        b"{}" + b" " * MAX_BYTES,
    ],
)
def test_what_is_no_certificate_is_said_to_be_none(signing: Any, text: bytes) -> None:
    assert signing.outcome(text) == "invalid"


@pytest.mark.parametrize("figure", [{"spectral_norm": 5e-324}, {"rounding_slack": 1e308}])
def test_figures_beyond_all_bounds_are_no_certificate(
    make_document: Callable[..., Any], signing: Any, figure: dict[str, float]
) -> None:
    document = make_document("fixed")
    image = document["image"] | figure

    assert signing.failed(signing.sign(document | {"image": image}).document()) == {"schema"}
