"""The signature: a JWS (RFC 7515) by Ed25519 over the canonical JSON of a document.

Two forms hold the same three texts. The compact one is `header.payload.signature`. The document
itself may carry header and signature as its member `signature`; its payload is then the canonical
JSON of all other members (detached content, RFC 7515 appendix F).
"""

from dataclasses import dataclass
from typing import Any, cast

from joserfc import jws
from joserfc.errors import JoseError

from app.certificates.canonical import MAX_BYTES, b64decode, b64encode, canonical, parse, written
from app.certificates.errors import Malformed, SignatureRefused
from app.certificates.keys import ALGORITHM, Key, Keys

TYPE = "dmae-certificate+json"
"""In each header: a signature of this service over anything else is none of a certificate."""


class _Registry(jws.JWSRegistry):
    max_payload_length = 2 * MAX_BYTES


_REGISTRY = _Registry(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A document and its signature, which is not checked yet.

    Attributes:
        payload: Canonical JSON of the document.
        protected: The header, base64url.
        signature: Base64url.
    """

    payload: bytes
    protected: str
    signature: str

    @property
    def kid(self) -> str:
        """The key that the header names.

        Raises:
            SignatureRefused: The header is not one that this service writes.
        """
        return _kid(self.protected)

    def compact(self) -> bytes:
        """The compact form."""
        return f"{self.protected}.{b64encode(self.payload)}.{self.signature}".encode("ascii")

    def document(self) -> bytes:
        """The document that carries its signature, as it is written."""
        member = {"protected": self.protected, "signature": self.signature}
        return written({**parse(self.payload), "signature": member})


def sign(document: dict[str, Any], key: Key) -> Signed:
    """Signs a document. Equal documents get equal signatures.

    Args:
        document: JSON values; no member `signature`.
        key: With its private half.
    """
    payload = canonical(document)
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
    text = jws.serialize_compact(header, payload, key.signer(), registry=_REGISTRY)
    protected, _, signature = text.split(".")
    return Signed(payload=payload, protected=protected, signature=signature)


def read_compact(text: bytes) -> Signed:
    """A compact JWS, in the one form in which it is written.

    Raises:
        Malformed: Not three texts of base64url, or the payload is not canonical JSON.
    """
    if len(text) > 2 * MAX_BYTES:
        raise Malformed(f"at most {2 * MAX_BYTES} bytes are read, there are {len(text)}")
    try:
        protected, payload, signature = text.decode("ascii").split(".")
    except ValueError as error:
        raise Malformed(
            "neither a certificate's JSON nor a compact JWS, which is three texts joined by dots"
        ) from error
    b64decode(protected)
    b64decode(signature)
    content = b64decode(payload)
    if canonical(parse(content)) != content:
        raise Malformed("the payload is not canonical JSON (RFC 8785)")
    return Signed(payload=content, protected=protected, signature=signature)


def check_signature(signed: Signed, keys: Keys) -> Key:
    """The key that made a signature.

    Raises:
        SignatureRefused: Not made so by any of the keys.
    """
    key = keys.get(signed.kid)
    if key is None:
        raise SignatureRefused(f"key {signed.kid} is none of those that are trusted")
    try:
        jws.deserialize_compact(signed.compact(), key.verifier(), registry=_REGISTRY)
    except (JoseError, ValueError) as error:
        raise SignatureRefused(f"key {signed.kid} did not sign this text") from error
    return key


def _kid(protected: str) -> str:
    try:
        header = parse(b64decode(protected))
        exact = b64encode(canonical(header)) == protected
    except Malformed as error:
        raise SignatureRefused(f"the signature's header cannot be read: {error}") from error
    if header.get("alg") != ALGORITHM:
        named = str(header.get("alg"))[:50]
        raise SignatureRefused(f"signed by {named!r}; certificates are signed by {ALGORITHM}")
    kid: object = header.get("kid")
    if header.get("typ") != TYPE or set(header) != {"alg", "kid", "typ"} or not exact:
        raise SignatureRefused("the signature's header is not one that this service writes")
    if not isinstance(kid, str) or len(kid) > 100:
        raise SignatureRefused("the signature's header names no key")
    return kid


def member_of(value: object) -> tuple[str, str]:
    """Header and signature from a document's member `signature`.

    Raises:
        Malformed: It is something else.
    """
    if not isinstance(value, dict):
        raise Malformed('the member "signature" is no object')
    member = cast(dict[str, object], value)
    protected, signature = member.get("protected"), member.get("signature")
    if len(member) != 2 or not isinstance(protected, str) or not isinstance(signature, str):
        raise Malformed('the member "signature" has other members than protected and signature')
    b64decode(protected)
    b64decode(signature)
    return protected, signature
