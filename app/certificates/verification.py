"""Is a certificate genuine, and does it prove what it says? A function of bytes and public keys."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.certificates.canonical import canonical, parse, written
from app.certificates.errors import Malformed, SignatureRefused
from app.certificates.evidence import check_image, check_model
from app.certificates.jws import Signed, check_signature, member_of, read_compact
from app.certificates.keys import Keys
from app.certificates.proof import check_proof
from app.certificates.report import Check, Report
from app.certificates.schema import DOCUMENTS

CLOCK_SKEW_S = 60
"""By how much the clock of a worker may be ahead of that of the process that signs."""

REFORMATTED = (
    "reformatted: the text is JSON of a certificate, in other bytes than those that were signed "
    "and served. `dmae verify FILE --rewrite OUT` restores them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A certificate as it was found, before anything about it is believed.

    Attributes:
        document: Without its signature.
        signed: With it; None where there is none.
        exact: Whether the bytes are those in which the service writes it.
    """

    document: dict[str, Any]
    signed: Signed | None
    exact: bool

    def rewritten(self) -> bytes:
        """The JSON form, in the bytes in which the service writes it.

        Raises:
            Malformed: It has none.
        """
        return written(self.document) if self.signed is None else self.signed.document()


def read(content: bytes) -> Read:
    """A certificate from its bytes: a JSON document, signed or not, or a compact JWS.

    Raises:
        Malformed: It is neither.
    """
    text = _utf8(content).strip()
    if not text.startswith(b"{"):
        signed = read_compact(text)
        document = parse(signed.payload)
        if "signature" in document:
            raise Malformed("a signed document has no member signature of its own")
        return Read(document=document, signed=signed, exact=text == content)
    whole = parse(text)
    exact = written(whole) == content
    document = {name: value for name, value in whole.items() if name != "signature"}
    if "signature" not in whole:
        return Read(document=document, signed=None, exact=exact)
    protected, signature = member_of(whole["signature"])
    signed = Signed(payload=canonical(document), protected=protected, signature=signature)
    return Read(document=document, signed=signed, exact=exact)


def verify(
    content: bytes, keys: Keys | None, *, image: bytes | None = None, store: Path | None = None
) -> Report:
    """Everything that can be said about a certificate without asking who made it.

    Args:
        content: JSON document or compact JWS.
        keys: Those that are trusted; None to leave the signature unchecked.
        image: The file that was uploaded, if it is to be checked.
        store: Directory of the model store, if the model is to be checked.
    """
    try:
        found = read(content)
    except Malformed as error:
        return Report(checks=(Check(name="form", passed=False, detail=str(error)),))
    form = "the bytes that the service writes" if found.exact else REFORMATTED
    checks = [
        Check(name="form", passed=found.exact, detail=form),
        _signature(found, keys),
        *check_proof(found.document),
    ]
    claim = None
    if next(check for check in checks if check.name == "schema").passed:
        claim = str(found.document["statement"])
        checks += _evidence(found.document, image, store)
    return Report(checks=tuple(checks), claim=claim)


def _utf8(content: bytes) -> bytes:
    """The text as Windows may have kept it, in UTF-8 and without a byte order mark."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def _signature(found: Read, keys: Keys | None) -> Check:
    if found.signed is None:
        return Check(name="signature", passed=None, detail="it is not signed")
    if keys is None:
        return Check(name="signature", passed=None, detail="no public key was given to check it by")
    try:
        key = check_signature(found.signed, keys)
    except SignatureRefused as error:
        return Check(name="signature", passed=False, detail=str(error))
    issuer = found.document.get("issuer")
    by = f"by key {key.kid}" + (f" of {issuer}" if isinstance(issuer, str) else "")
    if key.retired_at is not None:
        issued = _seconds(found.document.get("issued_at"))
        if issued is None or issued > key.retired_at + CLOCK_SKEW_S:
            told = f"{by}, which had been retired when this was issued"
            return Check(name="signature", passed=False, detail=told)
        by += ", which has been retired since"
    return Check(name="signature", passed=True, detail=by)


def _evidence(document: dict[str, Any], image: bytes | None, store: Path | None) -> Iterator[Check]:
    said = DOCUMENTS.validate_python(document)
    if image is not None:
        yield from check_image(said.image, image)
    if store is not None:
        label = None if said.predicted is None else (said.predicted.index, said.predicted.label)
        yield check_model(said.model, label, store)


def _seconds(issued_at: object) -> float | None:
    try:
        moment = datetime.strptime(str(issued_at), "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC).timestamp()
