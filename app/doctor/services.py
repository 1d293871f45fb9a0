"""The service, as a client meets it."""

import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.client.connection import Connection
from app.doctor.findings import Finding, Findings, fail, ok, warn
from app.doctor.stores import LARGEST_SKEW_S
from app.embedded.address import is_loopback

TIMEOUT_S = 5.0


def service_checks(url: str | None, api_key: str | None, *, named: bool) -> Findings:
    """All that can be said of the service.

    Args:
        url: Where it is; None for the environment's.
        api_key: Of the caller; None for the environment's.
        named: Whether somebody said that it is there.

    Raises:
        InvalidArgument: URL or key cannot be used.
    """
    connection = Connection.to(url, api_key, TIMEOUT_S)
    with httpx.Client(**connection.options()) as http:
        try:
            alive = http.get("/livez")
            yield _alive(alive, connection.url)
            if alive.is_success:
                yield _clock(alive)
                yield from _ready(http.get("/readyz"))
                yield _key(http.get("/models"), connection)
                yield _stranger(connection)
        except httpx.RequestError as error:
            if named:
                yield fail("service", f"{connection.url}: {error}", "start it, or correct the URL")
            else:
                yield warn("service", f"nothing answers at {connection.url}", "`dmae serve`")


def _alive(answer: httpx.Response, url: str) -> Finding:
    if answer.is_success:
        return ok("service", f"{url} answers in {1000 * answer.elapsed.total_seconds():.0f} ms")
    advice = "is the URL right?"
    if answer.status_code == httpx.codes.MISDIRECTED_REQUEST.value:
        advice = "add the name to APP_ALLOWED_HOSTS"
    return fail("service", f"{url} answered {answer.status_code}", advice)


def _clock(answer: httpx.Response) -> Finding:
    try:
        then = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return ok("clock of the service", "not told")
    skew = then - time.time()
    # A header names whole seconds.
    if abs(skew) > LARGEST_SKEW_S + 1:
        return warn("clock of the service", f"{skew:+.0f} s", "let it follow an NTP server")
    return ok("clock of the service", "as here")


def _ready(answer: httpx.Response) -> Findings:
    body = _body(answer)
    if not answer.is_success:
        yield fail("readiness", str(body.get("detail", answer.status_code)), "see `workers` above")
        return
    yield ok("readiness", f"workers: {body['workers_ready']}; {', '.join(body['models'])}")
    for warning in body["warnings"]:
        yield warn("readiness", warning, "see WORKER_RUNTIME in docs/settings.md")


def _key(answer: httpx.Response, connection: Connection) -> Finding:
    if answer.status_code == httpx.codes.UNAUTHORIZED.value:
        why = "refused" if connection.api_key else "needed, and there is none"
        return fail("your API key", why, "`dmae keys create`, and set DMAE_API_KEY")
    if not answer.is_success:
        detail = str(_body(answer).get("detail", answer.status_code))
        advice = "see the store and readiness above"
        if answer.status_code == httpx.codes.FORBIDDEN.value:
            advice = "a key with the scopes certify and read does all"
        return warn("your API key", detail, advice)
    return ok("your API key", "accepted" if connection.api_key else "none is needed")


def _stranger(connection: Connection) -> Finding:
    """Whether somebody without a key is served, and whether a key can be overheard."""
    parts = urlsplit(connection.url)
    here = is_loopback(parts.hostname or "")
    if parts.scheme == "http" and not here and connection.api_key:
        return fail("transport", "the key travels unencrypted", "put HTTPS in front, see README.md")
    with httpx.Client(**Connection.to(connection.url, "", TIMEOUT_S).options()) as http:
        served = http.get("/models").is_success
    if served and not here:
        return fail(
            "strangers",
            "whoever reaches it is served, without a key",
            "make a key (`dmae keys create`) and set APP_KEYS=required, unless a proxy asks",
        )
    return ok("strangers", "this machine needs no key" if served else "need a key")


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        return answer.json()
    except ValueError:
        return {}
