"""GET /jobs/<id>/pictures/<name>.png: what a job is about, for the eye."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from app.access.caller import CallerOf
from app.errors import CertificateNeverComes, CertificateNotReady
from app.openapi import problems
from app.pages.pictures import Pixels, noisy, perturbed, pixels
from app.png import png
from app.routes.answers import JobId, ServicesOf, own_job
from jobs import store
from jobs.errors import JobNotFound
from jobs.record import Job

router = APIRouter(prefix="/jobs", tags=["jobs"])

Name = Literal["input", "noisy", "perturbed"]
KEPT = "private, max-age=600"
"""By the browser alone, and not for long: a job that is deleted takes its image with it."""


@router.get(
    "/{job_id}/pictures/{name}.png",
    summary="The image of a job, for the eye",
    response_class=Response,
    responses={
        200: {
            "description": "A PNG, cut to [0, 1] and rounded to 8 bits: for the eye alone.",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(
            "job-not-found",
            "job-gone",
            "no-certificate",
            "certificate-not-ready",
            "invalid-parameter",
            "store-unavailable",
        ),
    },
)
async def get_picture(
    services: ServicesOf, caller: CallerOf, job_id: JobId, name: Name
) -> Response:
    """`input`: the certified tensor. `noisy`: one draw of noise on it, none of the certificate's.

    `perturbed`: with a soft spot, exactly the certified radius away.
    """
    job = await own_job(services, caller, job_id)
    tensor = await services.runner.run(store.tensor(job.spec.id, tenant=caller.tenant))
    if tensor is None:
        raise JobNotFound(job_id)
    image = _picture(name, job, pixels(tensor, job.spec.image.shape))
    return Response(
        await asyncio.to_thread(png, image),
        media_type="image/png",
        headers={"Cache-Control": KEPT},
    )


def _picture(name: Name, job: Job, image: Pixels) -> Pixels:
    if name == "noisy":
        return noisy(image, sigma=job.spec.params.sigma, name=job.spec.id)
    if name == "perturbed":
        return perturbed(image, radius=_radius(job))
    return image


def _radius(job: Job) -> float:
    if job.certificate is None and not job.state.terminal:
        raise CertificateNotReady(f"job {job.spec.id} is {job.state.value}; wait for it")
    if job.certificate is None or not job.certificate["radius"]:
        raise CertificateNeverComes(f"job {job.spec.id} has no certified radius")
    return float(job.certificate["radius"])
