"""A job that has ended with a certificate, for what is asked of certificates."""

from typing import Any

from app.errors import CertificateNeverComes, CertificateNotReady
from app.routes.answers import own_job
from app.services import Services
from jobs.caller import Caller
from jobs.record import Job

FAULTS = (
    "job-not-found",
    "job-gone",
    "no-certificate",
    "certificate-not-ready",
    "certificate-not-proved",
    "store-unavailable",
)
"""Problems of a route that needs a certificate."""


async def finished(services: Services, caller: Caller, job_id: str) -> tuple[Job, dict[str, Any]]:
    """The caller's job of an id, and its certificate as it lies in the store.

    Raises:
        JobNotFound: The caller has none of this id.
        JobGone: The caller had one.
        CertificateNotReady: The job has not ended.
        CertificateNeverComes: It ended without one.
        StoreUnavailable: Redis is away.
    """
    job = await own_job(services, caller, job_id)
    if job.certificate is not None:
        return job, job.certificate
    if not job.state.terminal:
        raise CertificateNotReady(f"job {job_id} is {job.state.value}; wait for it")
    raise CertificateNeverComes(f"job {job_id} is {job.state.value}")
