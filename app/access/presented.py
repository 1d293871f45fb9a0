"""What a request shows of its sender, read from its headers and its connection."""

import ipaddress
from dataclasses import dataclass

from starlette.types import Scope

COOKIE = "dmae_session"
_PROXY = (b"forwarded", b"x-forwarded-", b"x-real-ip", b"via")


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows of its sender.

    Attributes:
        key: The API key, if it sends one.
        session: The token of its cookie, if it sends one.
        address: Where it comes from; None where that is no network.
        proxied: Whether a header says that it came through a proxy.
    """

    key: str | None
    session: str | None
    address: str | None
    proxied: bool

    @property
    def local(self) -> bool:
        """Whether it comes from this very machine, as far as can be told."""
        return not self.proxied and _is_loopback(self.address)


def read(connection: Scope) -> Presented:
    """What an ASGI connection shows of its sender."""
    bearer = header = session = None
    proxied = False
    for name, value in connection["headers"]:
        if name == b"authorization":
            bearer = _bearer(value.decode("latin-1"))
        elif name == b"x-api-key":
            header = value.decode("latin-1").strip()
        elif name == b"cookie":
            session = _cookie(value.decode("latin-1")) or session
        elif name.startswith(_PROXY):
            proxied = True
    client = connection.get("client")
    return Presented(bearer or header, session, client[0] if client else None, proxied)


def _bearer(value: str) -> str | None:
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _cookie(value: str) -> str | None:
    for pair in value.split(";"):
        name, _, token = pair.strip().partition("=")
        if name == COOKIE:
            return token
    return None


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
