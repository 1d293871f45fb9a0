"""What the `dmae` command prints, and how it exits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.embedded.address import free_port
from app.embedded.state_dir import held, private_directory

Body = Callable[..., dict[str, Any]]


def dmae(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def certify(service: Any, picture: Path, *options: str) -> Result:
    return dmae("certify", picture, "--sigma", "0.25", "--url", service.url, *options)


@pytest.fixture
def knows_the_picture(service: Any, job_body: Body, model_body: Any, certificate: Any) -> None:
    done = job_body("succeeded", certificate=certificate, cached=True)
    service.says("POST /certify", done).says("GET /models/tiny", model_body)
    service.says("GET /jobs/job-1/certificate", certificate)


@pytest.mark.usefixtures("knows_the_picture")
def test_a_certificate_is_put_in_words(service: Any, picture: Path) -> None:
    result = certify(service, picture)

    assert result.exit_code == 0
    for words in (
        "cat.jpg: certified 'cat' within L2 radius 0.374123",
        "95.401365 in 0..255",
        "0.374110, over the 32 x 32 pixels of the uploaded picture",
        "0.615814 is the most that n = 1,000 draws can show",
        "cat 988, dog 12 of 1,000, under noise of sigma 0.25",
        "job job-1 (known before)",
    ):
        assert words in result.stdout


@pytest.mark.usefixtures("knows_the_picture")
def test_json_is_the_certificate_and_nothing_else(
    service: Any, picture: Path, certificate: dict[str, Any]
) -> None:
    result = certify(service, picture, "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, certificate)


def test_an_abstention_is_a_result_and_explained(
    service: Any, picture: Path, job_body: Body, model_body: Any, certificate: dict[str, Any]
) -> None:
    why = {"reason": "no_majority", "explanation": "no class won half of the votes"}
    abstained = certificate | {"predicted": None, "radius": 0.0, "abstention": why}
    service.says("POST /certify", job_body("succeeded", certificate=abstained))
    service.says("GET /jobs/job-1/certificate", abstained)
    service.says("GET /models/tiny", model_body)

    result = certify(service, picture)

    assert result.exit_code == 0
    assert "abstained: no class can be certified" in result.stdout
    assert "no class won half of the votes" in result.stdout


def test_every_fault_of_a_request_is_named(service: Any, picture: Path) -> None:
    faults = [{"field": "sigma", "detail": "must be 0.25"}, {"field": "n", "detail": "too small"}]
    problem = {"title": "Parameters are wrong", "detail": "two of them", "errors": faults}
    service.says("POST /certify", problem, 422)

    result = certify(service, picture)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Parameters are wrong:",
        "  sigma: must be 0.25",
        "  n: too small",
    ]


def test_json_is_one_document_in_failure_too(service: Any, picture: Path) -> None:
    fault = {"field": "sigma", "detail": "must be 0.25", "nearest": 0.25}
    problem = {"type": "/problems/invalid-parameter", "title": "No", "detail": "no"}
    service.says("POST /certify", problem | {"errors": [fault]}, 422)

    result = certify(service, picture, "--json")

    said = json.loads(result.stdout)["error"]
    assert (result.exit_code, result.stderr) == (1, "No: no\n")
    assert (said["kind"], said["status"]) == ("invalid-parameter", 422)
    assert said["errors"][0]["nearest"] == 0.25


def test_a_folder_that_cannot_be_written_to_is_named_before_anything_is_asked(
    service: Any, picture: Path
) -> None:
    result = certify(service, picture, "--out", str(picture / "below"))

    assert (result.exit_code, service.requests) == (1, [])
    assert "cannot read or write" in result.stderr
    assert "cat.jpg" in result.stderr


def test_a_certificate_is_shown_though_the_service_went_away_after_it(
    service: Any, picture: Path, job_body: Body, certificate: Any
) -> None:
    service.says("POST /certify", job_body("succeeded", certificate=certificate))
    service.says("GET /jobs/job-1/certificate", certificate)

    result = certify(service, picture)

    assert result.exit_code == 0
    assert "3 988, 5 12 of 1,000" in result.stdout


def test_a_failed_job_says_why(service: Any, picture: Path, job_body: Body) -> None:
    error = {"code": "chunk_killed_workers", "message": "three workers died"}
    service.says("POST /certify", job_body("failed", error=error))

    result = certify(service, picture)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "job job-1 failed: three workers died (chunk_killed_workers)\n"


def test_nobody_at_the_address_suggests_serve(picture: Path) -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"

    result = dmae("certify", picture, "--sigma", "0.25", "--url", url)

    assert result.exit_code == 3
    assert "Is `dmae serve` running?" in result.stderr


def test_ctrl_c_cancels_the_job(service: Any, picture: Path, job_body: Body) -> None:
    service.says("POST /certify", job_body("queued"), 202)
    service.says("GET /jobs/job-1", job_body("running"))
    service.says("POST /jobs/job-1/cancel", job_body("cancelled"))
    command = [sys.executable, "-m", "app.cli", "certify", str(picture), "--sigma", "0.25"]
    with subprocess.Popen(
        [*command, "--url", service.url], stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: "GET /jobs/job-1" in " ".join(service.requests))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert (process.returncode, said) == (130, "job job-1 cancelled\n")
    assert "POST /jobs/job-1/cancel" in service.requests


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.01)


def test_models_are_listed(service: Any, model_body: dict[str, Any]) -> None:
    service.says("GET /models", {"models": [model_body]})

    result = dmae("models", "--url", service.url)

    assert result.exit_code == 0
    for words in ("tiny (default)", "0.25", "32 x 32", "95"):
        assert words in result.stdout


def test_serve_refuses_a_state_directory_in_use(tmp_path: Path) -> None:
    state = private_directory(tmp_path / "state")

    with held(state, url="http://127.0.0.1:8000"):
        result = dmae("serve", "--state-dir", state, "--port", "0")

    assert result.exit_code == 1
    assert f"process {os.getpid()} serves http://127.0.0.1:8000" in result.stderr


def test_serve_does_not_let_the_world_in_without_a_key(tmp_path: Path) -> None:
    address = ["--host", "0.0.0.0", "--port", "0"]  # noqa: S104 - it is refused

    result = dmae("serve", "--state-dir", tmp_path / "state", *address)

    assert result.exit_code == 1
    assert "`dmae keys create`" in result.stderr
    assert "--keys off" in result.stderr


def test_serve_says_that_the_store_it_was_given_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"unix://{tmp_path}/none")

    result = dmae("serve", "--state-dir", tmp_path / "state", "--port", "0")

    assert result.exit_code == 1
    assert "REDIS_URL" in result.stderr


def test_an_unknown_keys_mode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEYS", "maybe")

    result = dmae("serve", "--state-dir", tmp_path)

    assert result.exit_code == 1
    assert "APP_KEYS: Input should be 'auto', 'required' or 'off'" in result.stderr


def test_serve_says_which_setting_has_no_such_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_DRAIN", "3")

    result = dmae("serve", "--state-dir", tmp_path, "--port", "0")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "APP_DRAIN is not a setting; did you mean APP_DRAIN_S?" in result.stderr


@pytest.mark.parametrize("options", [[], ["--port", "0"]])
def test_serve_says_that_an_address_is_none_of_this_machine(
    tmp_path: Path, options: list[str]
) -> None:
    result = dmae("serve", "--state-dir", tmp_path, "--host", "192.0.2.1", *options)

    assert result.exit_code == 1
    assert "cannot listen on 192.0.2.1" in result.stderr


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["keys", "list"]])
def test_a_store_s_address_that_is_none_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "store:6379")

    result = dmae(*command, "--state-dir", tmp_path)

    assert result.exit_code == 1
    assert "REDIS_URL must begin with one of redis://" in result.stderr


@pytest.mark.parametrize(("command", "program"), [("api", "uvicorn"), ("worker", "worker")])
def test_a_single_part_takes_the_place_of_the_command(
    monkeypatch: pytest.MonkeyPatch, command: str, program: str
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: became.append(arguments))

    assert dmae(command).exit_code == 0
    assert became[0][:3] == [sys.executable, "-m", program]


def test_a_web_process_has_a_path_of_its_own_and_finishes_uploads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: became.append(arguments))
    monkeypatch.setenv("APP_BODY_TIMEOUT_S", "120")

    assert dmae("api", "--root-path", "below/this/").exit_code == 0
    said = dict(zip(became[0], became[0][1:], strict=False))
    assert said["--root-path"] == "/below/this"
    assert float(said["--timeout-graceful-shutdown"]) > 120


def test_a_web_process_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DRAIN_S", "1000")

    result = dmae("api")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "APP_DRAIN_S: " in result.stderr


def test_help_starts_quickly_because_it_loads_little() -> None:
    heavy = "{'torch', 'celery', 'httpx', 'pydantic', 'numpy'}"
    code = f"import sys; import app.cli; print(sorted({heavy} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
