"""Where the web process listens, and that it may."""

import ipaddress
import socket
from contextlib import closing

from app.embedded.errors import PortInUse


def base_url(host: str, port: int) -> str:
    """The address for a client on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_free(host: str, port: int) -> None:
    """Raises PortInUse if something listens there, or the host is none of this machine."""
    _bound(host, port)


def free_port(host: str) -> int:
    """A port that nobody uses at this moment; raises PortInUse as `require_free`."""
    return _bound(host, 0)


def _bound(host: str, port: int) -> int:
    """The port, once it could be listened on."""
    try:
        with closing(_listening(host, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        raise PortInUse(
            f"cannot listen on {host} port {port}: {error.strerror or error}. "
            "Name another address with --host and --port, port 0 for any that is free"
        ) from error


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # As the web server does: connections that are still closing do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
