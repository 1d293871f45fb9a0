"""What the `dmae` command sends, prints and does in each mode."""

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
from app.commands.words import describe

Body = Callable[..., dict[str, Any]]
WHY = {"reason": "not_shown", "explanation": "class 3 won 40 of 64 draws"}


def certify(service: Any, picture: Path, *options: str) -> Result:
    arguments = ["certify", str(picture), "--sigma", "0.25", "--url", service.url, *options]
    return CliRunner().invoke(cli, arguments)


def test_options_become_fields(
    service: Any, picture: Path, job_body: Body, model_body: Any, certificate: Any
) -> None:
    service.says("POST /certify", job_body("succeeded", certificate=certificate))
    service.says("GET /jobs/job-1/certificate", certificate)
    service.says("GET /models/tiny", model_body)

    result = certify(
        service, picture, "--mode", "adaptive", "--precision", "0.1", "--bound", "runner-up"
    )

    assert result.exit_code == 0
    sent = service.bodies[service.requests.index("POST /certify")]
    for field, value in (("mode", "adaptive"), ("precision", "0.1"), ("bound", "runner-up")):
        assert f'name="{field}"\r\n\r\n{value}\r\n'.encode() in sent


ENDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "yes": (
        {"mode": "decide", "radius_asked": 0.125, "radius": 0.125, "stop_reason": "shown"},
        ("yes: certified 'cat' within L2 radius 0.125000",),
    ),
    "no": (
        {"mode": "decide", "radius_asked": 0.5, "predicted": None, "abstention": WHY},
        ("no: a radius of 0.500000 was not shown", "class 3 won 40 of 64 draws"),
    ),
    "predicted": ({"mode": "predict", "radius": 0.0}, ("predicted 'cat', without a radius",)),
    "torn": (
        {"mode": "predict", "predicted": None, "abstention": WHY},
        ("abstained: no class can be told",),
    ),
    "early": (
        {"mode": "anytime", "stop_reason": "interim"},
        ("certified 'cat' within L2 radius 0.374123", "more draws may show a larger radius"),
    ),
    "hopeless": (
        {
            "mode": "adaptive",
            "predicted": None,
            "abstention": WHY,
            "counts": {"selection": {"3": 70, "5": 58}, "estimation": {}},
        },
        ("abstained: no class can be certified", "3 70, 5 58 of 128"),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_each_end_has_its_words(certificate: dict[str, Any], name: str) -> None:
    changes, words = ENDS[name]

    text = describe(certificate | changes)

    assert all(each in text for each in words), text
    assert ("L2 radius" in text) == ("certified 'cat'" in text)


def test_ctrl_c_ends_an_anytime_job_with_the_certificate_that_it_has(
    service: Any, picture: Path, job_body: Body, model_body: Any, certificate: Any
) -> None:
    early = certificate | {"mode": "anytime", "stop_reason": "interim"}
    service.says("POST /certify", job_body("queued"), 202)
    service.says("GET /jobs/job-1", job_body("running", interim=early))
    service.says("POST /jobs/job-1/cancel", job_body("succeeded", certificate=early))
    service.says("GET /jobs/job-1/certificate", early)
    service.says("GET /models/tiny", model_body)
    command = [sys.executable, "-m", "app.cli", "certify", str(picture), "--sigma", "0.25"]
    with subprocess.Popen(
        [*command, "--url", service.url], stdout=subprocess.PIPE, text=True
    ) as process:
        give_up = time.monotonic() + 20
        while "GET /jobs/job-1" not in " ".join(service.requests) and time.monotonic() < give_up:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert "certified 'cat' within L2 radius 0.374123" in said
    assert "read early" in said


def test_an_evaluation_is_told_without_rounding_in_its_favour(service: Any) -> None:
    point = {"radius": 1.234567, "accuracy": 0.5, "low": 0.43296, "high": 0.56704}
    figures = {"certified_accuracy": [point], "images": 200, "left_out": 0, "wrong": 9}
    figures |= {"abstained": 1, "average_certified_radius": 0.3, "radius_ceiling": 2.0}
    body = {"id": "evaluation-1", "state": "succeeded", "items": [], "statement": "On them."}
    body |= {"progress": {"items": 200, "items_done": 200, "eta_s": None}}
    service.says("GET /evaluations/evaluation-1", body | {"figures": figures | {"mean_draws": 9}})

    result = CliRunner().invoke(cli, ["evaluate", "--resume", "evaluation-1", "--url", service.url])

    assert result.exit_code == 0, result.output
    assert "1.234567  50.0 %              43.2 to 56.8 %" in result.stdout


def test_a_noise_level_is_listed_as_it_has_to_be_asked_for(service: Any, model_body: Any) -> None:
    model_body["card"]["sigmas"] = [30 / 255]
    service.says("GET /models", {"models": [model_body]})

    result = CliRunner().invoke(cli, ["models", "--url", service.url])

    assert str(30 / 255) in result.stdout
