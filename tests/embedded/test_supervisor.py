"""Parts are replaced when they die, reported, given up on, and stopped in order."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.embedded import supervisor
from app.embedded.errors import ChildFailed, StartTimeout
from app.embedded.lifeline import KernelLifeline
from app.embedded.part import Part
from app.embedded.parts import Place, store_part
from app.embedded.settings import environment_with
from app.embedded.supervisor import Patience, Supervisor
from app.embedded.valkey import bundled_program, find_server, socket_url
from jobs.connection import make_redis

ShellPart = Callable[..., Part]
FOREVER = "echo $$ >> pids; trap 'echo term >> ends; exit 0' TERM; while :; do sleep 0.05; done"
QUICK = Patience(first_pause_s=0.01, longest_pause_s=0.02, probe_s=0.01)


def supervise(
    scene: Callable[[Supervisor], Awaitable[None]], reports: list[str] | None = None
) -> Supervisor:
    """Plays a scene, and stops what is left."""

    async def play() -> Supervisor:
        said = [] if reports is None else reports
        supervisor = Supervisor(ties=KernelLifeline(), report=said.append, patience=QUICK)
        try:
            await scene(supervisor)
        finally:
            await supervisor.stop()
        return supervisor

    return asyncio.run(play())


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the state of other processes
            await asyncio.sleep(0.01)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def test_a_killed_part_is_replaced_and_reported(tmp_path: Path, shell_part: ShellPart) -> None:
    pids, reports = tmp_path / "pids", list[str]()

    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", f"echo hello; {FOREVER}"))
        await supervisor.until_ready(5)
        await wait_for(lambda: len(lines(pids)) == 1)
        os.kill(int(lines(pids)[0]), signal.SIGKILL)
        await wait_for(lambda: len(lines(pids)) == 2)

    supervise(scene, reports)

    assert reports[0].startswith("worker was killed by SIGKILL; starting it again")
    assert reports[0].endswith("    hello")


def test_a_part_that_somebody_keeps_killing_is_always_replaced(
    tmp_path: Path, shell_part: ShellPart
) -> None:
    """What comes from outside says nothing against the part."""
    pids, reports = tmp_path / "pids", list[str]()
    kills = QUICK.deaths + 2

    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", FOREVER))
        await supervisor.until_ready(5)
        for number in range(1, kills + 1):
            await wait_for(lambda number=number: len(lines(pids)) == number)
            os.kill(int(lines(pids)[-1]), signal.SIGKILL)
        await wait_for(lambda: len(lines(pids)) == kills + 1)

    supervise(scene, reports)

    assert len(reports) == kills


def test_stopping_ends_what_was_added_last_first(tmp_path: Path, shell_part: ShellPart) -> None:
    def part(name: str) -> Part:
        return shell_part(name, FOREVER.replace("echo term", f"echo {name}"))

    async def scene(supervisor: Supervisor) -> None:
        for name in ("store", "worker", "web"):
            supervisor.add(part(name))
        await wait_for(lambda: len(lines(tmp_path / "pids")) == 3)

    supervise(scene)

    assert lines(tmp_path / "ends") == ["web", "worker", "store"]


def test_a_part_that_ends_before_it_was_ready_ends_the_start(shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("web", "echo APP_MAX_UPLOD_BYTES; exit 3", ready=False))
        await supervisor.until_ready(5)

    with pytest.raises(
        ChildFailed, match=r"web exited with code 3 before it was ready(.|\n)*UPLOD"
    ):
        supervise(scene)


def test_a_part_that_dies_five_times_is_given_up(tmp_path: Path, shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", "echo $$ >> pids; sleep 0.1; exit 70"))
        await supervisor.until_ready(5)
        await supervisor.until_stopped()

    with pytest.raises(ChildFailed, match="exited with code 70, and 5 times within 60 s"):
        supervise(scene)
    assert len(lines(tmp_path / "pids")) == 5


def test_a_part_that_dies_of_a_full_disk_is_given_up_with_that_reason(
    shell_part: ShellPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is on the same disk, and ends before it says so."""
    monkeypatch.setattr(supervisor, "disk_usage", lambda _: SimpleNamespace(free=4096))

    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("store", "exit 1", ready=False))
        await supervisor.until_ready(5)

    with pytest.raises(ChildFailed, match=r"before it was ready\. The disk is full: free some"):
        supervise(scene)


