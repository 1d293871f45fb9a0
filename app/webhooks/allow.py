"""To whom messages may go: the operator's list, and a URL held against it.

Nothing here asks a name server: that a name exists would be an answer to whoever submits it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from app.errors import Limit
from app.webhooks.addresses import Address, is_public, literal
from app.webhooks.errors import InvalidAllowEntry, TargetRefused

Scheme = Literal["https", "http"]

_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|\[[0-9a-f:.]+\]")
_ENTRY = re.compile(r"(?:(https?)://)?(\*|\[[^\]]*\]|[^:/\[\]]+)(?::(\d{1,5}))?")
_PRINTABLE = re.compile(r"[!-~]+")
MAX_URL = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the list.

    Attributes:
        scheme: Of the URLs it allows.
        host: A name or address in lower case; "*.name" for all below a name, "*" for all.
        port: The one that is allowed.
        address: The address, where the host is one.
    """

    scheme: Scheme
    host: str
    port: int
    address: Address | None

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Whether a URL of these parts may be called."""
        return (scheme, port) == (self.scheme, self.port) and self._covers(host)

    def _covers(self, host: str) -> bool:
        if self.host == "*":
            return True
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host

    def __str__(self) -> str:
        plain = self.port == _PORTS[self.scheme]
        return ("http://" if self.scheme == "http" else "") + (
            self.host if plain else f"{self.host}:{self.port}"
        )


def parse_entry(text: str) -> Entry:
    """An entry from what an operator wrote: `[http://]host[:port]`.

    Raises:
        InvalidAllowEntry: It is of another form.
    """
    match = _ENTRY.fullmatch(text.strip().lower())
    if match is None:
        raise InvalidAllowEntry(text, "must be [http://]host[:port], such as *.example.com:8443")
    scheme: Scheme = "http" if match[1] == "http" else "https"
    host = match[2]
    if not (host == "*" or _HOST.fullmatch(host.removeprefix("*."))):
        raise InvalidAllowEntry(text, "names no host")
    port = int(match[3]) if match[3] else _PORTS[scheme]
    if not 0 < port < 65_536:
        raise InvalidAllowEntry(text, "names a port that does not exist")
    try:
        address = None if host.startswith("*") else literal(host.strip("[]"))
    except ValueError as error:
        raise InvalidAllowEntry(text, f"names no address: {error}") from None
    return Entry(scheme=scheme, host=_spelled(host, address), port=port, address=address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that was checked, in parts.

    Attributes:
        url: As it will be called.
        scheme: Of it.
        host: Name, or address in brackets where it is one of IPv6, in lower case.
        port: Also where the URL names none.
        address: The address, where the host is one.
    """

    url: str
    scheme: str
    host: str
    port: int
    address: Address | None


class AllowList:
    """The operator's list.

    Args:
        entries: None of them: no webhooks at all.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = tuple(entries)
        self._addresses = frozenset(e.address for e in self._entries if e.address is not None)

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "AllowList":
        """The list of what an operator wrote.

        Raises:
            InvalidAllowEntry: An entry cannot be read.
        """
        return cls([parse_entry(entry) for entry in entries])

    def __bool__(self) -> bool:
        return bool(self._entries)

    def check(self, url: str) -> Target:
        """The target that a URL names.

        Raises:
            TargetRefused: It is no URL of the plain kind, or is not on the list.
        """
        target = _parsed(url)
        if not any(e.allows(target.scheme, target.host, target.port) for e in self._entries):
            raise TargetRefused(
                f"{target.scheme}://{target.host}:{target.port} is not on this service's list of "
                "receivers (APP_WEBHOOK_ALLOW)",
                limit={"allowed": [str(entry) for entry in self._entries]},
            )
        if target.address is not None and not self.reaches(target.address):
            raise _not_public(target.address)
        return target

    def reaches(self, address: Address) -> bool:
        """Whether connections may go to an address: a public one, or one on the list as such."""
        return address in self._addresses or is_public(address)


def _not_public(address: Address) -> TargetRefused:
    return TargetRefused(
        f"{address} is not an address of the public Internet, nor on this service's list of "
        "receivers (APP_WEBHOOK_ALLOW)",
        limit={"addresses": "public"},
    )


_FORM: Limit = {"form": "https://host[:port]/path", "max_length": MAX_URL}


def _parsed(url: str) -> Target:
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise _malformed(f"must be at most {MAX_URL} printable ASCII characters, no backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _malformed(f"is no URL: {error}") from None
    if parts.scheme not in _PORTS:
        raise _malformed("must begin with https://")
    if "@" in parts.netloc or "#" in url:
        raise _malformed("must not hold a user name, a password or a fragment")
    host, address = _host(parts.netloc.lower().removesuffix("" if port is None else f":{port}"))
    port = _PORTS[parts.scheme] if port is None else port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        url=f"{parts.scheme}://{host}:{port}{path}",
        scheme=parts.scheme,
        host=host,
        port=port,
        address=address,
    )


def _host(text: str) -> tuple[str, Address | None]:
    if not _HOST.fullmatch(text):
        raise _malformed("must name a host, in letters, digits, dots and hyphens")
    try:
        address = literal(text.strip("[]"))
    except ValueError:
        raise _malformed("must spell an address in the usual way, such as 192.0.2.1") from None
    return _spelled(text, address), address


def _malformed(detail: str) -> TargetRefused:
    return TargetRefused(detail, limit=_FORM)


def _spelled(host: str, address: Address | None) -> str:
    if address is None:
        return host
    return f"[{address.compressed}]" if address.version == 6 else address.compressed
