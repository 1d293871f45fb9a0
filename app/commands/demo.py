"""`dmae demo`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from app.commands.common import errors_in_words, require_unix, say


def demo() -> None:
    """Start the whole stack, certify the example pictures over HTTP, stop it."""
    require_unix()
    from app.demo import run

    with errors_in_words():
        run(say)
