"""Signing keys: their files, who signs, and what becomes of those that sign no more."""

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from app.certificates.errors import DoesNotVerify, KeyUnusable, NotSigned
from app.certificates.key_directory import add_key, read_directory, retire_key, signing_key
from app.certificates.keys import key_of, key_set, new_key, read_key_set
from app.certificates.signer import Signer
from app.certificates.verification import verify
from tests.certificates.conftest import of_schema_1


def test_the_example_of_rfc_8037_has_its_name() -> None:
    """Appendix A.3: the thumbprint of that key."""
    key = key_of(
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    )

    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_key_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    key = add_key(tmp_path / "new" / "keys", now=5)
    (file,) = (tmp_path / "new" / "keys").iterdir()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["kid"] == key.kid
    assert signing_key(read_directory(file.parent)) == key
    assert key.d is not None
    assert key.d not in repr(key)


@pytest.mark.parametrize("copy", ["a copy.jwk", "~copy.jwk"])
def test_a_copy_of_a_key_s_file_is_retired_with_it(tmp_path: Path, copy: str) -> None:
    key = add_key(tmp_path)
    (tmp_path / copy).write_bytes((tmp_path / f"{key.kid}.jwk").read_bytes())
    (tmp_path / copy).chmod(0o600)

    retire_key(tmp_path, key.kid)

    assert signing_key(read_directory(tmp_path)) is None
    assert key.d is not None
    assert all(key.d not in file.read_text() for file in tmp_path.iterdir())


def test_a_retired_key_stays_so_beside_a_set_from_before() -> None:
    before = new_key(now=1)
    after = replace(before, retired_at=9, d=None)

    for keys in ([before, after], [after, before]):
        text = json.dumps({"keys": [key.public() for key in keys]}).encode()
        assert read_key_set(text)[before.kid].retired_at == 9


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    add_key(tmp_path)
    next(tmp_path.iterdir()).chmod(mode)

    with pytest.raises(KeyUnusable, match="chmod 600"):
        read_directory(tmp_path)


def test_the_newest_key_signs_until_it_is_retired(tmp_path: Path) -> None:
    first, second = add_key(tmp_path, now=1), add_key(tmp_path, now=2)
    assert signing_key(read_directory(tmp_path)) == second

    retired = retire_key(tmp_path, second.kid, now=9)

    assert (retired.retired_at, retired.d) == (9, None)
    assert retire_key(tmp_path, second.kid, now=99) == retired
    keys = read_directory(tmp_path)
    assert (signing_key(keys), set(keys)) == (first, {first.kid, second.kid})
    assert second.d is not None
    assert all(second.d not in file.read_text() for file in tmp_path.iterdir())
    with pytest.raises(KeyUnusable, match="no key"):
        retire_key(tmp_path, "other")


def test_a_key_set_holds_no_secret(tmp_path: Path) -> None:
    first, second = add_key(tmp_path, now=1), add_key(tmp_path, now=2)
    retire_key(tmp_path, first.kid, now=3)

    found = key_set(read_directory(tmp_path))

    assert [key["kid"] for key in found["keys"]] == [second.kid, first.kid]
    assert [key.get("exp") for key in found["keys"]] == [None, 3]
    assert all("d" not in key for key in found["keys"])
    again = read_key_set(json.dumps(found).encode())
    assert {key.kid: key.retired_at for key in again.values()} == {second.kid: None, first.kid: 3}
    assert set(read_key_set(json.dumps(first.public()).encode())) == {first.kid}


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "EC"},
        {"crv": "X25519"},
        {"x": "A" * 42},
        {"x": 5},
        {"kid": "another"},
        {"use": "enc"},
        {"alg": "HS256"},
        {"d": "A" * 43},
        {"iat": "today"},
    ],
)
def test_what_is_no_signing_key_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(KeyUnusable):
        key_of(new_key(now=1).private() | change)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"keys":5}', b'{"keys":[5]}', b'{"kty":"RSA"}'])
def test_what_is_no_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(KeyUnusable):
        read_key_set(text)


def test_another_library_checks_the_signature(document: dict[str, Any], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    signer = Signer(tmp_path)
    protected, payload, signature = signer.signed(document).compact().split(b".")
    (jwk,) = key_set(signer.keys)["keys"]

    raw = OKPKey.import_key(jwk).public_key.public_bytes_raw()
    import base64

    Ed25519PublicKey.from_public_bytes(raw).verify(
        base64.urlsafe_b64decode(signature + b"=="), protected + b"." + payload
    )


def test_an_empty_directory_gets_a_first_key_and_only_then(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "keys")
    again = Signer(tmp_path / "keys")
    assert signer.signing_kid is not None
    assert signer.signing_kid == again.signing_kid

    retire_key(tmp_path / "keys", signer.signing_kid)

    assert Signer(tmp_path / "keys").signing_kid is None


def test_keys_are_rotated_without_a_restart(document: dict[str, Any], tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    old = signer.text(document)
    first = signer.signing_kid
    assert first is not None

    second = add_key(tmp_path)
    retire_key(tmp_path, first, now=2_000_000_000)

    assert signer.signing_kid == second.kid
    assert set(signer.keys) == {first, second.kid}
    assert verify(old, signer.keys).outcome == "valid"
    assert verify(signer.text(document), signer.keys).outcome == "valid"
    (tmp_path / f"{first}.jwk").unlink()
    assert verify(old, signer.keys).outcome == "invalid"


def test_a_bad_file_leaves_the_keys_as_they_were(document: dict[str, Any], tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    bad = tmp_path / "bad.jwk"
    bad.write_text("{}")
    kid = signer.signing_kid

    assert kid is not None
    with pytest.raises(KeyUnusable):
        Signer(tmp_path)
    bad.unlink()
    assert signer.signing_kid == kid
    assert verify(signer.text(document), signer.keys).outcome == "valid"


def test_a_directory_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(KeyUnusable, match="file"):
        Signer(tmp_path / "file")


def test_without_a_directory_nothing_is_signed(document: dict[str, Any]) -> None:
    signer = Signer(None)

    assert (signer.signing_kid, dict(signer.keys)) == (None, {})
    assert verify(signer.text(document), {}).outcome == "unchecked"
    with pytest.raises(NotSigned):
        signer.signed(document)


def test_what_does_not_verify_is_never_signed(document: dict[str, Any], tmp_path: Path) -> None:
    signer = Signer(tmp_path)

    for lie in ({"radius": 9.0}, {"counts": {}}, {"schema_version": 4}, {"attempts": 1}):
        with pytest.raises(DoesNotVerify):
            signer.signed(document | lie)
        with pytest.raises(DoesNotVerify):
            Signer(None).text(document | lie)


def test_the_issuer_is_named_and_signed(document: dict[str, Any], tmp_path: Path) -> None:
    signer = Signer(tmp_path, issuer="Example lab")
    text = signer.text(document)

    report = verify(text, signer.keys)
    assert report.outcome == "valid"
    assert "of Example lab" in report.checks[1].detail
    assert verify(text.replace(b"Example", b"Another"), signer.keys).outcome == "invalid"


def test_a_document_of_schema_1_is_served_as_it_is(
    document: dict[str, Any], tmp_path: Path
) -> None:
    signer = Signer(tmp_path, issuer="Example lab")

    text = signer.text(of_schema_1(document))

    assert verify(text, signer.keys).outcome == "valid"
    assert b"Example lab" not in text
