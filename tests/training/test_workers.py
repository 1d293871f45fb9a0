"""Work on several processes, with work that needs no model."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from training.errors import WorkerFailed
from training.evaluation.workers import in_order


def slow_on_the_first(device: str) -> Callable[[int], tuple[int, str, int]]:
    def work(task: int) -> tuple[int, str, int]:
        time.sleep(0.3 if task == 0 else 0.0)
        return 2 * task, device, os.getpid()

    return work


def failing_on(fatal: int, device: str) -> Callable[[int], str]:
    def work(task: int) -> str:
        if task == fatal:
            raise ValueError(f"{task} is not to be had")
        return device

    return work


def dying(device: str) -> Callable[[int], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return lambda _: device


def unable(device: str) -> Callable[[int], str]:
    raise RuntimeError(f"no {device} here")


def test_results_come_in_the_order_of_the_tasks_from_every_worker():
    results = list(in_order(range(20), slow_on_the_first, ["a", "b"]))

    assert [doubled for doubled, _, _ in results] == list(range(0, 40, 2))
    assert {device for _, device, _ in results} == {"a", "b"}
    assert os.getpid() not in {process for _, _, process in results}


def test_one_device_works_in_this_process():
    ((doubled, device, process),) = in_order([3], slow_on_the_first, ["a"])

    assert (doubled, device, process) == (6, "a", os.getpid())


def test_no_more_workers_are_started_than_there_are_tasks():
    assert len(list(in_order([5], slow_on_the_first, ["a", "b", "c"]))) == 1
    assert list(in_order([], slow_on_the_first, ["a", "b"])) == []


def test_what_a_worker_raises_is_told_after_the_results_before_it():
    results = in_order(range(6), partial(failing_on, 3), ["a", "b"])

    assert len(list(islice(results, 3))) == 3
    with pytest.raises(WorkerFailed, match="ValueError: 3 is not to be had"):
        list(results)


def test_a_worker_that_cannot_begin_says_why():
    with pytest.raises(WorkerFailed, match="RuntimeError: no a here"):
        list(in_order(range(4), unable, ["a", "a"]))


def test_a_worker_that_is_killed_is_told_with_its_exit_code():
    with pytest.raises(WorkerFailed, match="exit code -9"):
        list(in_order(range(4), dying, ["a", "b"]))


def test_closing_ends_the_workers():
    results = in_order(range(1000), slow_on_the_first, ["a", "b"])
    processes = {process for _, _, process in islice(results, 20)}

    results.close()

    assert not any(Path(f"/proc/{process}").exists() for process in processes)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_no_worker_outlives_its_parent(how: signal.Signals, tmp_path: Path):
    pids = tmp_path / "pids"
    program = (
        "import time\n"
        "from training.evaluation.workers import in_order\n"
        "from tests.training.test_workers import slow_on_the_first\n"
        "if __name__ == '__main__':\n"
        "    for _, _, pid in in_order(range(10**6), slow_on_the_first, ['a', 'b']):\n"
        f"        open({str(pids)!r}, 'a').write(f'{{pid}}\\n')\n"
        "        time.sleep(0.01)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    give_up_at = time.monotonic() + 60
    while not pids.exists() or len(set(pids.read_text().split())) < 2:
        assert parent.poll() is None
        assert time.monotonic() < give_up_at
        time.sleep(0.02)

    parent.send_signal(how)
    parent.wait(20)

    workers = {int(pid) for pid in pids.read_text().split()}
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < give_up_at, "a worker is still there"
        time.sleep(0.02)
