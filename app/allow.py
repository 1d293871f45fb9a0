"""The Allow header of a 405: FastAPI names the methods of one route, where a path may have more."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.problems import problem_response

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def method_not_allowed(routers: Sequence[APIRouter]) -> Handler:
    """A handler that answers 405 with all methods that the path has in `routers`."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def handle(request: Request, error: Exception) -> Response:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        # Of two patterns that fit, such as `/things/{id}.tsv` and `/things/{id}`, the first counts.
        found = next((route.path for route in routes if route.path_regex.fullmatch(path)), None)
        methods = {
            method for route in routes if route.path == found for method in route.methods or ()
        }
        response = problem_response(error)
        if methods:
            response.headers["Allow"] = ", ".join(sorted(methods))
        return response

    return handle
