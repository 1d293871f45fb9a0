"""JSON in one form only: read strictly, written by RFC 8785, so that equal bytes mean equal text.

Between two parsers that disagree about a text (which of two members counts, what 1e400 is) a
signature protects nothing; what any of them could read differently is refused here.
"""

import base64
import binascii
import json
from typing import Any, NoReturn, cast

import rfc8785

from app.certificates.errors import Malformed

MAX_BYTES = 1_048_576
"""Of a certificate in any form; those of a thousand classes have some ten thousand."""


def parse(text: bytes) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        Malformed: Too long, not UTF-8, not JSON, no object, two members of one name, or a number
            that is not finite.
    """
    if len(text) > MAX_BYTES:
        raise Malformed(f"at most {MAX_BYTES} bytes are read, there are {len(text)}")
    try:
        value: object = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_members,
            parse_constant=_refused,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise Malformed("nested too deeply") from error
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return cast(dict[str, Any], value)


def canonical(value: object) -> bytes:
    """The one text of a JSON value (RFC 8785).

    Raises:
        Malformed: It has none: a whole number beyond 2^53, or half of a surrogate pair.
    """
    try:
        return rfc8785.dumps(cast(Any, value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise Malformed(f"has no canonical form: {error}") from error


def written(value: object) -> bytes:
    """A JSON value as the service writes it into a file: its canonical text, and an end of line.

    Raises:
        Malformed: It has no canonical text.
    """
    return canonical(value) + b"\n"


def b64encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64decode(text: str) -> bytes:
    """The inverse, for the one text that `b64encode` gives.

    Raises:
        Malformed: Padding, other characters, or bits beyond the last byte that are not 0.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed("not base64url") from error
    if b64encode(data) != text:
        raise Malformed("not base64url as it is written without spare bits")
    return data


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise Malformed(f"the member {name[:100]!r} is there twice")
        members[name] = value
    return members


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        _refused(text)
    return value


def _refused(text: str) -> NoReturn:
    raise Malformed(f"{text[:100]} is not a number that JSON has")
