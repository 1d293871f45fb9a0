"""What the service does to a certificate before it hands it out: recompute, name itself, sign."""

import logging
from pathlib import Path
from typing import Any

from app.certificates.canonical import written
from app.certificates.errors import DoesNotVerify, KeyUnusable, NotSigned
from app.certificates.jws import Signed, sign
from app.certificates.key_directory import add_key, read_directory, signing_key
from app.certificates.keys import Keys
from app.certificates.proof import check_proof

logger = logging.getLogger(__name__)


class Signer:
    """Signs documents with the newest key of a directory, which is read again when it changes.

    Args:
        directory: Of the keys; None where nothing is signed. Gets a first key where it is empty.
        issuer: How the service names itself in its documents; None for not at all.

    Raises:
        KeyUnusable: The directory or a key in it cannot be used.
    """

    def __init__(self, directory: Path | None, *, issuer: str | None = None) -> None:
        self._directory = directory
        self._issuer = issuer
        self._seen = 0
        self._keys: Keys = {}
        if directory is not None:
            if not read_directory(directory):
                key = add_key(directory)
                logger.info("made a first signing key", extra={"kid": key.kid})
            self._read(directory)

    @property
    def keys(self) -> Keys:
        """The keys whose signatures are this service's, the retired ones too."""
        directory = self._directory
        if directory is not None and _changed_at(directory) != self._seen:
            try:
                self._read(directory)
            except KeyUnusable:
                self._seen = -1  # mended by chmod, the directory would look unchanged
                logger.exception("signing keys cannot be read again; the last ones stay")
        return self._keys

    @property
    def signing_kid(self) -> str | None:
        """The key that signs now; None where nothing is signed."""
        key = signing_key(self.keys)
        return None if key is None else key.kid

    def presented(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document as this service hands it out, without a signature.

        Raises:
            DoesNotVerify: It says something else than its own counts prove.
        """
        named = self._named(document)
        wrong = [check for check in check_proof(named) if not check.passed]
        if wrong:
            told = "; ".join(f"{check.name}: {check.detail}" for check in wrong)
            logger.error("a stored certificate does not verify", extra={"reason": told})
            raise DoesNotVerify("the stored certificate does not follow from its own counts")
        return named

    def signed(self, document: dict[str, Any]) -> Signed:
        """The document signed, having been recomputed.

        Raises:
            NotSigned: There is no key to sign with.
            DoesNotVerify: It says something else than its own counts prove.
        """
        key = signing_key(self.keys)
        if key is None:
            raise NotSigned("this service has no key to sign with; the JSON form is unsigned")
        return sign(self.presented(document), key)

    def text(self, document: dict[str, Any]) -> bytes:
        """The JSON form in its exact bytes, signed where there is a key.

        Raises:
            DoesNotVerify: It says something else than its own counts prove.
        """
        key, presented = signing_key(self.keys), self.presented(document)
        return written(presented) if key is None else sign(presented, key).document()

    def _named(self, document: dict[str, Any]) -> dict[str, Any]:
        if self._issuer is None or document.get("schema_version") == 1:
            return document
        return {**document, "issuer": self._issuer}

    def _read(self, directory: Path) -> None:
        # Its time first: should a key come meanwhile, it is read again.
        self._seen = _changed_at(directory)
        self._keys = read_directory(directory)


def _changed_at(directory: Path) -> int:
    try:
        return directory.stat().st_mtime_ns
    except OSError:
        return 0
