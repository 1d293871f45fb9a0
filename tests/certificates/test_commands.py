"""`dmae verify` and `dmae keys signing`, as they are typed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.certificates.canonical import written
from app.certificates.keys import key_set, new_key
from app.cli import cli
from app.commands import replaying
from app.commands import verify as command
from app.embedded.errors import StateDirUnusable


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No service of this machine is asked."""
    monkeypatch.setenv("DMAE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("APP_SIGNING_KEYS_DIR", raising=False)


def dmae(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


@pytest.fixture
def files(tmp_path: Path, make_document: Callable[..., Any], signing: Any) -> dict[str, Path]:
    """A certificate in its forms, and the key."""
    document = make_document("fixed")
    signed = signing.sign(document)
    contents = {
        "json": signed.document(),
        "jws": signed.compact(),
        "pretty": json.dumps(json.loads(signed.document()), indent=2).encode(),
        "unsigned": written(document),
        "forged": signed.document().replace(b'"alpha":0.001', b'"alpha":0.002'),
        "nothing": b"hello",
        "keys": json.dumps(key_set(signing.keys)).encode(),
        "jwk": json.dumps(signing.key.public()).encode(),
        "others": json.dumps(new_key(now=1).public()).encode(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


@pytest.mark.parametrize(
    ("name", "key", "code", "words"),
    [
        ("json", "keys", 0, "VALID"),
        ("jws", "keys", 0, "VALID"),
        ("json", "jwk", 0, "VALID"),
        ("json", "others", 1, "none of those that are trusted"),
        ("forged", "keys", 1, "did not sign this text"),
        ("pretty", "keys", 1, "--rewrite"),
        ("nothing", "keys", 1, "three texts joined by dots"),
        ("unsigned", "keys", 2, "it is not signed"),
        ("json", None, 2, "no public key was given"),
        ("json", "nothing", 2, "not a JWK set"),
        ("json", "missing", 2, "cannot read"),
    ],
)
def test_the_exit_code_is_the_answer(
    files: dict[str, Path], name: str, key: str | None, code: int, words: str
) -> None:
    trusted = () if key is None else ("--key", files.get(key, Path("missing")))

    result = dmae("verify", files[name], *trusted)

    assert result.exit_code == code
    assert words in result.output


def test_what_keeps_it_from_being_told_never_means_invalid(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unusable(**_: Any) -> None:
        raise StateDirUnusable("cannot use it")

    monkeypatch.setattr("app.embedded.settings.settings_from_environment", unusable)

    no_keys = dmae("verify", files["json"], "--json")
    no_url = dmae("verify", files["json"], "--key", "http://[::")

    assert (no_keys.exit_code, no_url.exit_code) == (command.UNCHECKED, command.UNCHECKED)
    assert json.loads(no_keys.stdout)["error"]["detail"] == "cannot use it"


def test_json_is_for_programs(files: dict[str, Path]) -> None:
    result = dmae("verify", files["json"], "--key", files["keys"], "--json")

    report = json.loads(result.output)
    assert report["outcome"] == "valid"
    assert {check["passed"] for check in report["checks"]} == {True}


def test_an_invalid_certificate_is_not_quoted(files: dict[str, Path]) -> None:
    assert "Except with" in dmae("verify", files["json"], "--key", files["keys"]).output
    assert "Except with" not in dmae("verify", files["forged"], "--key", files["keys"]).output


def test_rewriting_restores_the_very_bytes(files: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "exact"

    assert dmae("verify", files["pretty"], "--key", files["keys"], "--rewrite", out).exit_code == 0

    assert out.read_bytes() == files["json"].read_bytes()
    assert dmae("verify", files["nothing"], "--rewrite", out).exit_code == 1
    assert dmae("verify", files["json"], "--rewrite", tmp_path / "no" / "way").exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_kept_in_its_own_encoding_is_reformatted_and_restored(
    files: dict[str, Path], tmp_path: Path, encoding: str
) -> None:
    kept, out = tmp_path / "kept", tmp_path / "exact"
    kept.write_bytes(files["json"].read_text().replace("\n", "\r\n").encode(encoding))

    result = dmae("verify", kept, "--key", files["keys"])
    restored = dmae("verify", kept, "--key", files["keys"], "--rewrite", out)

    assert result.exit_code == 1
    assert "reformatted" in result.output
    assert restored.exit_code == 0
    assert out.read_bytes() == files["json"].read_bytes()


def test_a_genuine_certificate_is_not_called_forged_for_a_wrong_picture(
    files: dict[str, Path],
) -> None:
    alone = dmae("verify", files["json"], "--key", files["keys"])
    wrong = dmae("verify", files["json"], "--key", files["keys"], "--image", files["pretty"])
    forged = dmae("verify", files["forged"], "--key", files["keys"], "--image", files["pretty"])

    assert "Which picture it is about was not checked" in alone.output
    assert wrong.exit_code == 1
    assert wrong.output.startswith("INVALID for this picture: it is genuine")
    assert "Except with" not in wrong.output
    assert forged.output.startswith("INVALID\n")


def test_an_image_that_was_not_uploaded_is_told(files: dict[str, Path]) -> None:
    result = dmae("verify", files["json"], "--key", files["keys"], "--image", files["pretty"])

    assert result.exit_code == 1
    assert "another file" in result.output


def test_keys_are_fetched_from_a_service(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def get(_: httpx.Client, url: httpx.URL) -> httpx.Response:
        asked.append(str(url))
        request = httpx.Request("GET", url)
        return httpx.Response(200, content=files["keys"].read_bytes(), request=request)

    monkeypatch.setattr(httpx.Client, "get", get)

    for url in ("https://lab.example", "http://localhost:8000/", "https://lab.example/keys.json"):
        assert dmae("verify", files["json"], "--key", url).exit_code == 0
    refused = dmae("verify", files["json"], "--key", "http://lab.example")
    assert (refused.exit_code, "plain HTTP" in refused.output) == (2, True)
    assert asked == [
        "https://lab.example/.well-known/jwks.json",
        "http://localhost:8000/.well-known/jwks.json",
        "https://lab.example/keys.json",
    ]


def test_keys_of_this_machine_are_asked_of_no_proxy(
    files: dict[str, Path], service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.says("GET /.well-known/jwks.json", json.loads(files["keys"].read_text()))
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert dmae("verify", files["json"], "--key", service.url).exit_code == 0


def test_a_replay_needs_the_picture(files: dict[str, Path]) -> None:
    result = dmae("verify", files["json"], "--replay", "3")

    assert (result.exit_code, "--image" in result.output) == (command.UNCHECKED, True)


def test_a_replay_whose_process_is_killed_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    said: Any = SimpleNamespace(model=SimpleNamespace(runtime="torch"))

    answer = replaying._drawn(said, {})

    assert answer == {"problem": "the draws could not be made: their process was killed by SIGKILL"}


def test_keys_are_made_listed_and_retired(
    tmp_path: Path, make_document: Callable[..., Any]
) -> None:
    from app.certificates.signer import Signer

    place = tmp_path / "state" / "signing"
    assert "no key" in dmae("keys", "signing", "list").output
    first = json.loads(dmae("keys", "signing", "new", "--json").output)["kid"]
    file = tmp_path / "certificate"
    file.write_bytes(Signer(place).text(make_document("fixed")))
    assert dmae("verify", file).exit_code == 0  # this machine's own keys

    second = dmae("keys", "signing", "new", "--dir", place).output.split()[0]
    retired = dmae("keys", "signing", "retire", first)

    assert f"{second} signs now" in retired.output
    listed = dmae("keys", "signing", "list").output
    assert "signs" in next(line for line in listed.splitlines() if second in line)
    assert "retired" in next(line for line in listed.splitlines() if first in line)
    shown = json.loads(dmae("keys", "signing", "list", "--json").output)
    assert {key["kid"] for key in shown["keys"]} == {first, second}
    assert all("d" not in key for key in shown["keys"])
    assert dmae("keys", "signing", "retire", "nobody").exit_code == 1


def test_who_has_keys_of_their_own_is_told_how_to_trust_those_of_an_issuer(
    files: dict[str, Path],
) -> None:
    assert dmae("keys", "signing", "new").exit_code == 0

    alone = dmae("verify", files["json"])
    asked = dmae("verify", files["json"], "--key", files["others"])

    assert (alone.exit_code, "--key names its issuer's" in alone.output) == (1, True)
    assert (asked.exit_code, "--key names its issuer's" in asked.output) == (1, False)


@pytest.mark.parametrize("start", ["-", "--"])
def test_a_key_whose_name_begins_with_a_dash_is_retired_by_that_name(
    tmp_path: Path, start: str
) -> None:
    key = next(key for key in iter(lambda: new_key(now=1), None) if key.kid.startswith(start))
    place = tmp_path / "keys"
    place.mkdir(mode=0o700)
    file = place / "one.jwk"
    file.touch(mode=0o600)
    file.write_text(json.dumps(key.private()))

    retired = dmae("keys", "signing", "retire", key.kid, "--dir", place)

    assert retired.output == f"retired {key.kid}; nothing is signed now\n"
    assert retired.exit_code == 0
    assert "d" not in json.loads(file.read_text())
