"""A receiver shows a certificate for its name, not for the address that was checked."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.webhooks.addresses import Address
from app.webhooks.allow import AllowList, parse_entry
from app.webhooks.sender import Sender

pytestmark = pytest.mark.anyio

Listen = Callable[..., Any]


async def _at_home(_host: str, _port: int) -> list[Address]:
    return [ipaddress.ip_address("127.0.0.1")]


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(pem))
    return file


@pytest.mark.parametrize(("name", "arrives"), [("hooks.example.com", True), ("other.org", False)])
async def test_tls_is_with_the_name_though_the_connection_is_to_an_address(
    receiver: Any, listen: Listen, tmp_path: Path, name: str, arrives: bool
) -> None:
    file = _certificate(name, tmp_path)
    here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    here.load_cert_chain(file)
    asked: list[str | None] = []
    here.sni_callback = lambda _socket, server_name, _context: asked.append(server_name)
    trusting = ssl.create_default_context(cafile=file)

    async with listen(receiver.serve, ssl=here) as port:
        allow = AllowList([parse_entry(e) for e in (f"hooks.example.com:{port}", "127.0.0.1")])
        sender = Sender(allow, resolver=_at_home, tls=trusting)
        outcome = await asyncio.gather(
            sender.send(f"https://hooks.example.com:{port}/", b"{}", {}), return_exceptions=True
        )
        await sender.aclose()

    assert asked == ["hooks.example.com"]
    assert (outcome == [204]) == arrives
    assert len(receiver.calls) == arrives
