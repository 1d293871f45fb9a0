"""The state directory is private, and has one stack."""

import os
import stat
from pathlib import Path

import pytest

from app.embedded.errors import AlreadyRunning, StateDirUnusable
from app.embedded.state_dir import held, private_directory, socket_path


def test_nobody_else_can_enter(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)

    made = [private_directory(tmp_path / name) for name in ("state", "new/deep")]

    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o700]


def test_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()

    with pytest.raises(StateDirUnusable, match="is a link"):
        private_directory(tmp_path / "link")
    with pytest.raises(StateDirUnusable, match="cannot use"):
        private_directory(tmp_path / "file")


def test_a_second_stack_is_told_who_is_there(tmp_path: Path) -> None:
    first = f"process {os.getpid()} serves http://127.0.0.1:8000"

    with (
        held(tmp_path, url="http://127.0.0.1:8000"),
        pytest.raises(AlreadyRunning, match=first),
        held(tmp_path, url="http://127.0.0.1:8001"),
    ):
        pass


def test_the_lock_ends_with_the_stack(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:8000", "http://127.0.0.1:8001"):
        with held(tmp_path, url=url):
            assert url in (tmp_path / "lock").read_text(encoding="utf-8")


def test_a_deep_state_directory_has_its_socket_elsewhere() -> None:
    runtime = Path(f"/tmp/dmae-test-{os.getpid()}")  # noqa: S108 - the path has to be short
    deep = Path("/" + "deep/" * 30)

    path = socket_path(deep, runtime)

    assert path.parent.parent == runtime
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.rmdir()
    runtime.rmdir()


def test_a_short_one_has_it_inside() -> None:
    state = Path("/srv/state")

    assert socket_path(state, Path("/run")) == state / "valkey" / "valkey.sock"


def test_no_short_directory_at_all_is_an_error() -> None:
    deep = Path("/" + "deep/" * 30)

    with pytest.raises(StateDirUnusable, match="--state-dir"):
        socket_path(deep, deep)
