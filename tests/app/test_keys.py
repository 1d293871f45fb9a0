"""Who may ask: API keys, their scopes and their ends, and who needs none."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.access.authenticator import MAX_GUESSES
from app.access.keys import id_of, new_key
from jobs import api_keys
from jobs.caller import Quota
from jobs.logs import JsonLines

pytestmark = [pytest.mark.anyio, pytest.mark.redis]

Problem = Callable[..., dict[str, Any]]
MakeKey = Callable[..., str]
WRONG = "dmae_0123456789ab_" + "A" * 43


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_this_machine_needs_no_key_until_one_is_made(
    service: Any, serve: Callable[..., Any], make_key: MakeKey, problem: Problem
) -> None:
    before = await service.http.get("/models")
    make_key()
    other = await serve()

    assert before.status_code == 200
    problem(await other.http.get("/models"), 401, "key-needed")


async def test_the_first_key_shuts_the_others_out_within_a_second(
    service: Any, make_key: MakeKey, sleep: Callable[[float], Any]
) -> None:
    await service.http.get("/models")
    make_key()

    await sleep(1.1)

    assert (await service.http.get("/models")).status_code == 401


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "Via", "X-Real-IP"]
)
async def test_what_came_through_a_proxy_is_not_from_this_machine(
    service: Any, problem: Problem, header: str
) -> None:
    problem(await service.http.get("/models", headers={header: "a"}), 401, "key-needed")


@pytest.mark.parametrize("address", ["192.0.2.7", "::2", "unknown", None])
async def test_other_machines_need_a_key(
    service: Any, problem: Problem, address: str | None
) -> None:
    service.http._transport.client = None if address is None else (address, 1)

    problem(await service.http.get("/models"), 401, "key-needed")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1"])
async def test_every_loopback_address_is_this_machine(service: Any, address: str) -> None:
    service.http._transport.client = (address, 1)

    assert (await service.http.get("/models")).status_code == 200


async def test_a_service_may_ask_everybody_for_a_key(
    serve: Callable[..., Any], make_key: MakeKey, problem: Problem
) -> None:
    service = await serve(keys="required")

    body = problem(await service.http.get("/models"), 401, "key-needed")
    with_key = await service.http.get("/models", headers=bearer(make_key()))

    assert "dmae keys create" in body["detail"]
    assert with_key.status_code == 200


async def test_a_service_may_ask_nobody_for_a_key(
    serve: Callable[..., Any], make_key: MakeKey
) -> None:
    make_key()
    service = await serve(keys="off")

    answer = await service.http.get("/models", headers={"X-Forwarded-For": "192.0.2.7"})

    assert answer.status_code == 200


async def test_an_answer_without_a_key_says_how_to_show_one(
    serve: Callable[..., Any], make_key: MakeKey
) -> None:
    service = await serve(keys="required")

    missing = await service.http.get("/models")
    wrong = await service.http.get("/models", headers=bearer(WRONG))
    narrow = await service.http.delete(
        "/jobs/019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f", headers=bearer(make_key("read"))
    )

    assert missing.headers["www-authenticate"] == 'Bearer realm="dmae-certify"'
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert 'scope="certify"' in narrow.headers["www-authenticate"]


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"Authorization": f"Bearer {key}"},
        lambda key: {"Authorization": f"bearer  {key} "},
        lambda key: {"X-API-Key": key},
        lambda key: {"X-API-Key": key, "Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
async def test_a_key_is_shown_in_either_header(
    service: Any, make_key: MakeKey, headers: Callable[[str], dict[str, str]]
) -> None:
    answer = await service.http.get("/models", headers=headers(make_key()))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key + "A",
        lambda key: key[:-1],
        lambda key: key.replace("dmae_", "dmae_0", 1),
        lambda key: key.upper(),
        lambda key: key.split("_", 2)[2],
        lambda _: "",
        lambda _: WRONG,
        lambda _: "x" * 10_000,
        lambda _: "dmae_\xe9",
    ],
)
async def test_anything_but_the_very_key_is_refused(
    service: Any, make_key: MakeKey, problem: Problem, spoil: Callable[[str], str]
) -> None:
    key = spoil(make_key())

    answer = await service.http.get("/models", headers={"X-API-Key": key.encode("latin-1")})

    problem(answer, 401, "key-refused")
    assert not key or key[5:] not in answer.text


async def test_a_wrong_key_is_refused_even_where_none_is_needed(
    service: Any, problem: Problem
) -> None:
    problem(await service.http.get("/models", headers=bearer(WRONG)), 401, "key-refused")


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        ("read", "GET", "/models", 200),
        ("read", "POST", "/certify", 403),
        ("certify", "POST", "/certify", 415),
        ("certify", "GET", "/jobs", 403),
        ("admin", "GET", "/jobs", 403),
        ("certify,read", "GET", "/jobs", 200),
    ],
)
async def test_a_key_opens_what_its_scopes_name(
    service: Any, make_key: MakeKey, scopes: str, method: str, path: str, status: int
) -> None:
    answer = await service.http.request(method, path, headers=bearer(make_key(scopes)))

    assert answer.status_code == status


async def test_a_revoked_key_is_dead_within_a_second(
    service: Any,
    make_key: MakeKey,
    revoke: Callable[[str], None],
    problem: Problem,
    sleep: Callable[[float], Any],
) -> None:
    key = make_key()
    alive = await service.http.get("/models", headers=bearer(key))

    revoke(key)
    await sleep(1.1)

    assert alive.status_code == 200
    problem(await service.http.get("/models", headers=bearer(key)), 401, "key-refused")


@pytest.mark.parametrize("path", ["jobs", "evaluations"])
async def test_who_waits_with_a_key_that_is_revoked_meanwhile_learns_nothing(
    serve: Callable[..., Any],
    make_key: MakeKey,
    revoke: Callable[[str], None],
    picture: Callable[..., bytes],
    problem: Problem,
    sleep: Callable[[float], Any],
    path: str,
) -> None:
    service, key = await serve(keys="required", max_wait_s=1.3), make_key()
    asked = {"image": picture(), "label": b"0"} if path == "evaluations" else {"image": picture()}
    begun = await service.http.post(
        {"jobs": "/certify", "evaluations": "/evaluations"}[path],
        files=[*asked.items()],
        data={"sigma": "0.25", "n": "200"},
        headers=bearer(key),
    )
    waiting = asyncio.create_task(
        service.http.get(begun.headers["location"], params={"wait": 9}, headers=bearer(key))
    )
    await sleep(0.1)

    revoke(key)

    assert begun.status_code == 202, begun.text
    problem(await waiting, 401, "key-refused")


async def test_a_key_dies_when_it_expires(
    service: Any, make_key: MakeKey, problem: Problem, sleep: Callable[[float], Any]
) -> None:
    key = make_key(expires_at=time.time() + 0.3)
    alive = await service.http.get("/models", headers=bearer(key))

    await sleep(0.4)

    assert alive.status_code == 200
    problem(await service.http.get("/models", headers=bearer(key)), 401, "key-refused")


async def test_the_store_knows_a_key_only_by_its_digest(
    service: Any, worker: Any, make_key: MakeKey
) -> None:
    key = make_key()
    await service.http.get("/models", headers=bearer(key))

    client = worker.run.__self__._client
    kept = b"".join(client.dump(name) or b"" for name in client.keys("*"))

    assert key.split("_", 2)[2].encode() not in kept


async def test_the_last_use_of_a_key_is_known(service: Any, worker: Any, make_key: MakeKey) -> None:
    key = make_key()
    (before,) = worker.run(api_keys.listing())
    await service.http.get("/models", headers=bearer(key))
    (after,) = worker.run(api_keys.listing())

    assert before.last_used_at is None
    assert after.last_used_at == pytest.approx(time.time(), abs=5)


async def test_guessing_is_slow_and_locks_nobody_out(
    service: Any, make_key: MakeKey, problem: Problem
) -> None:
    good, guessed = make_key(), make_key()
    wrong = guessed[:-1] + ("A" if guessed[-1] != "A" else "B")
    for _ in range(MAX_GUESSES):
        problem(await service.http.get("/models", headers=bearer(wrong)), 401, "key-refused")

    refused = await service.http.get("/models", headers=bearer(wrong))
    right = await service.http.get("/models", headers=bearer(guessed))
    other = await service.http.get("/models", headers=bearer(good))

    body = problem(refused, 429, "too-many-guesses")
    assert body["errors"][0]["limit"] == {"wrong_keys_per_minute": MAX_GUESSES}
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (right.status_code, other.status_code) == (200, 200)


async def test_keys_are_random_and_of_one_form() -> None:
    made = {new_key(name="a", scopes=frozenset(), quota=Quota(), now=0.0).text for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(r"dmae_[0-9a-f]{12}_[\w-]{43}", text, re.ASCII) for text in made)


async def test_the_log_names_a_key_and_never_shows_it(
    service: Any, make_key: MakeKey, caplog: pytest.LogCaptureFixture
) -> None:
    key = make_key()
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level("DEBUG"):
        await service.http.get("/models", headers=bearer(key))
        await service.http.get("/models", headers=bearer(key[:-1]))

    assert f'"key_id": "{id_of(key)}"' in caplog.text
    assert key[18:-1] not in caplog.text


async def test_probes_and_documents_need_no_key(serve: Callable[..., Any]) -> None:
    service = await serve(keys="required")

    for path in ("/livez", "/healthz", "/v2/health/live", "/openapi.json", "/docs", "/problems"):
        assert (await service.http.get(path)).status_code == 200, path
