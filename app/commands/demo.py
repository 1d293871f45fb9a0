"""`dmae demo`."""
# ruff: noqa: PLC0415 - loaded when the command is called, so that all of them start at once

from app.commands.common import errors_in_words, require_unix, say

HELP = """
Show it working: start the whole service in a folder of its own, certify the example pictures over
HTTP, print a whole certificate, and stop everything. Takes about half a minute.
"""


def demo() -> None:
    """Show it working, and clean up: half a minute."""
    require_unix()
    from app.demo import run

    with errors_in_words():
        run(say)
