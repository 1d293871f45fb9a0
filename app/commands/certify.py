"""`dmae certify`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands import question
from app.commands.common import (
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    ApiKey,
    AsJson,
    Url,
    client_for,
    errors_in_words,
    in_words,
    say_error,
    say_if_nobody_works,
    say_json,
    say_passed_over,
    say_table,
)

if TYPE_CHECKING:
    from app.client import Client
    from app.commands.certifying import Batch, Outcome, Picture

HEADS = ("file", "result", "class", "radius", "draws", "job")
HELP = f"""
Certify pictures: the class of each, and the L2 radius within which it cannot change.

One picture is answered in words, several or a folder with a table.
Ctrl-C cancels what is under way; a job of mode anytime then ends with the certificate it has.

\b
  dmae certify cat.jpg --sigma 0.25
  dmae certify cat.jpg --sigma 0.25 --mode decide --radius 0.125
  dmae certify photos/ --sigma 0.25 --n 1000 --out certificates
  dmae certify cat.jpg --sigma 0.25 --json > cat.json && dmae verify cat.json

{EXIT_CODES} 0 means that every picture has its certificate; how many
files of a folder were taken for none is said on standard error.
"""


def certify(
    images: Annotated[
        list[Path],
        typer.Argument(exists=True, metavar="PICTURE", help="PNG, JPEG or WebP, or folders."),
    ],
    *,
    sigma: Annotated[float, typer.Option(help=question.SIGMA)],
    model: question.Model = None,
    mode: question.Mode = None,
    n: question.N = None,
    n0: question.N0 = None,
    alpha: question.Alpha = None,
    precision: question.Precision = None,
    radius: question.Radius = None,
    bound: question.Bound = None,
    family_size: question.FamilySize = None,
    numerics: question.Numerics = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to write the certificates to.")
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Jobs under way at a time.")] = 8,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait for a job; it goes on after that.")
    ] = None,
) -> None:
    """Certify pictures: class and radius."""
    from app.commands.certifying import Batch

    asked = {
        "sigma": sigma,
        "model": model,
        "mode": mode,
        "n": n,
        "n0": n0,
        "alpha": alpha,
        "precision": precision,
        "radius": radius,
        "bound": bound,
        "family_size": family_size,
        "numerics": numerics,
    }
    batch = Batch(
        pictures=_pictures(images),
        question=asked,
        parallel=parallel,
        timeout_s=timeout,
        out=out,
    )
    alone = len(images) == 1 and images[0].is_file()
    with errors_in_words(as_json=as_json):
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        say_if_nobody_works(url, api_key, model)
        interrupted = _run(batch, url, api_key)
        if batch.ended_by is not None and not any(each.certificate for each in batch.outcomes):
            raise batch.ended_by
    if not alone:
        _say_all(batch.outcomes, as_json=as_json)
    elif as_json:
        _say_document(batch.outcomes[0])
    else:
        _say_words(batch.outcomes[0], client_for(url, api_key))
    if batch.ended_by is not None:
        with errors_in_words():
            raise batch.ended_by
    if any(outcome.certificate is None for outcome in batch.outcomes):
        raise typer.Exit(INTERRUPTED if interrupted else FAILED)


def _run(batch: "Batch", url: str | None, api_key: str | None) -> bool:
    """Certifies all; whether it was interrupted."""
    from app.client import AsyncClient
    from app.commands.progress import shown_bars

    async def run() -> None:
        async with AsyncClient(url, api_key=api_key) as client:
            with shown_bars(len(batch.pictures)) as bars:
                await batch.run(client, bars)

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        return True
    return False


def _pictures(paths: list[Path]) -> list["Picture"]:
    """The files that are meant, folders with all below them.

    Raises:
        typer.BadParameter: A folder without pictures, or two files of one name.
    """
    from app.client.forms import SUFFIXES, pictures_below
    from app.commands.certifying import Picture

    found: dict[str, Picture] = {}
    for path in paths:
        files = [path] if path.is_file() else pictures_below(path)
        if not files:
            raise typer.BadParameter(f"there is no {', '.join(sorted(SUFFIXES))} in {path}")
        if path.is_dir():
            say_passed_over(path)
        for file in files:
            name = file.name if file == path else file.relative_to(path).as_posix()
            if name in found:
                raise typer.BadParameter(
                    f"{found[name].file} and {file} have the same name: name the folder above both"
                )
            found[name] = Picture(file=file, name=name)
    return list(found.values())


def _say_document(outcome: "Outcome") -> None:
    if outcome.certificate is None:
        say_error(outcome.why, as_json=True)
    else:
        # As it was served: in other bytes it would not be what was signed.
        typer.echo(outcome.certificate.content, nl=False)


def _say_words(outcome: "Outcome", client: "Client") -> None:
    from app.commands.words import describe, known_labels

    if outcome.certificate is None or outcome.job is None:
        say_error(outcome.why, as_json=False)
        return
    document = outcome.certificate.document
    with client:
        labels = known_labels(client, document)
    known = " (known before)" if outcome.job.cached else ""
    typer.echo(
        f"{outcome.picture.name}: {describe(document, labels)}\n\njob {outcome.job.id}{known}"
    )


def _say_all(outcomes: list["Outcome"], *, as_json: bool) -> None:
    if as_json:
        say_json([outcome.body() for outcome in outcomes])
        return
    say_table(HEADS, [_row(outcome) for outcome in outcomes])
    for outcome in outcomes:
        if outcome.certificate is None:
            typer.echo(f"{outcome.picture.name}: {in_words(outcome.why)}", err=True)


def _row(outcome: "Outcome") -> tuple[str, ...]:
    from smoothing.digits import unrounded

    certificate, job = outcome.certificate, outcome.job
    proved = ("no certificate", "-", "-")
    if certificate is not None:
        proved = (certificate.verdict, certificate.label or "-", unrounded(certificate.radius))
    asked = ("-", "-") if job is None else (f"{job.draws_done:,}", job.id)
    return (outcome.picture.name, *proved, *asked)
