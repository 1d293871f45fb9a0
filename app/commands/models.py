"""`dmae models`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from app.commands.common import (
    EXIT_CODES,
    ApiKey,
    AsJson,
    Url,
    client_for,
    errors_in_words,
    say_json,
    say_table,
)

HELP = f"""
List the models of the service: what they are trained for, and how fast they are now.

\b
  dmae models
  dmae models --json | jq -r '.[0].card.sigmas'

{EXIT_CODES}
"""
HEADS = ("model", "sigma", "classes", "input", "draws/s", "workers")


def models(*, url: Url = None, api_key: ApiKey = None, as_json: AsJson = False) -> None:
    """List the models of the service."""
    from smoothing.digits import plain

    with errors_in_words(as_json=as_json), client_for(url, api_key) as client:
        found = client.models()
        if as_json:
            say_json([model.body for model in found])
            return
        rows = [
            (
                f"{model.id}{' (default)' if model.default else ''}",
                ", ".join(map(plain, model.sigmas)),
                str(len(model.labels)),
                f"{model.input_size} x {model.input_size}",
                f"{model.draws_per_s:,.0f}",
                str(model.workers_ready),
            )
            for model in found
        ]
        say_table(HEADS, rows)
