"""Routes that are asked hundreds of times a second."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class LeanRoute(APIRoute):
    """Calls its endpoint with the request and what its path names, as text.

    FastAPI's resolving of dependencies and parameters costs as much as the rest of a short answer.
    The endpoint finds its caller, and reads its other parameters, by itself; what its route says of
    them is documentation.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, without more ado."""

        async def handle(request: Request) -> Response:
            return await self.endpoint(request, **request.path_params)

        return handle
