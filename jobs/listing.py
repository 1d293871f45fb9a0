"""A tenant's jobs, page by page."""

from collections.abc import Collection
from typing import Any

from jobs.answers import Page
from jobs.command import Command, script
from jobs.errors import UnknownCursor
from jobs.record import JobState
from jobs.view import decode, job_of

MOST_LOOKS = 1_000
"""Jobs that one command looks at; a page that skips more of them is short, but has a cursor."""

LARGEST_PAGE = 100


def list_jobs(
    tenant: str,
    *,
    now: float,
    states: Collection[JobState] = (),
    cursor: str | None = None,
    limit: int = 20,
) -> Command[Page]:
    """Some of a tenant's jobs, newest first.

    New jobs do not move the pages that follow a cursor. A page may be short, or empty, and yet
    have a cursor to go on from.

    Args:
        tenant: Whose.
        now: Current time.
        states: Only those in one of these states; all where empty.
        cursor: `next_cursor` of the page before.
        limit: Most jobs of a page, from 1 to 100.

    Raises (when run):
        UnknownCursor: It was never given, or has been forgotten.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"limit must be in [1, {LARGEST_PAGE}], got {limit}")

    def parse(answer: Any) -> Page:
        if answer is None:
            raise UnknownCursor(cursor or "")
        following, rows = answer
        return Page(
            jobs=tuple(job_of(row, now=now) for row in rows),
            next_cursor=decode(following) or None,
        )

    args = (tenant, cursor or "", limit, now, MOST_LOOKS)
    args += tuple(state.value for state in states)
    return Command(call=script("list"), args=args, parse=parse)
