"""What the client takes from its environment, where no argument says otherwise."""

import os

DEFAULT_URL = "http://127.0.0.1:8000"


def url_from_environment() -> str:
    """DMAE_URL, else this machine's service."""
    return os.environ.get("DMAE_URL") or DEFAULT_URL


def api_key_from_environment() -> str | None:
    """DMAE_API_KEY; None without one."""
    return os.environ.get("DMAE_API_KEY") or None
