"""The caller of a request, for routes.

A route takes `caller: CallerOf`: safe methods then need the scope "read", the others "certify".
`Annotated[Caller, require("admin")]` asks for another one.
"""

from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.access.errors import ScopeMissing
from app.guards import SAFE_METHODS
from jobs.caller import Caller, Scope
from jobs.logs import also_concerns

SCHEME = "apiKey"

TENANT = "dmae.tenant"
"""What a request's scope calls its caller's tenant, for what is outside of the routes."""


class _Access(SecurityBase):
    """Finds the caller, and that it has a scope; FastAPI documents what is a `SecurityBase`."""

    def __init__(self, scope: Scope | None) -> None:
        self.model = HTTPBearer()
        self.scheme_name = SCHEME
        self._scope: Scope | None = scope

    async def __call__(self, request: Request) -> Caller:
        caller: Caller = await request.app.state.services.authenticator.caller(request.scope)
        also_concerns(key_id=caller.key_id)
        request.scope[TENANT] = caller.tenant
        scope = self._scope or scope_of(request.method)
        if scope not in caller.scopes:
            raise ScopeMissing(scope, has=caller.scopes)
        return caller


async def caller_of(request: Request) -> Caller:
    """The same for a route that resolves no dependencies; it has `DOCUMENTED` among them.

    Raises:
        AccessError: Nobody who may do this.
        StoreUnavailable: Redis is away.
    """
    return await _ANY(request)


def scope_of(method: str) -> Scope:
    """The scope that a route needs which names none."""
    return "read" if method in SAFE_METHODS else "certify"


def require(scope: Scope) -> Any:
    """What `Annotated[Caller, ...]` takes for a route that needs a given scope."""
    return Security(_Access(scope), scopes=[scope])


_ANY = _Access(None)

DOCUMENTED = Security(_ANY)
"""What says in the OpenAPI document that a route has a caller."""

CallerOf = Annotated[Caller, Security(_ANY)]
"""The caller, who must have the scope that the route's method needs."""
