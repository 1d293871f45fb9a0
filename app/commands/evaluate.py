"""`dmae evaluate`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    folded,
    in_words,
    say,
    say_if_nobody_works,
    say_json,
    say_passed_over,
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


def _in_a_folder(file: Path | None) -> Path | None:
    """A file that can be written once the work is done, as far as can be told before."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{file} is a folder, or in none that exists")
    return file


def evaluate(
    source: Annotated[
        Path | None,
        typer.Argument(exists=True, metavar="FOLDER", help="Class folders, or a zip."),
    ] = None,
    *,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on watching an evaluation.")
    ] = None,
    sigma: Annotated[float | None, typer.Option(help=question.SIGMA)] = None,
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
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
    tsv: Annotated[
        Path | None,
        typer.Option(callback=_in_a_folder, help="Write a row a picture to this file."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(callback=_in_a_folder, help="Write the curve to this file, as SVG."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the id and leave; the service goes on.")
    ] = False,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on labelled pictures."""
    asked = {
        "sigma": sigma,
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
    if detach and (tsv or plot):
        raise typer.BadParameter("--detach leaves before there is anything to write")
    _require_one_meaning(source, resume, asked)
    with errors_in_words(as_json=as_json), client_for(url, api_key) as client:
        if source is not None:
            say_if_nobody_works(url, api_key, model)
        evaluation = _begin(client, source, resume, asked)
        if detach:
            say_json(evaluation.status.body) if as_json else say(evaluation.id)
            return
        interrupted = _watch(evaluation)
        for path, text in ((tsv, evaluation.table), (plot, evaluation.plot)):
            if path is not None:
                path.write_text(text(), encoding="utf-8")
        say_json(evaluation.status.body) if as_json else _say(evaluation.status)
        if interrupted:
            raise typer.Exit(INTERRUPTED)
        if not evaluation.status.curve:
            raise typer.Exit(FAILED)


def _require_one_meaning(source: Path | None, resume: str | None, asked: dict[str, Any]) -> None:
    if (source is None) == (resume is None):
        raise typer.BadParameter("name a folder of pictures, or an evaluation with --resume")
    if source is not None and asked["sigma"] is None:
        raise typer.BadParameter("a new evaluation needs --sigma")
    if resume is not None and any(value is not None for value in asked.values()):
        raise typer.BadParameter("--resume goes on with what was asked: it takes no question")


def _begin(
    client: "Client", source: Path | None, resume: str | None, asked: dict[str, Any]
) -> "Evaluation":
    from app.client.forms import CLASS_FOLDERS

    if source is None:
        return client.evaluation(resume or "")
    if source.is_dir():
        say_passed_over(source, CLASS_FOLDERS)
    return client.evaluate(source, **asked)


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
        f"{folded(body['statement'])}"
    )


def _row(point: dict[str, float]) -> tuple[str, str, str]:
    from smoothing.digits import percent_interval, plain

    interval = percent_interval(point["low"], point["high"])
    accuracy = f"{100 * point['accuracy']:.1f} %"
    return plain(point["radius"]), accuracy, interval
