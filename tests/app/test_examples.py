"""The examples run, and print what they promise."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from app.client import Client

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("working")]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(live: str, tmp_path: Path) -> Run:
    """Runs an example against a working service, in a folder of its own."""

    def run(name: str, *arguments: object, key: str = "") -> "subprocess.CompletedProcess[str]":
        program = "/bin/sh" if name.endswith(".sh") else sys.executable
        return subprocess.run(
            [program, str(EXAMPLES / name), *map(str, arguments)],
            cwd=tmp_path,
            env={"DMAE_URL": live, "DMAE_API_KEY": key, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_every_example_is_tested() -> None:
    said = Path(__file__).read_text()

    assert [file.name for file in EXAMPLES.glob("*.*") if file.name not in said] == []


def test_a_certificate_is_made_and_verified_offline(
    run: Run, live: str, picture_file: Path, tmp_path: Path
) -> None:
    certified = run("certify_one.py", picture_file)
    (tmp_path / "jwks.json").write_bytes(httpx.get(f"{live}/.well-known/jwks.json").content)
    verified = run("verify_offline.py", "certificate.json", "jwks.json")
    file = tmp_path / "certificate.json"
    file.write_bytes(file.read_bytes().replace(b'"cat"', b'"dog"'))
    forged = run("verify_offline.py", "certificate.json", "jwks.json")

    assert certified.returncode == 0, certified.stderr
    assert "'cat', whatever changes by less than" in certified.stdout
    assert "queued, 0 of" in certified.stdout
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.endswith("\nvalid\n")
    assert forged.returncode == 1
    assert "WRONG  signature" in forged.stdout


def test_many_pictures_are_certified(
    run: Run, live: str, picture: Callable[..., bytes], tmp_path: Path
) -> None:
    files = [tmp_path / f"{seed}.png" for seed in range(12)]
    for seed, file in enumerate(files):
        file.write_bytes(picture(seed))
    (tmp_path / "broken.png").write_bytes(b"no picture")

    said = run("batch_async.py", *files, tmp_path / "broken.png")

    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert len(lines) == 13
    radii = [float(line.split()[-1]) for line in lines if ".png: cat 0." in line]
    assert len(radii) == 12
    with Client(live) as client:
        proved = {job.wait().radius for job in client.jobs()}
    assert set(radii) <= proved, "an example rounds radii"


@pytest.mark.parametrize(("radius", "code", "answer"), [(0.125, 0, "yes: 'cat' holds"), (9, 2, "")])
def test_a_threshold_is_decided(
    run: Run, picture_file: Path, radius: float, code: int, answer: str
) -> None:
    said = run("decide_threshold.py", picture_file, radius)

    assert (said.returncode, said.stdout[: len(answer)]) == (code, answer), said.stderr


def test_a_folder_is_evaluated(run: Run, picture: Callable[..., bytes], tmp_path: Path) -> None:
    for name, seed in (("cat/a.png", 1), ("cat/b.png", 2), ("dog/c.png", 3), ("yeti/d.png", 4)):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(picture(seed))

    said = run("evaluate_folder.py", tmp_path / "set")

    assert said.returncode == 0, said.stderr
    assert "radius 0.0: certified accuracy 0.667" in said.stdout
    assert "yeti/d.png: " in said.stdout
    assert len((tmp_path / "evaluation.tsv").read_text().splitlines()) == 4
    assert "<svg" in (tmp_path / "evaluation.svg").read_text()


@pytest.mark.parametrize("with_key", [False, True])
def test_curl_is_enough(
    run: Run, picture_file: Path, make_key: Callable[..., str], tmp_path: Path, with_key: bool
) -> None:
    key = make_key() if with_key else ""

    said = run("curl.sh", picture_file, key=key)

    assert said.returncode == 0, said.stderr
    assert '"outcome":"valid"' in said.stdout
    assert json.loads((tmp_path / "certificate.json").read_text())["verdict"] == "certified"


def test_a_webhook_is_believed_once_and_only_if_signed(tmp_path: Path) -> None:
    secret = "whsec_" + "c2VjcmV0" * 4
    (tmp_path / "secrets").write_text(f"whsec_b2xk\n{secret}\n")
    body = b'{"type": "job.succeeded", "data": {"id": "job-1"}}'
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body.decode()),
    }
    command = [
        sys.executable,
        str(EXAMPLES / "webhook_receiver.py"),
        str(tmp_path / "secrets"),
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        lines: Any = receiver.stdout
        url = f"http://127.0.0.1:{next(lines).split()[-1]}/"
        answers = [
            httpx.post(url, content=content, headers=headers).status_code
            for content in (body, body + b" ", body)
        ]
        receiver.terminate()
        said = list(lines)

    assert answers == [204, 400, 204]
    assert said == ["job.succeeded: job-1\n"]
