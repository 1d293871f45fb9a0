"""The machine: interpreter, libraries, settings, disk, open files, threads."""

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.doctor.findings import Finding, Findings, fail, ok, warn
from app.doctor.settings import torch_threads
from app.embedded.parts import cores
from app.errors import AppError
from app.settings import settings_from_environment

GIBIBYTE = 1024**3
ROOMY_BYTES = 2 * GIBIBYTE
TIGHT_BYTES = GIBIBYTE // 4
OPEN_FILES = 1024

OF_THE_SERVICE = ("fastapi", "uvicorn", "celery", "redis", "numpy", "scipy", "pillow", "joserfc")
OF_WORKERS = ("torch", "timm", "openvino")


def machine(state_dir: Path) -> Findings:
    """All that can be said without asking anybody.

    Args:
        state_dir: Where jobs and logs are kept; it need not exist.
    """
    yield _python()
    yield from _libraries()
    yield _settings()
    yield _disk(state_dir)
    yield _open_files()
    yield _threads()


def _python() -> Finding:
    return ok("python", f"{platform.python_version()} on {platform.platform(terse=True)}")


def _libraries() -> Findings:
    present, missing = _versions(OF_THE_SERVICE)
    if missing:
        yield fail("libraries", f"no {', '.join(missing)}", "`make serve` installs what is locked")
    else:
        yield ok("libraries", present)
    present, missing = _versions(OF_WORKERS)
    if "torch" in missing:
        yield warn(
            "worker libraries",
            "no torch: workers cannot run here",
            "install requirements/worker.txt where workers run; the web process needs none of it",
        )
    elif "openvino" in missing:
        yield warn(
            "worker libraries",
            present,
            "install openvino: on a CPU it runs the models several times faster",
        )
    else:
        yield ok("worker libraries", present)


def _versions(names: tuple[str, ...]) -> tuple[str, list[str]]:
    present: list[str] = []
    missing: list[str] = []
    for name in names:
        try:
            present.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    return ", ".join(present), missing


def _settings() -> Finding:
    try:
        settings_from_environment()
    except AppError as error:
        return fail("settings", str(error), "correct it: the web process does not start like that")
    return ok("settings", "understood by the web process")


def _disk(state_dir: Path) -> Finding:
    there = next(path for path in (state_dir, *state_dir.parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / GIBIBYTE:.1f} GiB free for {state_dir}"
    if free < TIGHT_BYTES:
        return fail("disk", found, "free some: a full disk stops the store, and with it all jobs")
    if free < ROOMY_BYTES:
        return warn("disk", found, "free some, or name another directory in DMAE_STATE_DIR")
    return ok("disk", found)


def _open_files() -> Finding:
    if sys.platform == "win32":
        return ok("open files", "not limited here")
    import resource  # noqa: PLC0415 - Unix alone has it

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 < limit < OPEN_FILES:
        return warn("open files", f"at most {limit}", f"`ulimit -n {OPEN_FILES}` or more")
    return ok("open files", "no limit" if limit < 0 else f"at most {limit:,}")


def _threads() -> Finding:
    have, text = cores(), torch_threads()
    if text is None:
        return ok("threads", f"{have} cores, shared by the workers of `dmae serve`")
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        return fail("threads", f"WORKER_TORCH_THREADS={text[:20]}", "name a number from 1 on")
    if int(text) > have:
        return warn(
            "threads",
            f"{text} threads of a worker on {have} cores",
            f"set WORKER_TORCH_THREADS to at most {have}: more slow each other down",
        )
    return ok("threads", f"{text} of {have} cores for each worker")
