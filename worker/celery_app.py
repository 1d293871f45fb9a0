"""The Celery app of a worker process: the only module that builds one when imported."""

import atexit
import logging
import os
import signal
import sys
from threading import Thread
from typing import Any

from celery.signals import (
    setup_logging,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)

from jobs.logs import configure_logging
from jobs.queue import make_celery
from worker.service import Service
from worker.settings import load_settings
from worker.watchdog import end_process

logger = logging.getLogger(__name__)

settings = load_settings()
celery_app = make_celery(settings.redis_url)
celery_app.conf.include = ["worker.tasks"]
service = Service(settings, celery_app)


@setup_logging.connect(weak=False)
def _set_up_logging(**_: Any) -> None:
    configure_logging(settings.log_level)
    # It tells every task's beginning and end, which are as many as chunks.
    logging.getLogger("celery.app.trace").setLevel(logging.WARNING)
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)


@worker_init.connect(weak=False)
def _start(**_: Any) -> None:
    # Celery sends this before it sets up logging, and goes on whatever is raised here: without
    # models, to fail the jobs whose chunks it takes.
    configure_logging(settings.log_level)
    try:
        service.start()
    except Exception as error:
        logger.critical("not started", exc_info=error)
        end_process("the models could not be loaded")


@worker_ready.connect(weak=False)
def _say_ready(**_: Any) -> None:
    sys.stdout.write("worker ready to certify\n")
    sys.stdout.flush()


@worker_shutting_down.connect(weak=False)
def _let_a_second_signal_be_quicker(**_: Any) -> None:
    # Celery would ignore it, and wait for the chunks in hand. Not here, in the signal's handler,
    # which may have stopped this thread anywhere, but in a thread that may wait for locks.
    leaving = Thread(target=service.leave_at_once, name="leaving", daemon=True)
    signal.signal(signal.SIGTERM, lambda *_: leaving.is_alive() or leaving.start())


@worker_shutdown.connect(weak=False)
def _stop(sender: Any, **_: Any) -> None:
    service.stop()
    # All is closed. The interpreter would spend seconds on taking torch apart, object by object.
    atexit.register(os._exit, sender.exitcode or 0)
