"""Keys that certificates are signed with (Ed25519), as JWK: one, and many by their names.

A key is named by its RFC 7638 thumbprint, so that a name cannot be given to another key.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from joserfc.jwk import OKPKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.certificates.canonical import b64decode, b64encode, parse
from app.certificates.errors import KeyUnusable, Malformed

ALGORITHM = "Ed25519"
"""The fully specified name of RFC 9864; "EdDSA", which does not say which curve, is deprecated."""

_Bytes32 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class _Jwk(BaseModel):
    """A key as JSON (RFC 7517, RFC 8037).

    `iat` and `exp` are when it was made and when it was retired, seconds since 1970, as OpenID
    Federation names them for keys of the past.
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: _Bytes32
    d: _Bytes32 | None = None
    kid: str | None = None
    alg: Literal["Ed25519", "EdDSA"] | None = None
    use: Literal["sig"] | None = None
    iat: int = 0
    exp: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, of which the private half is known only to who signs.

    Attributes:
        kid: RFC 7638 thumbprint.
        x: The public half, base64url.
        created_at: Seconds since 1970.
        retired_at: When it stopped signing, seconds since 1970; None while it may.
        d: The private half, base64url; None where it is not known. Not shown by `repr`.
    """

    kid: str
    x: str
    created_at: int
    retired_at: int | None = None
    d: str | None = None

    def __repr__(self) -> str:
        return f"Key(kid={self.kid!r}, retired_at={self.retired_at})"

    def public(self) -> dict[str, Any]:
        """The public half as JWK."""
        ends = {} if self.retired_at is None else {"exp": self.retired_at}
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": self.x,
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
            "iat": self.created_at,
            **ends,
        }

    def private(self) -> dict[str, Any]:
        """Both halves as JWK; the public one alone once it is retired."""
        return self.public() | ({} if self.d is None else {"d": self.d})

    def verifier(self) -> OKPKey:
        """The public half for joserfc."""
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": self.x})

    def signer(self) -> OKPKey:
        """Both halves for joserfc; only where `d` is known."""
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": self.x, "d": self.d or ""})


Keys = Mapping[str, Key]
"""Keys by kid."""


def new_key(*, now: float | None = None) -> Key:
    """A fresh key."""
    made = OKPKey.generate_key("Ed25519").as_dict(private=True)
    return key_of(made | {"iat": int(time.time() if now is None else now)})


def key_of(jwk: object) -> Key:
    """A key from its JWK.

    Raises:
        KeyUnusable: It is no Ed25519 key, or its name or its halves do not belong together.
    """
    try:
        found = _Jwk.model_validate(jwk)
        key = _from_checked(found)
        belong = key.d is None or _public_half(key) == key.x
    except (ValidationError, Malformed, ValueError) as error:
        raise KeyUnusable("a key must be a JWK of kty OKP and crv Ed25519") from error
    if found.kid not in (None, key.kid):
        raise KeyUnusable(f"a key is named {found.kid!r} and its thumbprint is {key.kid}")
    if not belong:
        raise KeyUnusable(f"the halves of key {key.kid} do not belong together")
    return key


def keys_of(jwks: Iterable[object]) -> Keys:
    """Keys by their names.

    Raises:
        KeyUnusable: One of them is, see `key_of`.
    """
    return by_name(map(key_of, jwks))


def by_name(keys: Iterable[Key]) -> Keys:
    """Keys by their names. Of copies of one, that which was retired first counts.

    So a set from before a retirement, beside a later one, gives the key no second life.
    """
    found: dict[str, Key] = {}
    for key in keys:
        found[key.kid] = min(found.get(key.kid, key), key, key=_end)
    return found


def read_key_set(text: bytes) -> Keys:
    """The keys of a JWK set, or of a file with one JWK.

    Raises:
        KeyUnusable: It is neither, or a key in it is not usable.
    """
    try:
        value = parse(text)
    except Malformed as error:
        raise KeyUnusable(f"not a JWK set: {error}") from error
    listed: object = value.get("keys", [value])
    if not isinstance(listed, list):
        raise KeyUnusable('not a JWK set: "keys" is no list')
    return keys_of(cast(list[object], listed))


def key_set(keys: Keys) -> dict[str, Any]:
    """The JWK set of the public halves, newest first."""
    newest_first = sorted(keys.values(), key=age, reverse=True)
    return {"keys": [key.public() for key in newest_first]}


def _end(key: Key) -> tuple[float, bool]:
    return math.inf if key.retired_at is None else key.retired_at, key.d is None


def age(key: Key) -> tuple[int, str]:
    """What keys are sorted by: the oldest first, and never two in either order."""
    return key.created_at, key.kid


def _from_checked(jwk: _Jwk) -> Key:
    for half in (jwk.x, jwk.d):
        b64decode(half or "")
    kid = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": jwk.x}).thumbprint()
    return Key(kid=kid, x=jwk.x, created_at=jwk.iat, retired_at=jwk.exp, d=jwk.d)


def _public_half(key: Key) -> str:
    private = key.signer().private_key
    return "" if private is None else b64encode(private.public_key().public_bytes_raw())
