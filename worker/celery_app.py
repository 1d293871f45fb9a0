"""The Celery app of a worker process: the only module that builds one when imported."""

import logging
import sys
from typing import Any

from celery.signals import setup_logging, worker_init, worker_ready, worker_shutdown

from jobs.queue import make_celery
from worker.service import Service
from worker.settings import load_settings

settings = load_settings()
celery_app = make_celery(settings.redis_url)
celery_app.conf.include = ["worker.tasks"]
service = Service(settings, celery_app)


@setup_logging.connect(weak=False)
def _set_up_logging(**_: Any) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=settings.log_level,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    # It tells every task's beginning and end, which are as many as chunks.
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)


@worker_init.connect(weak=False)
def _start(**_: Any) -> None:
    service.start()


@worker_ready.connect(weak=False)
def _say_ready(**_: Any) -> None:
    sys.stdout.write("worker ready to certify\n")
    sys.stdout.flush()


@worker_shutdown.connect(weak=False)
def _stop(**_: Any) -> None:
    service.stop()
