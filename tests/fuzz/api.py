"""The served OpenAPI document against the service: schemathesis, with all its checks.

Run it as `python -m tests.fuzz.api SECONDS [SEED]`; it needs a Redis program, and starts its own.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.embedded.valkey import find_server
from app.main import create_app
from app.services import build_services
from app.settings import AppSettings
from model_store.card import dump_card
from tests.app.acting import CARD, MODEL, QuietWaker, Worker
from tests.serving import serving

RECEIVER = "http://127.0.0.1:1"
"""The one that the service allows; nobody listens there."""

ROOT = Path(__file__).parents[2]
ALL_PHASES = "examples,coverage,fuzzing,stateful"


@contextmanager
def service(redis_url: str, model_store: Path) -> Iterator[str]:
    """URL of a service with a worker that votes without a model."""
    settings = AppSettings(
        redis_url=redis_url,
        model_store_dir=model_store,
        signing_keys_dir=model_store.parent / "signing",
        max_wait_s=0.2,
        webhook_allow=(RECEIVER,),
    )
    app = create_app(build_services(settings, waker=QuietWaker()))
    with _working(redis_url), serving(app) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _working(redis_url: str) -> Iterator[None]:
    done = threading.Event()

    def work() -> None:
        worker = Worker(redis_url)
        while not done.wait(0.1):
            worker.beat()
            worker.work()
        worker.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


def run(
    url: str, *, seconds: int, seed: int, examples: int, phases: str = ALL_PHASES
) -> "subprocess.CompletedProcess[str]":
    """Tests a service; the exit status says whether anything was found.

    One check is left out, `positive_data_acceptance`: fields that are right by themselves are
    refused where they do not go together, which no schema says.

    Args:
        url: Of the service.
        seconds: For all of it; 0 for as long as it takes.
        seed: The same gives the same requests.
        examples: Requests an operation and phase.
        phases: Of schemathesis.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    command += ["--phases", phases, "--max-examples", str(examples), "--seed", str(seed)]
    command += ["--generation-database", "none", "--request-timeout", "10", "--no-color"]
    command += ["--max-time", str(seconds)] if seconds else []
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            command,
            cwd=folder,
            env=os.environ
            | {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "HOME": folder, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )


def main() -> None:
    """Tests the service for so many seconds."""
    seconds = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 2**32
    # Not in the usual place: the path of a unix socket has about a hundred bytes.
    with tempfile.TemporaryDirectory(prefix="dmae", dir="/tmp") as folder:
        home, store = Path(folder), Path(folder) / "models"
        (store / MODEL).mkdir(parents=True)
        dump_card(CARD, store / MODEL / "card.json")
        socket = home / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        with subprocess.Popen([str(find_server()), *options], stdout=subprocess.DEVNULL) as redis:
            while not socket.exists():
                time.sleep(0.01)
            with service(f"unix://{socket}", store) as url:
                done = run(url, seconds=seconds, seed=seed, examples=100)
            redis.terminate()
    sys.stdout.write(done.stdout)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
