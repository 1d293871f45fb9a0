"""`dmae models`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from app.commands.common import DEFAULT_URL, Url, errors_in_words


def models(*, url: Url = DEFAULT_URL) -> None:
    """List the models of the service."""
    from rich.console import Console
    from rich.table import Table

    from app.client import Client

    with errors_in_words(), Client(url) as client:
        table = Table("model", "sigma", "classes", "input", "draws/s", "workers", box=None)
        for model in client.models():
            table.add_row(
                f"{model.id}{' (default)' if model.default else ''}",
                ", ".join(f"{sigma:g}" for sigma in model.sigmas),
                str(len(model.labels)),
                f"{model.input_size} x {model.input_size}",
                f"{model.draws_per_s:,.0f}",
                str(model.workers_ready),
            )
        Console().print(table)
