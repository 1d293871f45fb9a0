"""How callers show who they are, for the OpenAPI document."""

from collections.abc import Sequence
from typing import Any

from app.access.authenticator import KeysMode
from app.access.caller import scope_of
from app.access.presented import COOKIE

DENIALS = ("key-needed", "key-refused", "scope-missing", "too-many-guesses", "store-unavailable")
"""Problems of every route that asks who its caller is."""

SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dmae_<id>_<secret>",
        "description": "An API key; `dmae keys create --name NAME` makes one.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same, where Authorization is taken.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Of a browser that has logged in with a key.",
    },
}


def alternatives(
    method: str, asked: Sequence[dict[str, list[str]]], keys: KeysMode
) -> list[dict[str, list[str]]]:
    """The ways to be let in to an operation, each with the scope that it takes.

    Args:
        method: Of the operation.
        asked: What FastAPI found in the route: its scope, if it names one.
        keys: Who needs a key.
    """
    named = [scope for each in asked for scopes in each.values() for scope in scopes]
    scopes = named or [scope_of(method.upper())]
    without = [] if keys == "required" else [dict[str, list[str]]()]
    return [*({name: scopes} for name in SCHEMES), *without]
