"""Settings are measured, never at the price of another logit, and kept for the machine."""

from collections.abc import Callable
from time import sleep

import pytest
import torch
from torch import Tensor

from model_store.runtimes.contract import Settings
from model_store.runtimes.warm_up import Choice, WarmUpCache, choose, measure

SIZE = 4
CPU = torch.device("cpu")


class Timed:
    """A runtime whose batches take a known time."""

    def __init__(self, batch_size: int, seconds: float, offset: float = 0.0) -> None:
        self.batch_size, self.depth, self.device = batch_size, 2, CPU
        self._seconds, self._offset = seconds, offset

    def start(self, rows: Tensor) -> Callable[[], Tensor]:
        def finish() -> Tensor:
            self.wait(self._seconds)
            return rows.flatten(1)[:, :3] + self._offset

        return finish

    def wait(self, seconds: float) -> None:
        sleep(seconds)


class TimedKind:
    """Seconds of a batch, and what is added to its logits, by settings."""

    name, versions = "timed", {"timed": "1"}

    def __init__(self, table: dict[Settings, tuple[float, float]]) -> None:
        self._table = table
        self.opened: list[Settings] = []

    def candidates(self, threads: int) -> list[Settings]:
        del threads
        return list(self._table)

    def open(self, settings: Settings) -> Timed:
        self.opened.append(settings)
        return Timed(settings.batch_size, *self._table[settings])


SLOW, FAST, OTHER = (Settings(batch_size=size) for size in (8, 4, 2))


def chosen(table, *, seconds: float = 10.0) -> Settings:
    kind = TimedKind(table)
    return choose(kind, kind.candidates(1), size=SIZE, seconds=seconds).settings


@pytest.fixture
def clock(monkeypatch):
    """Time passes with batches alone, whatever else the machine does."""
    now = [0.0]
    monkeypatch.setattr("model_store.runtimes.warm_up.perf_counter", lambda: now[0])
    monkeypatch.setattr(Timed, "wait", lambda _, seconds: now.__setitem__(0, now[0] + seconds))


def test_rows_a_second_are_measured() -> None:
    """At most, since a busy machine sleeps longer."""
    assert 8 < measure(Timed(8, 0.01), size=SIZE, seconds=0.05) <= 800


@pytest.mark.usefixtures("clock")
def test_rows_a_second_are_those_of_the_batches() -> None:
    assert measure(Timed(8, 0.01), size=SIZE) == pytest.approx(800)


@pytest.mark.usefixtures("clock")
def test_the_fastest_settings_win() -> None:
    assert chosen({SLOW: (0.02, 0), FAST: (0.002, 0)}) == FAST


@pytest.mark.usefixtures("clock")
def test_settings_that_change_a_logit_lose() -> None:
    assert chosen({SLOW: (0.02, 0), FAST: (0.002, 1e-6)}) == SLOW


@pytest.mark.usefixtures("clock")
def test_more_rows_must_be_worth_it() -> None:
    """As fast within a few per cent, so the smaller batch."""
    assert chosen({SLOW: (0.02, 0), FAST: (0.0101, 0)}) == FAST


@pytest.mark.usefixtures("clock")
def test_measuring_ends_when_its_time_is_up() -> None:
    kind = TimedKind({SLOW: (0.03, 0), FAST: (0.001, 0), OTHER: (0.001, 0)})

    choice = choose(kind, kind.candidates(1), size=SIZE, seconds=0.1)

    assert choice.settings == SLOW
    assert kind.opened == [SLOW]


CHOICE = Choice(settings=Settings(batch_size=64, streams=2, threads=2), draws_per_s=1234.5)


def test_a_choice_is_kept(tmp_path) -> None:
    WarmUpCache(tmp_path / "new", {"weights": "a"}).write(CHOICE)

    assert WarmUpCache(tmp_path / "new", {"weights": "a"}).read() == CHOICE
    assert WarmUpCache(tmp_path / "new", {"weights": "b"}).read() is None


def test_another_machine_measures_anew(tmp_path, monkeypatch) -> None:
    WarmUpCache(tmp_path, {}).write(CHOICE)

    monkeypatch.setattr("model_store.runtimes.warm_up.describe_processor", lambda: "another")

    assert WarmUpCache(tmp_path, {}).read() is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"settings": 3, "draws_per_s": 1}',
        '{"settings": {"batch_size": 0}, "draws_per_s": 1}',
        '{"settings": {"rows": 1}, "draws_per_s": 1}',
        '{"settings": {"batch_size": null}, "draws_per_s": 1}',
        '{"settings": {"batch_size": 8}}',
    ],
)
def test_a_damaged_file_is_no_choice(tmp_path, text: str) -> None:
    cache = WarmUpCache(tmp_path, {})
    cache.write(CHOICE)
    [file] = tmp_path.iterdir()
    file.write_text(text)

    assert cache.read() is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path) -> None:
    (tmp_path / "file").touch()
    cache = WarmUpCache(tmp_path / "file" / "folder", {})

    cache.write(CHOICE)

    assert cache.read() is None
