"""Where the web process may listen."""

import socket

import pytest

from app.embedded.address import base_url, free_port, is_loopback, require_free
from app.embedded.errors import PortInUse


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.2"])
def test_loopback_is_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_others_can_reach_other_hosts(host: str) -> None:
    assert not is_loopback(host)


def test_a_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port}.*--port"):
            require_free("127.0.0.1", port)


def test_a_free_port_is_free() -> None:
    require_free("127.0.0.1", free_port("127.0.0.1"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104
        ("::", "http://[::1]:8000"),
    ],
)
def test_a_client_of_this_machine_gets_an_address_that_works(host: str, url: str) -> None:
    assert base_url(host, 8000) == url
