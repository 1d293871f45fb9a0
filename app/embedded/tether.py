"""Ties a process to the life of the one that started it. Run as a file; standard library only.

    tether.py exec PARENT PROGRAM ARGUMENTS...   (Linux)
    tether.py watch                              (elsewhere)

`exec` asks the kernel to kill this process when the thread that started it ends, and becomes the
program: one process, with the id that the parent knows. The parent must therefore start its
children from a thread that lives as long as it does.

`watch` reads "+PID" and "-PID" lines from its standard input. When the input ends, which it does
however the parent ends, it kills the process groups that were added and not removed.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterable

PR_SET_PDEATHSIG = 1


def tie_and_become(parent: int, arguments: list[str]) -> None:
    """Become a program that is killed when its parent ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    # The parent may have ended before the request was made.
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(arguments[0], arguments)  # noqa: S606 - the command line of our own supervisor


def watch(lines: Iterable[str]) -> None:
    """Kill the process groups that are left when the lines end."""
    alive: set[int] = set()
    for line in lines:
        change, pid = line[0], int(line[1:])
        (alive.add if change == "+" else alive.discard)(pid)
    for pid in alive:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def main(arguments: list[str]) -> None:
    """Entry point."""
    if arguments[0] == "watch":
        watch(sys.stdin)
    else:
        tie_and_become(int(arguments[1]), arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
