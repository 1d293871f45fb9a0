"""A receiver shows a certificate for its name, not for the address that was checked."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.webhooks.addresses import Address
from app.webhooks.allow import AllowList, parse_entry
from app.webhooks.sender import Sender
from tests.tls import self_signed

pytestmark = pytest.mark.anyio

Listen = Callable[..., Any]


async def _at_home(_host: str, _port: int) -> list[Address]:
    return [ipaddress.ip_address("127.0.0.1")]


@pytest.mark.parametrize(("name", "arrives"), [("hooks.example.com", True), ("other.org", False)])
async def test_tls_is_with_the_name_though_the_connection_is_to_an_address(
    receiver: Any, listen: Listen, tmp_path: Path, name: str, arrives: bool
) -> None:
    file = self_signed(name, tmp_path)
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
