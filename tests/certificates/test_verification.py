"""A genuine certificate verifies in both forms, and nothing else does."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates import verification
from app.certificates.canonical import MAX_BYTES, b64encode, canonical, parse, written
from app.certificates.jws import ALGORITHM, TYPE, sign
from app.certificates.keys import new_key
from app.certificates.verification import REFORMATTED, verify

NUMBERS = ("radius", "p_lower", "sigma", "alpha", "n", "attempts")


def failed(report: Any) -> set[str]:
    return {check.name for check in report.checks if check.passed is False}


def outcome(text: bytes, signing: Any) -> str:
    return verify(text, signing.keys).outcome


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


def test_a_certificate_of_schema_1_still_verifies(document: dict[str, Any], signing: Any) -> None:
    sentence = " By then the service had been asked at least 2 different questions"
    old = {name: value for name, value in document.items() if name != "attempts"}
    old |= {"schema_version": 1, "statement": document["statement"].partition(sentence)[0]}

    assert outcome(signing.sign(old).document(), signing) == "valid"
    assert failed(verify(signing.sign(old | {"attempts": 1}).document(), signing.keys)) == {
        "schema"
    }


def test_equal_documents_get_equal_signatures(document: dict[str, Any], signing: Any) -> None:
    assert signing.sign(document) == signing.sign(dict(reversed(document.items())))


@pytest.mark.parametrize("form", ["document", "compact"])
def test_one_flipped_bit_anywhere_is_noticed(
    make_document: Callable[..., Any], signing: Any, form: str
) -> None:
    """One bit in every byte, a different one from byte to byte."""
    signed = signing.sign(make_document("fixed"))
    text = getattr(signed, form)()

    passed = [
        at
        for at in range(len(text))
        for flipped in [bytes([text[at] ^ (1 << at % 8)])]
        if outcome(text[:at] + flipped + text[at + 1 :], signing) != "invalid"
    ]

    assert passed == []


def test_a_byte_too_many_or_too_few_is_noticed(
    make_document: Callable[..., Any], signing: Any
) -> None:
    signed = signing.sign(make_document("predict"))
    for text in (signed.document(), signed.compact()):
        for cut in range(0, len(text), 7):
            assert outcome(text[:cut] + text[cut + 1 :], signing) == "invalid"
            assert outcome(text[:cut] + b" " + text[cut:], signing) == "invalid"
        for tail in (b"\n", b"\0", b" ", b"}"):
            assert outcome(text + tail, signing) == "invalid"


@settings(max_examples=50)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_it_fall_over(signing: Any, content: bytes) -> None:
    assert outcome(content, signing) == "invalid" or content.strip().startswith(b"{")


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from paths(member, (*path, name))
    elif isinstance(value, list):
        for at, member in enumerate(value):
            yield from paths(member, (*path, at))
    else:
        yield path


def changed(document: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    copy = json.loads(json.dumps(document))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = change(inner[path[-1]])
    return copy


def other(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int | float):
        return value + 1
    return "0" * 64 if len(value) == 64 else value + "x"


def test_no_value_can_be_changed_under_a_signature(
    make_document: Callable[..., Any], signing: Any
) -> None:
    for name in ("fixed", "decide, yes", "anytime, early"):
        document = make_document(name)
        signed = signing.sign(document)
        member = json.loads(signed.document())["signature"]
        for path in paths(document):
            forged = changed(document, path, other) | {"signature": member}
            assert "signature" in failed(verify(written(forged), signing.keys)), path


GIVEN = {"draws_per_s", "duration_s", "issued_at", "image", "model", "noise", "versions"}
"""Facts that no arithmetic can check: the signature vouches for them, and evidence can."""


def test_a_service_that_signs_a_lie_is_caught_by_arithmetic(
    document: dict[str, Any], signing: Any
) -> None:
    """Every figure and word that follows from the counts, changed before it is signed."""
    for path in paths(document):
        if path[0] in GIVEN and path != ("noise", "total_variation"):
            continue
        lie = changed(document, path, other)
        found = failed(verify(signing.sign(lie).document(), signing.keys))
        assert found, path
        assert "signature" not in found


def test_more_votes_for_the_class_make_a_radius_that_is_noticed(
    make_document: Callable[..., Any], signing: Any
) -> None:
    lie = make_document("fixed")
    lie["counts"]["estimation"] |= {"1": 990, "0": 7}

    assert failed(verify(signing.sign(lie).document(), signing.keys)) == {
        "claim",
        "figures",
        "words",
    }


def test_a_signature_of_another_document_is_none_of_this_one(
    make_document: Callable[..., Any], signing: Any
) -> None:
    one, two = (signing.sign(make_document(name)) for name in ("fixed", "anytime, early"))
    forged = replace(one, protected=two.protected, signature=two.signature)

    for text in (forged.document(), forged.compact()):
        assert failed(verify(text, signing.keys)) == {"signature"}


def test_a_forger_s_key_is_not_trusted(document: dict[str, Any], signing: Any) -> None:
    forger = new_key(now=0)
    forged = sign(document, forger)
    as_ours = replace(forged, protected=signing.sign(document).protected)

    assert failed(verify(forged.compact(), signing.keys)) == {"signature"}
    assert failed(verify(as_ours.compact(), signing.keys)) == {"signature"}
    assert failed(verify(forged.document(), {})) == {"signature"}


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
    assert failed(with_key_retired_at(issued_at - verification.CLOCK_SKEW_S - 1)) == {"signature"}


def header(**members: Any) -> str:
    return b64encode(canonical(members))


@pytest.mark.parametrize(
    "make",
    [
        lambda kid: header(alg="none", kid=kid, typ=TYPE),
        lambda kid: header(alg="HS256", kid=kid, typ=TYPE),
        lambda kid: header(alg="EdDSA", kid=kid, typ=TYPE),
        lambda kid: header(alg=ALGORITHM, kid=kid, typ="JWT"),
        lambda kid: header(alg=ALGORITHM, kid=kid, typ=TYPE, crit=["b64"], b64=False),
        lambda kid: header(alg=ALGORITHM, kid=kid, typ=TYPE, jwk={"kty": "OKP"}),
        lambda _: header(alg=ALGORITHM, typ=TYPE),
        lambda kid: header(alg=ALGORITHM, kid=[kid], typ=TYPE),
        lambda kid: b64encode(json.dumps({"alg": ALGORITHM, "kid": kid, "typ": TYPE}).encode()),
        lambda _: b64encode(b"[]"),
        lambda _: "",
    ],
)
def test_other_headers_are_refused(
    make_document: Callable[..., Any], signing: Any, make: Callable[[str], str]
) -> None:
    """Also where the signature is right for them: the key signs whatever it is given."""
    signed = signing.sign(make_document("predict"))
    protected = make(signing.key.kid)
    message = f"{protected}.{b64encode(signed.payload)}".encode()
    signature = b64encode(signing.key.signer().private_key.sign(message))
    forged = replace(signed, protected=protected, signature=signature)

    for text in (forged.compact(), forged.document()):
        assert failed(verify(text, signing.keys)) == {"signature"}


def test_the_public_key_is_no_secret_of_a_mac(
    make_document: Callable[..., Any], signing: Any
) -> None:
    import hashlib
    import hmac

    signed = signing.sign(make_document("predict"))
    protected = header(alg="HS256", kid=signing.key.kid, typ=TYPE)
    message = f"{protected}.{b64encode(signed.payload)}".encode()
    mac = hmac.new(signing.key.x.encode(), message, hashlib.sha256).digest()
    forged = replace(signed, protected=protected, signature=b64encode(mac))

    assert failed(verify(forged.compact(), signing.keys)) == {"signature"}


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
        assert failed(report) == {"form"}
        assert report.checks[0].detail == REFORMATTED
        assert verification.read(text).rewritten() == exact


def test_two_members_of_one_name_are_refused(
    make_document: Callable[..., Any], signing: Any
) -> None:
    text = signing.sign(make_document("fixed")).document()
    twice = text.replace(b'{"abstention":', b'{"radius":9,"abstention":', 1)

    report = verify(twice, signing.keys)

    assert failed(report) == {"form"}
    assert "'radius' is there twice" in report.checks[0].detail


def test_a_member_that_no_certificate_has_is_refused_though_signed(
    document: dict[str, Any], signing: Any
) -> None:
    signed = signing.sign(document | {"note": "trust me"})

    assert failed(verify(signed.document(), signing.keys)) == {"schema"}


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


def test_a_payload_that_is_signed_but_not_canonical_is_refused(
    make_document: Callable[..., Any], signing: Any
) -> None:
    loose = json.dumps(make_document("fixed")).encode()
    protected = signing.sign({}).protected
    message = f"{protected}.{b64encode(loose)}".encode()
    signature = b64encode(signing.key.signer().private_key.sign(message))

    assert failed(verify(message + b"." + signature.encode(), signing.keys)) == {"form"}


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
    assert outcome(text, signing) == "invalid"


def test_numbers_keep_their_value_in_canonical_form(document: dict[str, Any]) -> None:
    again = parse(canonical(document))

    assert again == document
    assert canonical(again) == canonical(document) == rfc8785.dumps(document)


@settings(max_examples=50)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_canonical_form(value: float) -> None:
    assert float(parse(canonical({"x": value}))["x"]) == value


def test_the_examples_of_rfc_8785_come_out_as_there() -> None:
    """Sections 3.2.2 and 3.2.3, and numbers of appendix B."""
    value = parse(
        rb'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        rb'"string":"\u20ac$\u000F\u000aA'
        rb"'"
        rb'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )
    sorted_by_utf16 = parse(
        rb'{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh"'
        rb',"1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control",'
        rb'"\u00f6":"Latin Small Letter O With Diaeresis"}'
    )

    assert (
        canonical(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )
    assert list(parse(canonical(sorted_by_utf16)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
    numbers = [
        0.0,
        -0.0,
        5e-324,
        1.7976931348623157e308,
        9007199254740992.0,
        295147905179352830000.0,
    ]
    assert canonical(numbers) == (
        b"[0,0,5e-324,1.7976931348623157e+308,9007199254740992,295147905179352830000]"
    )
