"""`dmae evaluate`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    say,
    say_json,
    say_table,
)

if TYPE_CHECKING:
    from app.client.answers import EvaluationStatus
    from app.client.handles import Evaluation
    from app.client.sync import Client

HEADS = ("radius", "certified accuracy", "95 % interval")
HELP = f"""
Evaluate a model on labelled pictures: certified accuracy by radius, with exact intervals.

FOLDER has a folder for each class, named by a label of the model or by its number; a zip of such
a folder does, too. Ctrl-C cancels; --detach leaves it to the service, --resume comes back to it.

\b
  dmae evaluate testset/ --sigma 0.25
  dmae evaluate testset.zip --sigma 0.25 --mode fixed --n 10000 --tsv cohen.tsv --plot curve.svg
  dmae evaluate testset/ --sigma 0.25 --detach
  dmae evaluate --resume 019a9f0e-8c3a-7d11-9b5e-3f1c2a4d5e6f

{EXIT_CODES} 0 means that at least one picture has a result.
"""


def evaluate(
    source: Annotated[
        Path | None,
        typer.Argument(exists=True, metavar="[FOLDER]", help="Class folders, or a zip."),
    ] = None,
    *,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on watching an evaluation.")
    ] = None,
    sigma: Annotated[
        float | None, typer.Option(help="Noise level, in units of a [0, 1] pixel.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    model: Annotated[str | None, typer.Option(help="Model; see `dmae models`.")] = None,
    mode: Annotated[str | None, typer.Option(help="As of `dmae certify`.")] = None,
    n: Annotated[int | None, typer.Option(help="Draws that answer, for each picture.")] = None,
    n0: Annotated[int | None, typer.Option(help="Draws that select the class, for fixed.")] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Probability that a certificate is wrong.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="Share of the radius that may be lost, for adaptive.")
    ] = None,
    radius: Annotated[
        float | None, typer.Option(help="The L2 radius that decide is about, pixels in 0..1.")
    ] = None,
    bound: Annotated[
        str | None, typer.Option(help="top or runner-up, for fixed and adaptive.")
    ] = None,
    family_size: Annotated[int | None, typer.Option(help="Certificates that share alpha.")] = None,
    numerics: Annotated[str | None, typer.Option(help="sound or fast.")] = None,
    tsv: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a row a picture to this file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the curve to this file, as SVG.")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the id and leave; the service goes on.")
    ] = False,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on labelled pictures."""
    question = {
        "name": name,
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
    if (source is None) == (resume is None):
        raise typer.BadParameter("name a folder of pictures, or an evaluation with --resume")
    if source is not None and sigma is None:
        raise typer.BadParameter("a new evaluation needs --sigma")
    with errors_in_words(), client_for(url, api_key) as client:
        evaluation = _begin(client, source, resume, {"sigma": sigma, **question})
        if detach:
            say(evaluation.id)
            return
        interrupted = _watch(evaluation)
        for path, text in ((tsv, evaluation.table), (plot, evaluation.plot)):
            if path is not None:
                path.write_text(text())
        say_json(evaluation.status.body) if as_json else _say(evaluation.status)
        if interrupted:
            raise typer.Exit(INTERRUPTED)
        if not evaluation.status.curve:
            raise typer.Exit(FAILED)


def _begin(
    client: "Client", source: Path | None, resume: str | None, question: dict[str, Any]
) -> "Evaluation":
    if source is None:
        return client.evaluation(resume or "")
    return client.evaluate(source, **question)


def _watch(evaluation: "Evaluation") -> bool:
    """Waits for the end with a bar; whether it was interrupted, and then cancelled."""
    from app.client.errors import ClientError, Conflict
    from app.commands.progress import shown_evaluation

    typer.echo(f"evaluation {evaluation.id}", err=True)
    try:
        with shown_evaluation() as show:
            evaluation.wait(on_progress=show)
    except KeyboardInterrupt:
        try:
            evaluation.cancel()
        except Conflict:
            evaluation.refresh()
        except ClientError as error:
            typer.echo(f"could not be cancelled: {in_words(error)}", err=True)
        return True
    return False


def _say(status: "EvaluationStatus") -> None:
    body = status.body
    figures = body["figures"]
    say(f"evaluation {status.id} {status.state}, {status.items_done} of {status.items} pictures")
    for item in body["items"]:
        if item["error"] is not None:
            typer.echo(f"  {item['name'] or item['index']}: {item['error']['message']}", err=True)
    if figures is None:
        say("no picture has a result")
        return
    say("")
    say_table(HEADS, [_row(point) for point in figures["certified_accuracy"]])
    say(
        f"\n{figures['images']} pictures with a result, {figures['left_out']} without; "
        f"{figures['wrong']} of another class, {figures['abstained']} abstained\n"
        f"average certified radius {figures['average_certified_radius']:.4f}, ceiling "
        f"{figures['radius_ceiling']:.4f}; {figures['mean_draws']:,.0f} draws a picture\n\n"
        f"{_folded(body['statement'])}"
    )


def _row(point: dict[str, float]) -> tuple[str, str, str]:
    interval = f"{100 * point['low']:.1f} to {100 * point['high']:.1f} %"
    return f"{point['radius']:g}", f"{100 * point['accuracy']:.1f} %", interval


def _folded(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 88)
