"""Who makes the request, as routes see it."""

from typing import Annotated

from fastapi import Depends

from jobs.caller import LOCAL, Caller


async def _caller() -> Caller:
    return LOCAL


CallerOf = Annotated[Caller, Depends(_caller)]
"""The caller of the request, for routes that touch jobs."""
