"""`dmae jobs` and the real application."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.client import Client
from app.client.errors import ServiceUnreachable

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("clean_environment")]


@pytest.mark.usefixtures("worker")
def test_jobs_are_listed_shown_cancelled_and_deleted(dmae: Any, folder: Path, live: str) -> None:
    with Client(live) as client:
        ids = [client.certify(folder / name, sigma=0.25).id for name in ("a.png", "b.png")]

    listed = dmae("jobs", "list")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["job", *ids[::-1]]
    assert json.loads(dmae("jobs", "show", ids[0], "--json").stdout)["state"] == "queued"
    # 1 is the next to start.
    assert ", place 1 in the queue" in dmae("jobs", "show", ids[0]).stdout
    assert dmae("jobs", "cancel", *ids).stdout == f"{ids[0]} cancelled\n{ids[1]} cancelled\n"
    assert len(json.loads(dmae("jobs", "list", "--state", "cancelled", "--json").stdout)) == 2
    assert "cancelled" in dmae("jobs", "show", ids[0]).stdout
    assert dmae("jobs", "delete", ids[0]).exit_code == 0
    assert dmae("jobs", "show", ids[0]).exit_code == 1


@pytest.mark.usefixtures("worker")
def test_a_job_that_is_not_there_keeps_no_other_from_being_cancelled(
    dmae: Any, folder: Path, live: str
) -> None:
    with Client(live) as client:
        job_id = client.certify(folder / "a.png", sigma=0.25).id

    result = dmae("jobs", "cancel", "none", job_id, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {job_id: "cancelled"}
    assert "none: " in result.stderr


@pytest.mark.usefixtures("worker")
def test_what_was_cancelled_is_told_though_the_service_goes_away(
    dmae: Any, folder: Path, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(live) as client:
        job_id = client.certify(folder / "a.png", sigma=0.25).id
    find = Client.job

    def until_gone(client: Client, wanted: str) -> Any:
        if wanted == "later":
            raise ServiceUnreachable("it went away")
        return find(client, wanted)

    monkeypatch.setattr(Client, "job", until_gone)

    result = dmae("jobs", "cancel", job_id, "later", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (3, {job_id: "cancelled"})


@pytest.mark.usefixtures("working")
def test_a_job_is_watched_to_its_certificate(dmae: Any, folder: Path, live: str) -> None:
    with Client(live) as client:
        job_id = client.certify(folder / "a.png", sigma=0.25, mode="fixed", n=2000).id

    result = dmae("jobs", "watch", job_id)

    assert result.exit_code == 0
    assert "certified 'cat' within L2 radius" in result.stdout