def test_a_part_that_is_killed_before_it_is_ready_gets_three_tries(shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", "kill -9 $$", ready=False))
        await supervisor.until_ready(5)

    with pytest.raises(ChildFailed, match="SIGKILL; 3 starts in a row"):
        supervise(scene)


def test_a_part_that_never_gets_ready_is_named(shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", "echo still loading; sleep 60", ready=False))
        await supervisor.until_ready(0.3)

    with pytest.raises(StartTimeout, match=r"worker:\n    still loading"):
        supervise(scene)


def test_an_interrupt_during_the_start_is_no_failure(shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", FOREVER, ready=False))
        asyncio.get_running_loop().call_later(0.1, supervisor.interrupt)
        assert not await supervisor.until_ready(5)

    assert not supervise(scene).forced


def test_a_second_interrupt_kills_a_stubborn_part(tmp_path: Path, shell_part: ShellPart) -> None:
    async def scene(supervisor: Supervisor) -> None:
        script = "trap '' TERM; echo $$ >> pids; while :; do sleep 0.05; done"
        supervisor.add(shell_part("worker", script, stop_s=60))
        await wait_for(lambda: len(lines(tmp_path / "pids")) == 1)
        supervisor.interrupt()
        asyncio.get_running_loop().call_later(0.3, supervisor.interrupt)

    assert supervise(scene).forced


def test_a_part_that_does_not_stop_in_time_is_killed(
    tmp_path: Path, shell_part: ShellPart, is_gone: Callable[[int], bool]
) -> None:
    reports = list[str]()

    async def scene(supervisor: Supervisor) -> None:
        script = "trap '' TERM; echo $$ >> pids; while :; do sleep 0.05; done"
        supervisor.add(shell_part("worker", script, stop_s=0.2))
        await wait_for(lambda: len(lines(tmp_path / "pids")) == 1)

    supervise(scene, reports)

    assert reports == ["worker did not stop in 0.2 s; killing it"]
    assert is_gone(int(lines(tmp_path / "pids")[0]))


def test_what_a_dead_part_had_started_dies_too(
    tmp_path: Path, shell_part: ShellPart, is_gone: Callable[[int], bool]
) -> None:
    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(shell_part("worker", "sleep 60 & echo $! >> pids; wait"))
        await wait_for(lambda: len(lines(tmp_path / "pids")) == 1)

    supervise(scene)

    assert is_gone(int(lines(tmp_path / "pids")[0]))


@pytest.mark.redis
def test_a_killed_store_comes_back_with_every_write(tmp_path: Path) -> None:
    directory = tmp_path / "valkey"
    directory.mkdir()
    socket = Path(f"/tmp/dmae-test-{os.getpid()}.sock")  # noqa: S108 - the path has to be short
    url = socket_url(socket)
    place = Place(logs=tmp_path, environment=environment_with({}), redis_url=url)
    server = find_server("", bundled=bundled_program())
    part = store_part(place, server, directory=directory, socket_path=socket)

    async def scene(supervisor: Supervisor) -> None:
        supervisor.add(part)
        assert await supervisor.until_ready(20)
        with make_redis(url) as redis:
            redis.set("votes", 988)
            first = redis.info("server")["process_id"]
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.1)
        while not await part.is_ready(0):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
        with make_redis(url) as redis:
            assert redis.get("votes") == b"988"
            assert redis.info("server")["process_id"] != first

    supervise(scene)

    assert not socket.exists()
