"""A web process that is asked to stop finishes what it began, and says first that it leaves."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.redis, pytest.mark.slow]
FORM = {"sigma": "0.25", "mode": "fixed", "n": "1000"}


def submit(web: Any, image: bytes) -> dict[str, Any]:
    answer = httpx.post(f"{web.url}/certify", files={"image": ("x", image)}, data=FORM)
    assert answer.status_code == 202, answer.text
    return answer.json()


@contextmanager
def half_an_upload(web: Any, image: bytes) -> Iterator[Callable[[], int]]:
    """Sends half of a request; what sends the rest returns the status of the answer."""
    request = httpx.Request("POST", f"{web.url}/certify", files={"image": ("x", image)}, data=FORM)
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.sendall(f"POST /certify HTTP/1.1\r\n{head}\r\n".encode())
        connection.sendall(body[: len(body) // 2])

        def finish() -> int:
            connection.sendall(body[len(body) // 2 :])
            return int(connection.makefile("rb").readline().split()[1])

        yield finish


def test_a_web_process_finishes_what_it_began_and_says_first_that_it_leaves(
    start_web: Callable[..., Any], picture: Callable[[int], bytes]
) -> None:
    web = start_web(APP_DRAIN_S="1")
    job = submit(web, picture(1))
    page = f"{web.url}/jobs/{job['id']}"
    with ThreadPoolExecutor(2) as threads, half_an_upload(web, picture(2)) as finish:
        poll = threads.submit(httpx.get, page, params={"wait": 30}, timeout=40)
        stream = threads.submit(httpx.get, f"{page}/events", timeout=40)
        time.sleep(0.5)

        web.process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        time.sleep(0.2)
        ready = httpx.get(f"{web.url}/readyz")
        polled, streamed = poll.result(), stream.result()
        answered_s = time.monotonic() - asked_at
        time.sleep(max(0, 1.5 - answered_s))
        uploaded = finish()
    web.process.wait(10)

    assert (ready.status_code, ready.json()["detail"][:8]) == (503, "draining")
    assert (polled.status_code, polled.json()["state"]) == (200, "queued")
    assert "event: state" in streamed.text
    assert answered_s < 1.5
    assert uploaded == 202


def test_a_second_signal_is_not_put_off(start_web: Callable[..., Any]) -> None:
    web = start_web(APP_DRAIN_S="60")
    web.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    waits = web.process.poll() is None

    web.process.send_signal(signal.SIGTERM)

    assert waits
    web.process.wait(5)
