"""What a measurement ran on, in words."""

import os
import platform
from pathlib import Path

import torch

from training.errors import BadConfig


def describe_hardware(device: str = "cpu") -> str:
    """Processor or accelerator, cores, threads and torch's version."""
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{_processor()}, {cores}, torch {torch.__version__}"


def require_device(device: str) -> None:
    """Refuses a device that is not here, before any time is spent.

    Raises:
        BadConfig: Torch does not know it, or cannot use it on this machine.
    """
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise BadConfig(f"no device is called {device!r}; cpu, cuda and cuda:1 are") from error
    if wanted.type not in {"cpu", "cuda"}:
        raise BadConfig(f"device {device} cannot train or evaluate here; cpu, cuda and cuda:1 can")
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise BadConfig(
            f"device {device} is not here: torch can use {torch.cuda.device_count()} GPUs on this "
            "machine; cpu computes without one, slowly"
        )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
