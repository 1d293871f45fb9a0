"""The composition root of a worker process."""

import importlib.metadata
import logging
import os
import platform
import secrets
import socket
import time
from collections.abc import Mapping

import celery
import torch

from jobs.command import SyncRunner
from jobs.connection import make_redis
from jobs.queue import send_draw
from jobs.record import Chunk, JobSpec, Maker, ModelRef, WorkerInfo, WorkerModel
from jobs.tracing import start_tracing
from worker.advancing import Machine
from worker.batcher import Batcher, BatchSampler
from worker.drawing import Drawing
from worker.models import Models, choose_device, describe_device, load_models, wishes_of
from worker.presence import Presence, Windows
from worker.settings import WorkerSettings
from worker.telemetry import Counters, Metered
from worker.watchdog import MemoryLimit, Watchdog, end_process, end_unless_fed

logger = logging.getLogger(__name__)

STORE_TIMEOUT_S = 5.0
PACKAGES = ("torch", "timm", "openvino", "numpy", "scipy", "dmae-certify")


def versions() -> dict[str, str]:
    """Versions of what takes part in a certificate."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            if package == "dmae-certify":
                found[package] = "from source"
    return found


def _end_if_the_device_is_broken(error: Exception) -> None:
    """After such an error every later batch would fail too, and with it innocent jobs."""
    if isinstance(error, torch.AcceleratorError):
        logger.critical("device broken", exc_info=error)
        end_process("the device is broken")


class Service:
    """Everything that one worker process holds. Nothing is loaded before `start`.

    Args:
        settings: Of this process.
        app: Sends messages.
    """

    def __init__(self, settings: WorkerSettings, app: celery.Celery) -> None:
        self._settings = settings
        self._app = app
        self._models = Models()
        self._counters = Counters()
        self._metered: Mapping[str, Metered] = {}
        self._tracing = start_tracing("dmae-worker")
        hostname = socket.gethostname()
        instance = f"{hostname}-{os.getpid()}-{secrets.token_hex(4)}"
        runner = SyncRunner(make_redis(settings.redis_url, timeout_s=STORE_TIMEOUT_S))
        windows = Windows()
        self._batcher = Batcher(self._load, on_error=_end_if_the_device_is_broken)
        self.drawing = Drawing(
            runner=runner,
            batcher=self._batcher,
            problem=self._problem,
            maker=self._maker,
            send=self._send,
            machine=Machine(instance=instance, versions=versions()),
            window=windows,
            tracing=self._tracing,
            patience_s=settings.patience_s,
        )
        info = WorkerInfo(
            instance=instance,
            hostname=hostname,
            state="starting",
            started_at=time.time(),
            threads=settings.threads,
            device=describe_device(choose_device(settings.device)),
            models=tuple(
                WorkerModel(id=model_id, weights_sha256="", draws_per_s=None, batch_size=None)
                for model_id in settings.model_ids()
            ),
        )
        self._presence = Presence(
            runner=runner,
            info=info,
            drawing=self.drawing,
            windows=windows,
            watchdog=Watchdog(
                busy_s=self._batcher.busy_s, stuck_s=settings.stuck_s, feed=end_unless_fed
            ),
            counters=self._counters,
            speeds=self._speeds,
            memory=MemoryLimit(settings.max_rss_mb).look,
        )

    def start(self) -> None:
        """Load and measure the models; chunks can be drawn when it returns."""
        if self._settings.torch_threads is not None:
            torch.set_num_threads(self._settings.torch_threads)
        self._presence.start()
        self._batcher.start()
        self._presence.ready(tuple(self._models.info.values()))
        logger.info("ready to certify", extra={"models": list(self._models.samplers)})

    def stop(self) -> None:
        """Let go of everything; no chunk may be at work."""
        self._batcher.close()
        self._presence.stop()
        self._tracing.close()

    def leave_at_once(self) -> None:
        """End the process; chunks in hand go to others."""
        logger.warning("leaving at once")
        try:
            self.drawing.give_back()
            self._presence.stop()
        finally:
            os._exit(0)

    def _load(self) -> Mapping[str, BatchSampler]:
        settings = self._settings
        self._models = load_models(
            settings.model_store_dir, settings.model_ids(), wishes_of(settings)
        )
        self._metered = {
            model_id: Metered(
                sampler, self._counters, draws_per_s=self._models.info[model_id].draws_per_s or 0.0
            )
            for model_id, sampler in self._models.samplers.items()
        }
        return self._metered

    def _speeds(self) -> Mapping[str, float]:
        return {model_id: metered.draws_per_s for model_id, metered in self._metered.items()}

    def _problem(self, model: ModelRef) -> str | None:
        return self._models.problem(model)

    def _maker(self, spec: JobSpec) -> Maker:
        return self._models.maker(spec)

    def _send(self, model_id: str, chunk: Chunk) -> None:
        send_draw(self._app, model_id, chunk)
