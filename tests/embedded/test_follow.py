"""New lines of a log, and only those."""

from pathlib import Path

from app.embedded.follow import Follower
from app.embedded.part import LONGEST_LOG, trim


def test_old_lines_are_left_out_and_half_ones_wait(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("old\n", encoding="utf-8")
    follower = Follower("worker", log)

    with log.open("a", encoding="utf-8") as file:
        file.write("new\nhalf")
    first = follower.new_lines()
    with log.open("a", encoding="utf-8") as file:
        file.write(" done\n")

    assert first == ["[worker] new"]
    assert follower.new_lines() == ["[worker] half done"]


def test_an_emptied_log_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("a long line before\n", encoding="utf-8")
    follower = Follower("worker", log)

    log.write_text("after\n", encoding="utf-8")

    assert follower.new_lines() == ["[worker] after"]


def test_a_long_log_is_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        file.truncate(LONGEST_LOG + 1)

    trim(log)

    assert log.stat().st_size == 0
    assert (tmp_path / "worker.1.log").stat().st_size == LONGEST_LOG + 1


def test_a_log_that_cannot_be_moved_aside_stays_and_ends_nothing(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with log.open("wb") as file:
        file.truncate(LONGEST_LOG + 1)
    (tmp_path / "worker.1.log").mkdir()

    trim(log)

    assert log.stat().st_size == LONGEST_LOG + 1
