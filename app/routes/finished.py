"""A job that has ended with a certificate, for what is asked of certificates."""

from dataclasses import dataclass
from typing import Any

from app.errors import CertificateNeverComes, CertificateNotReady
from app.services import Services
from app.waiting import read_job
from jobs.record import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job and its certificate, as it lies in the store."""

    job: Job
    document: dict[str, Any]


async def finished(services: Services, job_id: str, *, tenant: str) -> Finished:
    """A tenant's job that has a certificate.

    Raises:
        JobNotFound: It has none of this id.
        CertificateNotReady: The job has not ended.
        CertificateNeverComes: It ended without one.
        StoreUnavailable: Redis is away.
    """
    job = await read_job(services.runner, job_id, tenant=tenant)
    if job.certificate is not None:
        return Finished(job=job, document=job.certificate)
    if not job.state.terminal:
        raise CertificateNotReady(f"job {job_id} is {job.state.value}; wait for it")
    raise CertificateNeverComes(f"job {job_id} is {job.state.value}")
