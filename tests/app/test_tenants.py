"""A job exists for its tenant alone, whatever the path."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.routing import APIRoute

from app.main import ROUTERS

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Picture = Callable[..., bytes]
ROUTES = sorted(
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and "{job_id}" in route.path
    for method in route.methods or ()
    if method not in {"HEAD", "PUT"}
)
VALUES = {"name": "input", "number": "1", "attempt": "1"}


def filled(path: str, job_id: str) -> str:
    """The path of a route with a job's id, and something for what else it has."""
    return re.sub(
        r"{(\w+)(?::\w+)?}",
        lambda found: VALUES.get(found[1], "1"),
        path.replace("{job_id}", job_id),
    )


@pytest.fixture
async def owned(
    serve: Callable[..., Any], worker: Any, make_key: Callable[..., str], picture: Picture
) -> tuple[Any, dict[str, str], str]:
    """A service, its owner's headers, and a job that has succeeded."""
    service = await serve(keys="required")
    mine = {"X-API-Key": make_key()}
    job = (await service.certify(picture(), n=100, headers=mine)).json()
    worker.work()
    return service, mine, job["id"]


async def ask(service: Any, method: str, path: str, job_id: str, headers: Any) -> Any:
    files = {"image": ("picture", b"")} if method == "POST" else None
    return await service.http.request(
        method, filled(path, job_id), headers=headers, **({} if files is None else {"files": files})
    )


def test_there_are_routes_to_walk() -> None:
    assert ("GET", "/jobs/{job_id}") in ROUTES
    assert len(ROUTES) >= 5


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_another_tenant_s_job_does_not_exist(
    owned: tuple[Any, dict[str, str], str],
    make_key: Callable[..., str],
    method: str,
    path: str,
) -> None:
    service, mine, job_id = owned
    theirs = {"X-API-Key": make_key()}

    answer = await ask(service, method, path, job_id, theirs)
    unknown = await ask(service, method, path, "019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f", theirs)

    assert answer.status_code == unknown.status_code == 404, answer.text
    assert (await service.http.get(f"/jobs/{job_id}", headers=mine)).status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_without_a_key_nobody_gets_near_a_job(
    owned: tuple[Any, dict[str, str], str], method: str, path: str
) -> None:
    service, mine, job_id = owned

    answer = await ask(service, method, path, job_id, {})

    if answer.status_code == 303:
        assert path.startswith("/ui/")
        assert answer.headers["location"].startswith("/ui/login")
    else:
        assert answer.status_code == 401, answer.text
    assert (await service.http.get(f"/jobs/{job_id}", headers=mine)).status_code == 200


async def test_a_list_shows_one_s_own_jobs(
    owned: tuple[Any, dict[str, str], str], make_key: Callable[..., str]
) -> None:
    service, mine, job_id = owned

    own = (await service.http.get("/jobs", headers=mine)).json()
    other = (await service.http.get("/jobs", headers={"X-API-Key": make_key()})).json()

    assert [job["id"] for job in own["jobs"]] == [job_id]
    assert other == {"jobs": [], "next": None}


async def test_keys_of_one_tenant_share_their_jobs(
    serve: Callable[..., Any], make_key: Callable[..., str], picture: Picture
) -> None:
    service = await serve(keys="required")
    one, two = (make_key(tenant="team") for _ in range(2))

    job = (await service.certify(picture(), headers={"X-API-Key": one})).json()
    seen = await service.http.get(job["links"]["self"], headers={"X-API-Key": two})

    assert seen.status_code == 200


async def test_another_tenant_s_equal_request_is_another_job(
    owned: tuple[Any, dict[str, str], str], make_key: Callable[..., str], picture: Picture
) -> None:
    service, _, job_id = owned

    answer = await service.certify(picture(), n=100, headers={"X-API-Key": make_key()})

    assert answer.status_code == 202
    assert answer.headers["cache-status"] == "dmae; fwd=miss; stored"
    assert answer.json()["id"] != job_id


async def test_an_id_that_another_tenant_uses_cannot_be_taken_over(
    owned: tuple[Any, dict[str, str], str], make_key: Callable[..., str], picture: Picture
) -> None:
    service, mine, job_id = owned
    theirs = {"X-API-Key": make_key()}

    answer = await service.http.put(
        f"/jobs/{job_id}",
        files={"image": picture(7)},
        data={"sigma": "0.25"},
        headers=theirs,
    )

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/idempotency-conflict"
    assert (await service.http.get(f"/jobs/{job_id}", headers=mine)).json()["state"] == "succeeded"
