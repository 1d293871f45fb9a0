"""`dmae demo`: the whole real stack for a minute, and certificates for the example pictures."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from app.client import Certificate, Client
from app.client.answers import ModelInfo
from app.client.forms import pictures_below
from app.embedded.address import base_url, free_port
from app.embedded.errors import DemoFailed
from app.embedded.lifeline import lifeline
from app.embedded.parts import ROOT
from app.embedded.settings import environment_with
from app.pages.assets import STATIC

HOST = "127.0.0.1"
PICTURES = STATIC / "examples"
DRAWS = 1_000
LONGEST_JOB_S = 600.0
LONGEST_STOP_S = 90.0

_LEFT_OUT = (" ", "Ctrl-C", "stopp")
"""What `dmae serve` says to somebody who can type."""

Report = Callable[[str], None]


def run(report: Report) -> None:
    """Start the stack in a temporary directory, certify pictures, stop it.

    Call from the main thread.

    Args:
        report: Told what happens, a line or a few at a time.

    Raises:
        DemoFailed: The stack did not start or stop as it should, or nothing was certified.
        ClientError: The service refused a picture.
    """
    files = pictures_below(PICTURES)
    began = time.monotonic()
    with served(report) as url, Client(url, api_key="") as client:
        model = client.models()[0]
        report(
            f"\n{model.id}: {model.description}\n"
            f"sigma {model.sigmas[0]:g}, at most {DRAWS:,} draws a picture after a pilot, so that "
            "this is quick; the service's own choice of up to 100,000 shows larger radii\n"
        )
        certificates = [_certify(client, model, file, report) for file in files]
        certified = [it for it in certificates if it.label is not None]
        if not certified:
            raise DemoFailed("none of the pictures was certified")
        report("\none whole certificate:")
        report(f"{json.dumps(certified[0].document, indent=2, ensure_ascii=False)}\n")
    seconds = time.monotonic() - began
    report(
        f"certified {len(certified)} of {len(files)} pictures, and stopped everything, "
        f"in {seconds:.0f} s"
    )


@contextmanager
def served(report: Report) -> Generator[str]:
    """The address of a stack of its own, which ends with the block.

    Raises:
        DemoFailed: It did not get ready, or did not stop by itself.
    """
    port = free_port(HOST)
    with (
        _sigterm_unwinds(),
        tempfile.TemporaryDirectory(prefix="dmae-demo-") as directory,
        lifeline() as ties,
    ):
        command = [sys.executable, "-m", "app.cli", "serve"]
        command += ["--host", HOST, "--port", str(port), "--state-dir", directory, "--keys", "auto"]
        process = subprocess.Popen(  # noqa: S603 - our own command
            ties.command(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            # A stack of its own, whatever server the environment names.
            env=environment_with({"REDIS_URL": ""}),
            start_new_session=True,
        )
        ties.started(process.pid)
        lines = process.stdout or ()
        try:
            _until_ready(lines, report)
            pump = Thread(target=_pass_on, args=(lines, report))
            pump.start()
            yield base_url(HOST, port)
        finally:
            process.terminate()
            code = _end(process)
            ties.ended(process.pid)
        pump.join()
        process.communicate()
        if code != 0:
            raise DemoFailed(f"the stack ended with code {code}")


def _until_ready(lines: Iterable[str], report: Report) -> None:
    for line in lines:
        report(f"  {line.rstrip()}")
        if line.startswith("ready to certify"):
            return
    raise DemoFailed("the stack did not get ready")


def _pass_on(lines: Iterable[str], report: Report) -> None:
    for line in lines:
        if not line.startswith(_LEFT_OUT):
            report(f"  {line.rstrip()}")


def _end(process: "subprocess.Popen[str]") -> int:
    try:
        return process.wait(LONGEST_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _certify(client: Client, model: ModelInfo, file: Path, report: Report) -> Certificate:
    began = time.monotonic()
    job = client.certify(file, sigma=model.sigmas[0], n=DRAWS)
    certificate = job.wait(LONGEST_JOB_S)
    label, proof = "abstained", "no class has a proven majority"
    if certificate.label is not None:
        label, proof = certificate.label, f"radius {certificate.radius:.6f}"
    draws, seconds = job.status.draws_done, time.monotonic() - began
    report(f"  {file.name:<15} {label:<11} {proof:<32} {draws:,} draws {seconds:5.1f} s")
    return certificate


@contextmanager
def _sigterm_unwinds() -> Generator[None]:
    def leave(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
