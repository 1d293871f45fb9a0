"""The machine: what it is, in words, and whether it has what a command asks for."""

import os
import platform
from pathlib import Path

import torch
from torch.utils._triton import has_triton

from training.errors import BadConfig, CompileFailed

WITHOUT_A_GPU = "--loop.device cpu --loop.no-compile"


def describe_hardware(device: str = "cpu") -> str:
    """Processor or accelerator, cores, threads and torch's version."""
    if torch.device(device).type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{processor()}, {cores}, torch {torch.__version__}"


def require_device(device: str, *, instead: str) -> None:
    """Refuses a device that is not here, before any time is spent.

    Args:
        device: As torch names it.
        instead: Options that need no GPU.

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
            f"machine; {instead} computes without one, slowly"
        )


def require_compiler(device: str) -> None:
    """Refuses to compile where torch.compile lacks what it needs, before any time is spent.

    Raises:
        CompileFailed: There is no C++ compiler for a CPU, or no Triton for a GPU.
    """
    if torch.device(device).type == "cuda":
        missing = "" if has_triton() else "Triton"
    else:
        missing = "" if _compiles() else "a C++ compiler"
    if missing:
        raise CompileFailed(
            f"torch.compile needs {missing}, which is not here; --loop.no-compile computes "
            "without it"
        )


def _compiles() -> bool:
    from torch._inductor.cpp_builder import get_cpp_compiler  # noqa: PLC0415 - slow, rarely needed

    try:
        return bool(get_cpp_compiler())
    except RuntimeError:
        return False


def processor() -> str:
    """The processor's name, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
