"""Where the service is and with what key it is asked, checked once."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.client.errors import InvalidArgument
from app.client.settings import api_key_from_environment, url_from_environment
from app.version import release

OWN_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
DIRECT = {f"all://[{host}]" if ":" in host else f"all://{host}": None for host in OWN_MACHINE}
"""Mounts of an httpx client: a proxy of the environment knows nothing of this machine.

All else of the environment holds here too, such as SSL_CERT_FILE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a client needs to reach the service.

    Attributes:
        url: Without a slash at its end, and without a password.
        api_key: Sent with every request; shown nowhere.
        timeout_s: Longest wait for an answer, long polls not counted.
    """

    url: str
    api_key: str | None = field(repr=False)
    timeout_s: float

    @classmethod
    def to(cls, url: str | None, api_key: str | None, timeout_s: float) -> "Connection":
        """From arguments, else from the environment.

        Raises:
            InvalidArgument: The URL is none, or the key cannot be sent.
        """
        where = (url or url_from_environment()).rstrip("/")
        try:
            parts = urlsplit(where)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query
            has_password = "@" in parts.netloc
            _ = parts.port
        except ValueError:
            usable, has_password = False, False
        if has_password:
            raise InvalidArgument("the URL must hold no password: hand the key over as api_key")
        if not usable:
            raise InvalidArgument(f"{where[:200]!r} is no URL, such as https://certify.example.com")
        key = api_key_from_environment() if api_key is None else api_key or None
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise InvalidArgument("the API key holds characters that no key has")
        return cls(url=where, api_key=key, timeout_s=timeout_s)

    def options(self) -> dict[str, Any]:
        """How httpx is to be told."""
        headers = {"User-Agent": f"dmae-certify/{release()}", "Accept": "application/json"}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {
            "base_url": self.url,
            "timeout": self.timeout_s,
            "headers": headers,
            "mounts": DIRECT,
        }
