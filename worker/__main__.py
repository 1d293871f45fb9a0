"""`python -m worker`: becomes a Celery worker for the models of its settings."""

import os
import sys

from jobs.queue_names import admit_queue, draw_queue
from worker.settings import WorkerSettings, load_settings


def command(settings: WorkerSettings) -> list[str]:
    """The Celery command line of a worker.

    Threads, since a process forked after torch was used hangs; a node name of its own, since
    several workers may run on one host.
    """
    queues = [
        name
        for model_id in settings.model_ids()
        for name in (draw_queue(model_id), admit_queue(model_id))
    ]
    if not queues:
        raise SystemExit(
            f"no models in {settings.model_store_dir}: a store is a folder with a folder for each "
            "model, named by its id, which holds card.json and the weights"
        )
    return [
        *(sys.executable, "-m", "celery", "-A", "worker.celery_app:celery_app", "--quiet"),
        *("worker", "--pool", "threads", "--concurrency", str(settings.threads)),
        *("--queues", ",".join(queues), "--hostname", f"dmae-{os.getpid()}@%h"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--loglevel", settings.log_level),
    ]


def main() -> None:
    """Replace this process by the worker, so that signals reach it."""
    arguments = command(load_settings())
    os.execv(arguments[0], arguments)  # noqa: S606 - no shell, and nothing in it is from outside


if __name__ == "__main__":
    main()
