"""How the client reaches a service: past proxies on this machine, and by whose word."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from app.client import Client
from app.client.errors import ServiceUnreachable
from app.commands.common import in_words
from tests.tls import self_signed


class _NoJobs(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"jobs": [], "next": null}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        """Nobody reads it."""


class _Server(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Who does not believe the certificate hangs up."""


@contextmanager
def _https(certificate: Path) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _NoJobs) as server:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed("localhost", tmp_path)


def test_an_authority_of_ones_own_is_believed_on_this_machine_and_no_proxy_asked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with _https(certificate) as url, Client(url) as client:
        assert list(client.jobs()) == []


def test_an_authority_that_nobody_named_is_refused_with_what_to_do(certificate: Path) -> None:
    with (
        _https(certificate) as url,
        Client(url) as client,
        pytest.raises(ServiceUnreachable) as caught,
    ):
        list(client.jobs())

    assert "SSL_CERT_FILE" in in_words(caught.value)
