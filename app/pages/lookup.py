"""Jobs that may or may not be there."""

from app.routes.answers import own_job
from app.services import Services
from jobs.caller import Caller
from jobs.errors import JobNotFound
from jobs.record import Job


async def job_if_any(services: Services, caller: Caller, job_id: str | None) -> Job | None:
    """A job of the caller; None where there is none.

    Raises:
        StoreUnavailable: Redis is away.
    """
    try:
        return None if job_id is None else await own_job(services, caller, job_id)
    except JobNotFound:
        return None
