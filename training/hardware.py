"""What a measurement ran on, in words."""

import os
import platform
from pathlib import Path

import torch


def describe_hardware(device: str = "cpu") -> str:
    """Processor or accelerator, cores, threads and torch's version."""
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{_processor()}, {cores}, torch {torch.__version__}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
