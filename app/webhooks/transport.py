"""HTTP to receivers that somebody else named, without being led anywhere else.

A name is resolved once, every address it has is checked, and the connection goes to one of those
that were checked: a name server that answers differently the next time (DNS rebinding) is not
asked. Host header and TLS name stay the URL's own.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

import httpx

from app.webhooks.addresses import Address
from app.webhooks.allow import AllowList, Target
from app.webhooks.errors import DeliveryFailed

MAX_TRIED = 3
"""Addresses of one name that are tried in one attempt."""

MAX_RESOLVED = 32
"""Names that are asked for at a time, by threads of their own: a name server that hangs would else
take those in which the process decodes images."""

_RESOLVING = ThreadPoolExecutor(MAX_RESOLVED, thread_name_prefix="webhook-names")
Resolver = Callable[[str, int], Awaitable[list[Address]]]


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name, as this machine's resolver has them, in its order.

    Raises:
        OSError: It has none.
    """
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVING, ask)
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to checked addresses only.

    Args:
        allow: Says which addresses will do.
        resolver: From names to addresses.
        tls: Whom to believe; the usual authorities if None.
    """

    def __init__(
        self,
        allow: AllowList,
        *,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow = allow
        self._resolver = resolver
        # A pool would keep connections by address, and lend one to another name at that address.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(
            verify=tls or httpx.create_ssl_context(), trust_env=False, limits=limits
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The receiver's answer.

        Raises:
            TargetRefused: The URL is not on the list.
            DeliveryFailed: The name has no address, or one that will not do.
            httpx.TransportError: None of the addresses could be reached.
        """
        target = self._allow.check(str(request.url))
        failure: httpx.ConnectError | None = None
        for address in await self._checked(target):
            try:
                return await self._inner.handle_async_request(_directed(request, address))
            except httpx.ConnectError as error:
                failure = error
        raise failure or httpx.ConnectError("there was no address to try")

    async def _checked(self, target: Target) -> list[Address]:
        if target.address is not None:
            return [target.address]
        try:
            found = await self._resolver(target.host, target.port)
        except OSError as error:
            raise DeliveryFailed(f"{target.host} has no address", reason="unresolved") from error
        if not all(map(self._allow.reaches, found)):
            # The address stays unsaid: whoever may name hosts would learn of this network.
            raise DeliveryFailed(
                f"{target.host} has an address that is not of the public Internet",
                reason="refused",
                final=True,
            )
        return found[:MAX_TRIED]

    async def aclose(self) -> None:
        """Closes what is open."""
        await self._inner.aclose()


def _directed(request: httpx.Request, address: Address) -> httpx.Request:
    """The same request to an address: its Host header was fixed when it was built."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
