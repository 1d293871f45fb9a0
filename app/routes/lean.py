"""Routes that are asked hundreds of times a second."""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class LeanRoute(APIRoute):
    """Calls its endpoint with the request and what its path names, as text.

    FastAPI's resolving of dependencies and parameters costs as much as the rest of a short answer.
    The endpoint finds its caller, and reads its other parameters, by itself; what its route says of
    them is documentation.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The endpoint, without more ado; what it raises is the application's to answer."""
        if scope["method"] not in self.methods:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive, send)
        response = await self.endpoint(request, **request.path_params)
        await response(scope, receive, send)
