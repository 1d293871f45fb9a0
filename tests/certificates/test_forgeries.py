"""Whatever is changed in a certificate, or signed in another way, is noticed."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.certificates.canonical import b64encode, canonical, written
from app.certificates.jws import TYPE, sign
from app.certificates.keys import ALGORITHM, new_key


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
        if signing.outcome(text[:at] + flipped + text[at + 1 :]) != "invalid"
    ]

    assert passed == []


def test_a_byte_too_many_or_too_few_is_noticed(
    make_document: Callable[..., Any], signing: Any
) -> None:
    signed = signing.sign(make_document("predict"))
    for text in (signed.document(), signed.compact()):
        for cut in range(0, len(text), 7):
            assert signing.outcome(text[:cut] + text[cut + 1 :]) == "invalid"
            assert signing.outcome(text[:cut] + b" " + text[cut:]) == "invalid"
        for tail in (b"\n", b"\0", b" ", b"}"):
            assert signing.outcome(text + tail) == "invalid"


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
            assert "signature" in signing.failed(written(forged)), path


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
        found = signing.failed(signing.sign(lie).document())
        assert found, path
        assert "signature" not in found


def test_more_votes_for_the_class_make_a_radius_that_is_noticed(
    make_document: Callable[..., Any], signing: Any
) -> None:
    lie = make_document("fixed")
    lie["counts"]["estimation"] |= {"1": 990, "0": 7}

    assert signing.failed(signing.sign(lie).document()) == {
        "claim",
        "figures",
        "words",
    }


def test_sound_noise_is_believed_only_where_it_is_proved(
    make_document: Callable[..., Any], signing: Any
) -> None:
    """At sigma 1/4 the bound for 3 x 416 x 416 numbers is above the 1e-7 that is paid."""
    document = make_document("fixed, abstained")

    def failed(size: int) -> set[str]:
        image = document["image"] | {"shape": [3, size, size]}
        return signing.failed(signing.sign(document | {"image": image}).document())

    assert failed(400) == set()
    assert failed(416) == {"counts"}


def test_a_member_that_no_certificate_has_is_refused_though_signed(
    document: dict[str, Any], signing: Any
) -> None:
    signed = signing.sign(document | {"note": "trust me"})

    assert signing.failed(signed.document()) == {"schema"}


def test_a_signature_of_another_document_is_none_of_this_one(
    make_document: Callable[..., Any], signing: Any
) -> None:
    one, two = (signing.sign(make_document(name)) for name in ("fixed", "anytime, early"))
    forged = replace(one, protected=two.protected, signature=two.signature)

    for text in (forged.document(), forged.compact()):
        assert signing.failed(text) == {"signature"}


def test_a_forger_s_key_is_not_trusted(document: dict[str, Any], signing: Any) -> None:
    forger = new_key(now=0)
    forged = sign(document, forger)
    as_ours = replace(forged, protected=signing.sign(document).protected)

    assert signing.failed(forged.compact()) == {"signature"}
    assert signing.failed(as_ours.compact()) == {"signature"}
    assert signing.failed(forged.document(), keys={}) == {"signature"}


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
        assert signing.failed(text) == {"signature"}


def test_the_public_key_is_no_secret_of_a_mac(
    make_document: Callable[..., Any], signing: Any
) -> None:
    signed = signing.sign(make_document("predict"))
    protected = header(alg="HS256", kid=signing.key.kid, typ=TYPE)
    message = f"{protected}.{b64encode(signed.payload)}".encode()
    mac = hmac.new(signing.key.x.encode(), message, hashlib.sha256).digest()
    forged = replace(signed, protected=protected, signature=b64encode(mac))

    assert signing.failed(forged.compact()) == {"signature"}
