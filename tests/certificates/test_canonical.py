"""JSON is read in one way only, and written in one form."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates.canonical import b64encode, canonical, parse
from app.certificates.errors import Malformed


def test_two_members_of_one_name_are_refused(
    make_document: Callable[..., Any], signing: Any
) -> None:
    text = signing.sign(make_document("fixed")).document()
    twice = text.replace(b'{"abstention":', b'{"radius":9,"abstention":', 1)

    assert signing.failed(twice) == {"form"}
    with pytest.raises(Malformed, match="'radius' is there twice"):
        parse(twice)


def test_the_last_of_many_members_is_found_to_be_there_twice_at_once() -> None:
    """It took minutes, of which a body of POST /verify would have had the thread."""
    names = [f'"{number}":1' for number in range(90_000)]
    text = f"{{{','.join([*names, names[-1]])}}}".encode()

    began = time.monotonic()
    with pytest.raises(Malformed, match="'89999' is there twice"):
        parse(text)

    assert time.monotonic() - began < 10


def test_a_payload_that_is_signed_but_not_canonical_is_refused(
    make_document: Callable[..., Any], signing: Any
) -> None:
    loose = json.dumps(make_document("fixed")).encode()
    protected = signing.sign({}).protected
    message = f"{protected}.{b64encode(loose)}".encode()
    signature = b64encode(signing.key.signer().private_key.sign(message))

    assert signing.failed(message + b"." + signature.encode()) == {"form"}


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
