"""Who may talk to this service from a browser: names that are ours, pages that are ours.

A service on loopback without keys is open to every page that its user visits: a page can post a
form to it across origins, and by rebinding its own name to 127.0.0.1 it can read the answers.
"""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import CrossSiteRequest, HostNotAllowed

PROBES = frozenset({"/livez", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?", re.IGNORECASE)


class HostGuard:
    """Refuses requests whose Host header names somebody else.

    Probes of an orchestrator come to an address, so their paths are answered under any name.

    Args:
        app: What is protected.
        allowed: Names, without port; "*" for all, "*.example.com" for all below a domain.
    """

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._suffixes = tuple(name[1:] for name in allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] == "http" and "*" not in self._allowed and not _is_probe(scope):
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            # Of two, a proxy may have believed the other.
            host = hosts[0].decode("latin-1") if len(hosts) == 1 else None
            if not self._is_ours(host):
                raise HostNotAllowed(host)
        await self._app(scope, receive, send)

    def _is_ours(self, host: str | None) -> bool:
        match = _HOST.fullmatch(host or "")
        if match is None:
            return False
        name = match[1].lower()
        return name in self._allowed or (bool(self._suffixes) and name.endswith(self._suffixes))


def _is_probe(scope: Scope) -> bool:
    return scope["path"].removeprefix(scope.get("root_path", "")) in PROBES


class SameSiteGuard:
    """Refuses unsafe methods that a browser sends for a page of another origin.

    Programs send neither Origin nor Sec-Fetch-Site and pass.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one connection, as ASGI has it."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            _refuse_other_sites(Headers(scope=scope))
        await self._app(scope, receive, send)


def _refuse_other_sites(headers: Headers) -> None:
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise CrossSiteRequest(f"Sec-Fetch-Site is {site!r}, it must be same-origin")
    origin = headers.get("origin")
    if site is None and origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise CrossSiteRequest("the Origin of the page is not the host it calls")
