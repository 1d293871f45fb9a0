"""`dmae verify`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.common import AsJson, errors_in_words, folded, say, say_json, say_table

if TYPE_CHECKING:
    from app.certificates.keys import Keys
    from app.certificates.report import Report

HELP = """
Verify a certificate: who signed it, and that all it says follows from its own counts.

It needs the file and a public key, and no service: --key takes a JWK set as a file, or the address
of a service to fetch it from. Without --key, the keys of this machine's `dmae serve` are trusted.

\b
  dmae verify cat.certificate.json --key keys.json --image cat.jpg
  dmae verify cat.jws --key https://certify.example.com
  dmae verify pretty.json --rewrite exact.json

--image checks that this is the file that was certified, and makes the tensor again. --model-store
checks the weights. --replay draws chunks of the votes again: that takes the secret of the service
(DMAE_SECRET, or its store), the image, and the runtime and kind of machine that drew them.

Exit codes: 0 valid, 1 invalid, 2 it cannot be told (not signed, no key, or a wrong command line).
"""

INVALID = 1
UNCHECKED = 2
_CODES = {"valid": 0, "invalid": INVALID, "unchecked": UNCHECKED}
_WORDS = {
    "valid": "VALID: the signature is genuine, and everything follows from the counts",
    "invalid": "INVALID",
    "unchecked": "CANNOT BE TOLD: nothing is wrong with it, but not all could be checked",
}
_MARKS = {True: "yes", False: "NO", None: "?"}


def verify(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A certificate: JSON, or a compact JWS.")
    ],
    *,
    image: Annotated[
        Path | None, typer.Option(help="The picture that was uploaded.", dir_okay=False)
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="JWK set to trust: a file, or the address of a service.")
    ] = None,
    model_store: Annotated[
        Path | None, typer.Option(help="Directory of models, to check the weights.")
    ] = None,
    rewrite: Annotated[
        Path | None,
        typer.Option(help="Write the certificate here in its exact bytes, and verify that."),
    ] = None,
    replay: Annotated[
        int | None,
        typer.Option(help="Chunks of 100 draws to make again; needs --image.", min=1),
    ] = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Of `dmae serve`; DMAE_STATE_DIR, else ~/.local/state/dmae.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a certificate, without any service."""
    from app.certificates.verification import verify as check

    if replay is not None and image is None:
        raise typer.BadParameter("--replay needs --image: the service keeps no pictures")
    with errors_in_words(as_json=as_json, failed=UNCHECKED):
        content = file.read_bytes() if rewrite is None else _rewritten(file, rewrite)
        picture = None if image is None else image.read_bytes()
        report = check(content, _keys(key, state_dir), image=picture, store=model_store)
        if replay is not None and picture is not None and report.outcome != "invalid":
            from app.commands.replaying import replayed

            report = replayed(
                report, content, picture, chunks=replay, store=model_store, state_dir=state_dir
            )
    _say(report, as_json=as_json, own_keys=key is None)
    raise typer.Exit(_CODES[report.outcome])


def _say(report: "Report", *, as_json: bool, own_keys: bool) -> None:
    if as_json:
        say_json(report.as_json())
        return
    another = "INVALID for this picture: it is genuine, and about another file"
    say(another if report.of_another_picture else _WORDS[report.outcome])
    if report.statement is not None:
        say(f"\n{folded(report.statement)}\n")
    rows = [(check.name, _MARKS[check.passed], check.detail) for check in report.checks]
    say_table(("check", "ok", "because"), rows)
    if report.outcome != "invalid" and not report.picture_compared:
        say("\nWhich picture it is about was not checked: --image FILE does that.")
    refused = any(each.name == "signature" and each.passed is False for each in report.checks)
    if own_keys and refused:
        say("\nTrusted were this machine's own keys alone: --key names its issuer's.")


def _keys(key: str | None, state_dir: Path | None) -> "Keys | None":
    from app.certificates.keys import read_key_set

    if key is None:
        return _keys_of_this_machine(state_dir)
    fetched = key.startswith(("http://", "https://"))
    return read_key_set(_fetched(key) if fetched else Path(key).read_bytes())


def _keys_of_this_machine(state_dir: Path | None) -> "Keys | None":
    from app.certificates.key_directory import read_directory
    from app.embedded.settings import settings_from_environment

    return read_directory(settings_from_environment(state_dir=state_dir).signing_dir) or None


def _fetched(url: str) -> bytes:
    """The keys that a service publishes.

    Over plain HTTP from another machine they could be anybody's, and are not fetched.
    """
    import httpx

    from app.certificates.errors import KeyUnusable
    from app.client.connection import DIRECT, OWN_MACHINE

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise KeyUnusable(f"{url} is no URL: {error}") from error
    if address.scheme != "https" and address.host not in OWN_MACHINE:
        raise KeyUnusable(f"keys that come over plain HTTP are not to be trusted: {url}")
    if address.path.strip("/") == "":
        address = address.copy_with(path="/.well-known/jwks.json")
    try:
        with httpx.Client(mounts=DIRECT, timeout=10) as client:
            answer = client.get(address)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise KeyUnusable(f"cannot fetch {address}: {error}") from error
    return answer.content


def _rewritten(file: Path, to: Path) -> bytes:
    from app.certificates.verification import read

    content = read(file.read_bytes()).rewritten()
    to.write_bytes(content)
    return content
