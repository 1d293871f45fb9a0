"""Runs of the command line in processes that are killed with SIGKILL, and started again.

    python run_and_kill.py '[{"words": [...], "kills": 3, "processes": 2}, ...]'

Every process is forked from this one, which has imported everything and computed nothing, so a
start costs no imports. A run is killed at random moments, as often as is said, and then left to
end; prints the number of kills that met a live run. Exits with the status of the last process.
"""

import json
import os
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

import numpy as np

import training.finetune
import training.pretrain
from training.cli import main

IMPORTED_BEFORE_THE_FORKS = (training.pretrain, training.finetune)


def launch(words: list[str], processes: int) -> list[int]:
    """Forks the processes of a run, as torchrun would start them; their ids."""
    port = free_port()
    children: list[int] = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            if processes > 1:
                os.environ.update(environment(rank, processes, port))
            become(words)
        children.append(child)
    return children


def become(words: list[str]) -> NoReturn:
    """Runs the command line in a forked process, which ends with it."""
    status = 1
    try:
        status = main(words)
    except Exception:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(status)


def environment(rank: int, processes: int, port: int) -> dict[str, str]:
    """What torchrun sets."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
        "GLOO_SOCKET_IFNAME": "lo",
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(child: int) -> bool:
    """Whether a child has not ended yet."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def kill(children: list[int]) -> bool:
    """SIGKILL to every process; whether one of them was still alive."""
    met = any(alive(child) for child in children)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return met


def wait_for_checkpoints(head: Path, count: int, child: int) -> None:
    """Returns when so many new checkpoints have been written, or the child has ended."""
    for _ in range(count):
        before = number(head)
        while number(head) == before and alive(child):
            time.sleep(0.001)


def number(head: Path) -> int:
    """Of the file that holds a name at the moment: another one for every checkpoint."""
    return head.stat().st_mtime_ns if head.exists() else 0


def run(words: list[str], kills: int, processes: int) -> int:
    """A run that is killed so often; the number of kills that met it alive."""
    moments, met = np.random.default_rng(), 0
    head = Path(words[words.index("--out") + 1]) / "checkpoint.json"
    for attempt in range(kills):
        children = launch(words, processes)
        wait_for_checkpoints(head, attempt % 3, children[0])
        time.sleep(moments.uniform(0, 0.1))
        met += kill(children)
    statuses = [os.waitpid(child, 0)[1] for child in launch(words, processes)]
    if any(statuses):
        sys.exit(f"the last run ended with {statuses}")
    return met


if __name__ == "__main__":
    sys.stdout.write(json.dumps([run(**job) for job in json.loads(sys.argv[1])]))
