"""A browser logs in with a key, and stays logged in for a while."""

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest

from app.access.presented import COOKIE

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

WRONG = "dmae_0123456789ab_" + "A" * 43


@pytest.fixture
async def guarded(serve: Callable[..., Any]) -> Any:
    return await serve(keys="required")


async def log_in(service: Any, key: str, **fields: str) -> Any:
    return await service.http.post("/ui/login", data={"key": key, **fields})


async def test_a_key_opens_a_session(guarded: Any, make_key: Callable[..., str]) -> None:
    answer = await log_in(guarded, f" {make_key()}\n", next="/ui/jobs")
    inside = await guarded.http.get("/models")

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/jobs")
    assert inside.status_code == 200


async def test_the_cookie_is_for_this_site_and_no_script(
    guarded: Any, make_key: Callable[..., str]
) -> None:
    key = make_key()

    (cookie,) = SimpleCookie((await log_in(guarded, key)).headers["set-cookie"]).values()

    assert cookie.key == COOKIE
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert not cookie["secure"]
    assert key.split("_", 2)[2] not in cookie.value


async def test_the_cookie_of_an_https_page_goes_over_https_alone(
    guarded: Any, make_key: Callable[..., str]
) -> None:
    guarded.http.base_url = "https://localhost"

    (cookie,) = SimpleCookie((await log_in(guarded, make_key())).headers["set-cookie"]).values()

    assert cookie["secure"]


async def test_a_wrong_key_opens_none(guarded: Any) -> None:
    answer = await log_in(guarded, WRONG, next="/ui/jobs")

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "revoked" in answer.text
    assert 'value="/ui/jobs"' in answer.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "x"]
)
async def test_one_is_sent_nowhere_else(
    guarded: Any, make_key: Callable[..., str], target: str
) -> None:
    answer = await log_in(guarded, make_key(), next=target)

    assert answer.headers["location"] == "/"


async def test_logging_out_ends_the_session(guarded: Any, make_key: Callable[..., str]) -> None:
    await log_in(guarded, make_key())
    token = guarded.http.cookies[COOKIE]

    out = await guarded.http.post("/ui/logout")
    guarded.http.cookies.set(COOKIE, token)
    after = await guarded.http.get("/models")

    assert (out.status_code, out.headers["location"]) == (303, "/ui/login")
    assert after.status_code == 401


async def test_a_session_ends_with_its_key(
    guarded: Any,
    make_key: Callable[..., str],
    revoke: Callable[[str], None],
    sleep: Callable[[float], Any],
) -> None:
    key = make_key()
    await log_in(guarded, key)

    revoke(key)
    await sleep(1.1)

    assert (await guarded.http.get("/models")).status_code == 401


async def test_a_page_of_another_site_cannot_log_one_in(
    guarded: Any, make_key: Callable[..., str]
) -> None:
    answer = await guarded.http.post(
        "/ui/login", data={"key": make_key()}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_form_that_is_far_too_long_is_not_read(guarded: Any) -> None:
    assert (await log_in(guarded, "x" * 10_000)).status_code == 413


async def test_a_page_sends_one_to_the_form_and_back(guarded: Any) -> None:
    answer = await guarded.http.get("/ui/jobs")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/ui/login?next=/ui/jobs"
    assert (await guarded.http.get(answer.headers["location"])).status_code == 200
