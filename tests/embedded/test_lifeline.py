"""Children die with their parent, however it ends."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

PARENT = """
import subprocess, sys, time
from app.embedded.lifeline import KernelLifeline, WatchedLifeline
ties = {kind}()
child = subprocess.Popen(ties.command(["/bin/sh", "-c", "sleep 60 & wait"]), start_new_session=True)
ties.started(child.pid)
print(child.pid, flush=True)
sys.stdin.read()
"""

KINDS = [
    pytest.param(
        "KernelLifeline",
        marks=pytest.mark.skipif(sys.platform != "linux", reason="a request to the Linux kernel"),
    ),
    "WatchedLifeline",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_parent_leaves_no_orphan(kind: str, is_gone: Callable[[int], bool]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(kind=kind)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

        assert is_gone(child)


def test_a_parent_that_is_gone_already_starts_nothing() -> None:
    tether = "app/embedded/tether.py"
    not_the_parent = str(os.getppid())

    done = subprocess.run(
        [sys.executable, tether, "exec", not_the_parent, "/bin/echo", "started"],
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, b"")
