"""What is said of paths that are not there, and of methods that a path has not."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import echo
from app.problems import problem_response

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


async def not_found(request: Request, _: Exception) -> Response:
    """The handler of 404: which path it was, and where to see the others."""
    path = echo(request.scope["path"])
    return problem_response(HTTPException(404, f"there is nothing at {path}; /docs tells what is"))


def method_not_allowed(routers: Sequence[APIRouter]) -> Handler:
    """A handler that answers 405 with all methods that the path has in `routers`.

    FastAPI would name those of one route, where a path may have more.
    """
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def handle(request: Request, error: HTTPException) -> Response:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        # Of two patterns that fit, such as `/things/{id}.tsv` and `/things/{id}`, the first counts.
        found = next((route.path for route in routes if route.path_regex.fullmatch(path)), None)
        methods = {
            method for route in routes if route.path == found for method in route.methods or ()
        }
        if "GET" in methods:
            methods.add("HEAD")
        # Of a path that is in none of `routers`, such as the OpenAPI document's, Starlette says it.
        allowed = ", ".join(sorted(methods)) or (error.headers or {}).get("Allow")
        asked = f"{echo(request.method)} is no method of this path"
        response = problem_response(
            HTTPException(405, f"{asked}; it has {allowed}" if allowed else asked)
        )
        if allowed:
            response.headers["Allow"] = allowed
        return response

    return handle
