"""What the client shows, takes from its environment and keeps to itself."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import app.client
from app.client import AsyncClient, Client
from app.client.errors import InvalidArgument
from app.client.forms import once, read_archive, read_image, text_fields

KEY = "dmae_abc_s3cr3t"


def test_ten_names_are_the_whole_surface() -> None:
    kinds = {"Client", "Job", "Evaluation"}

    assert set(app.client.__all__) == {
        *kinds,
        *(f"Async{kind}" for kind in kinds),
        *("Certificate", "ClientError", "ProblemAnswer", "verify_webhook"),
    }


def test_both_clients_can_do_the_same() -> None:
    def able(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert able(Client) == able(AsyncClient)
    assert able(app.client.Job) == able(app.client.AsyncJob)
    assert able(app.client.Evaluation) == able(app.client.AsyncEvaluation)


@pytest.mark.usefixtures("clean_environment")
def test_a_key_is_sent_and_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with Client("http://127.0.0.1:1", api_key=KEY, patience_s=0) as client:
        assert client._http.headers["Authorization"] == f"Bearer {KEY}"
        with pytest.raises(app.client.ClientError) as caught:
            client.models()
        shown = f"{client!r} {client} {vars(client)} {caught.value} {caplog.text}"

    assert "s3cr3t" not in shown


def test_url_and_key_come_from_the_environment(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("DMAE_URL", "https://certify.example/below/")
    clean_environment.setenv("DMAE_API_KEY", KEY)

    with Client() as client:
        assert repr(client) == "Client('https://certify.example/below')"
        assert client._http.headers["Authorization"].endswith(KEY)


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x", "http://", "http://a:b", "https://me:pw@x", "http://x?q=1", "http://[::"],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Client(url)

    assert "pw" not in str(caught.value)


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize("key", ["a b", "a\nX-Evil: 1", "schlüssel"])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Client("http://localhost", api_key=key)

    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a b", " mine", "a\nX-Evil: 1", "schlüssel", "k" * 256])
def test_a_name_that_no_request_can_have_is_not_sent(key: str) -> None:
    with pytest.raises(InvalidArgument, match="an idempotency key has 1 to 255 visible"):
        once(key)


def test_a_file_that_is_not_there_is_an_error_of_the_client(tmp_path: Any) -> None:
    with pytest.raises(InvalidArgument, match="No such file"):
        read_image(tmp_path / "none.png")


def test_a_folder_that_is_sent_again_is_the_same_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(b"a picture")

    first = read_archive(tmp_path)
    monkeypatch.setattr(time, "localtime", lambda _: time.struct_time((2030, 1, 1) + 6 * (0,)))

    assert read_archive(tmp_path) == first


def test_what_is_not_said_is_left_to_the_service() -> None:
    fields = text_fields(
        {"sigma": 0.25, "n": None, "mode": "decide", "webhook_events": ["job.failed", "x"]}
    )

    assert fields == {"sigma": "0.25", "mode": "decide", "webhook_events": "job.failed,x"}


def test_importing_the_client_loads_no_server() -> None:
    heavy = "{'fastapi', 'celery', 'torch', 'redis', 'pydantic', 'numpy'}"
    code = f"import sys, app.client; print(sorted({heavy} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
