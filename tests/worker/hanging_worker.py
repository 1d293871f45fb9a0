"""A worker whose device hangs for as long as a file exists; a program, run by tests."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from celery.__main__ import main

from smoothing.sampler import Draws, Sampler
from smoothing.votes import Votes
from worker.__main__ import command
from worker.settings import load_settings

HANGS = Path(os.environ["HANGS_WHILE_EXISTS"])
start = Sampler.start


def start_or_hang(sampler: Sampler, slices: Sequence[Draws]) -> Callable[[], list[Votes]]:
    while HANGS.exists():
        time.sleep(0.01)
    return start(sampler, slices)


if __name__ == "__main__":
    Sampler.start = start_or_hang  # type: ignore[method-assign]
    sys.argv = command(load_settings())[2:]
    main()
