"""The `dmae` commands and the real application."""

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.client import AsyncClient, AsyncJob, Certificate, Client
from app.client.errors import Unauthorized
from app.commands.certifying import Batch, Picture
from app.commands.progress import shown_bars

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("clean_environment")]


@pytest.mark.usefixtures("working")
def test_a_folder_becomes_a_table_and_a_folder_of_certificates(
    dmae: Any, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = dmae("certify", folder, "--sigma", 0.25, "--n", 300, "--out", out)

    assert result.exit_code == 0, result.output
    heads, *rows = [line.split() for line in result.stdout.splitlines()]
    assert heads == ["file", "result", "class", "radius", "draws", "job"]
    assert [row[0] for row in rows] == ["a.png", "b.png", "more/a.png"]
    assert {(row[1], row[2]) for row in rows} == {("certified", "cat")}
    saved = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.json"))
    assert saved == [f"{row[0]}.certificate.json" for row in rows]


@pytest.mark.usefixtures("working")
def test_files_of_a_folder_that_are_not_asked_about_are_told(dmae: Any, folder: Path) -> None:
    (folder / "more" / "photo.HEIC").write_bytes(b"of a telephone")
    (folder / "._a.png").write_bytes(b"what macOS knows about a picture")

    result = dmae("certify", folder, "--sigma", 0.25, "--n", 300)

    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 1 + 3
    assert "no worker" not in result.stderr
    assert "2 files passed over, such as more/photo.HEIC; taken are .jpeg" in result.stderr


@pytest.mark.parametrize("command", ["certify", "evaluate"])
def test_a_question_that_waits_for_a_worker_says_so(dmae: Any, folder: Path, command: str) -> None:
    leave = ("--detach",) if command == "evaluate" else ("--timeout", 0)

    result = dmae(command, folder, "--sigma", 0.25, *leave)

    assert "no worker is ready for tiny.colours: what is not known already waits" in result.stderr


@pytest.mark.usefixtures("working")
def test_one_bad_picture_keeps_no_other_from_its_certificate(dmae: Any, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"no picture")

    result = dmae("certify", folder, "--sigma", 0.25, "--n", 300, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [each["certificate"] is not None for each in found] == [True, True, False, True]
    assert found[2]["error"]


@pytest.mark.usefixtures("working")
def test_what_was_certified_is_told_even_if_the_key_dies_in_between(
    dmae: Any, folder: Path, make_key: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key()
    certify = AsyncClient.certify

    async def until_revoked(client: AsyncClient, image: Path, **question: Any) -> AsyncJob:
        if image.name == "b.png":
            raise Unauthorized(status=401, title="An API key is needed", detail="it was revoked")
        return await certify(client, image, **question)

    monkeypatch.setattr(AsyncClient, "certify", until_revoked)

    result = dmae("certify", folder, "--sigma", 0.25, "--n", 300, "--parallel", 1, key=key)

    assert result.exit_code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()[1:]] == [
        "certified",
        "no",
        "no",
    ]
    assert "it was revoked" in result.stderr
    assert "more/a.png: given up before the service had taken it" in result.stderr


def test_a_result_says_of_every_picture_what_became_of_it(
    dmae: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any, **__: Any) -> AsyncJob:
        raise Unauthorized(status=401, title="An API key is needed", detail="it was revoked")

    monkeypatch.setattr(AsyncClient, "certify", refused)

    result = dmae("certify", folder, "--sigma", 0.25, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["detail"] == "it was revoked"


def test_what_is_interrupted_at_its_very_beginning_tells_of_each_picture_too(folder: Path) -> None:
    picture = Picture(file=folder / "a.png", name="a.png")

    batch = Batch(pictures=[picture], question={}, parallel=1, timeout_s=None, out=None)

    assert [str(outcome.why) for outcome in batch.outcomes] == [
        "given up before the service had taken it"
    ]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (Unauthorized(status=401, title="No", detail="it was revoked"), "it was revoked"),
        (asyncio.CancelledError(), "given up before it had ended"),
    ],
    ids=["refused", "interrupted"],
)
def test_a_job_that_the_service_had_taken_is_not_told_as_one_that_it_had_not(
    folder: Path, end: BaseException, why: str
) -> None:
    async def ends(*_: Any) -> None:
        raise end

    class Taking:
        async def certify(self, *_: Any) -> Any:
            return SimpleNamespace(status="taken", wait=ends, cancel=ends)

    picture = Picture(file=folder / "a.png", name="a.png")
    batch = Batch(pictures=[picture], question={}, parallel=1, timeout_s=None, out=None)

    with shown_bars(1) as bars, suppress(asyncio.CancelledError):
        asyncio.run(batch.run(cast("AsyncClient", Taking()), bars))

    assert [str(outcome.why) for outcome in batch.outcomes] == [why]


@pytest.mark.usefixtures("working")
def test_a_full_disk_is_told_in_words(
    dmae: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Certificate, "save", full)

    result = dmae("certify", folder, "--sigma", 0.25, "--n", 300, "--out", tmp_path, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["kind"] == "OSError"
    assert result.stderr.endswith("error: No space left on device\n")


def test_pictures_that_cannot_be_told_apart_are_refused(dmae: Any, folder: Path) -> None:
    result = dmae("certify", folder / "a.png", folder / "more" / "a.png", "--sigma", 0.25)

    assert result.exit_code == 2
    assert "same name" in result.stderr


def test_a_folder_without_pictures_is_refused(dmae: Any, tmp_path: Path) -> None:
    assert dmae("certify", tmp_path, "--sigma", 0.25).exit_code == 2


@pytest.mark.usefixtures("working")
def test_json_of_one_certificate_verifies(
    dmae: Any, folder: Path, live: str, tmp_path: Path
) -> None:
    said = dmae("certify", folder / "a.png", "--sigma", 0.25, "--n", 300, "--json")
    saved = tmp_path / "certificate.json"
    saved.write_text(said.stdout)

    with Client(live) as client:
        assert client.verify(saved.read_bytes()).outcome == "valid"


@pytest.mark.usefixtures("worker")
def test_ctrl_c_cancels_all_that_is_under_way_and_tells_of_each(folder: Path, live: str) -> None:
    command = [sys.executable, "-m", "app.cli", "certify", str(folder), "--sigma", "0.25", "--json"]
    with (
        Client(live) as client,
        subprocess.Popen(
            [*command, "--parallel", "2", "--url", live], stdout=subprocess.PIPE
        ) as process,
    ):
        give_up_at = time.monotonic() + 20
        while len(list(client.jobs())) < 2 and time.monotonic() < give_up_at:
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
        states = {job.id: job.status.state for job in client.jobs()}

    found = json.loads(said)
    assert process.returncode == 130
    assert [each["job"] in states for each in found] == [True, True, False]
    assert set(states.values()) == {"cancelled"}
    assert found[2]["error"] == "given up before the service had taken it"


@pytest.mark.usefixtures("worker")
def test_a_key_is_taken_from_the_environment_or_the_command_line(
    dmae: Any, make_key: Callable[..., str]
) -> None:
    key = make_key()

    refused, accepted = dmae("models"), dmae("models", key=key)
    told = dmae("models", "--api-key", key, "--json")

    assert (refused.exit_code, accepted.exit_code, told.exit_code) == (1, 0, 0)
    assert "DMAE_API_KEY" in refused.stderr
    assert json.loads(told.stdout)[0]["id"] == "tiny.colours"


@pytest.mark.usefixtures("worker")
def test_what_is_refused_is_said_once(dmae: Any, picture_file: Path) -> None:
    one = dmae("certify", picture_file, "--sigma", "0.25", "--mode", "decide")
    two = dmae("certify", picture_file, "--sigma", "0.25", "--alpha", "0", "--n", "0")

    assert one.stderr.count("is required in mode decide") == 1
    assert [line.split(":")[0] for line in two.stderr.splitlines()[1:]] == ["  n", "  alpha"]


def test_what_is_refused_is_said_with_the_nearest_that_would_do(
    dmae: Any, picture_file: Path
) -> None:
    low = dmae("certify", picture_file, "--sigma", "0.25", "--n", "5")
    other = dmae("certify", picture_file, "--sigma", "0.3")

    assert low.stderr.rstrip().endswith("(the nearest that would do: 128)")
    assert other.stderr.rstrip().endswith("was trained for sigma 0.25, 0.5, not 0.3")
