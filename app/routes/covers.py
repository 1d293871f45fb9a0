"""POST /jobs/<id>/covers: is another image inside the certified ball? No model is asked."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.access.caller import require
from app.bodies import Body
from app.certificates.coverage import Reason, coverage
from app.certificates.distance import Distance, distance
from app.certificates.evidence import same_preprocessing, stored_tensor
from app.errors import InvalidRequest
from app.images import PreparedUpload
from app.multipart import boundary_of, read_parts
from app.openapi import OF_AN_IMAGE, problems
from app.parameters import IMAGE, misnamed
from app.routes.answers import JobId, ServicesOf, json_answer
from app.routes.finished import FAULTS, finished
from app.services import Services
from jobs import store
from jobs.caller import Caller
from jobs.errors import JobNotFound
from jobs.record import JobSpec
from model_store.card import Preprocessing
from model_store.errors import ModelNotFound

router = APIRouter(prefix="/jobs", tags=["certificates"])

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        IMAGE: {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
            "description": "The other image: PNG, JPEG or WebP, one still.",
        }
    },
    "required": [IMAGE],
    "additionalProperties": False,
}


class CoverageBody(Body):
    """What a certificate says about another image."""

    covered: bool = Field(description="Whether the claim of the certificate is about it too.")
    reason: Reason
    explanation: str = Field(description="What follows, in words.")
    distance: float = Field(
        description="L2 between the two certified tensors, in units of a [0, 1] pixel; rounded up."
    )
    distance_255: float = Field(description="The same in units of a 0..255 pixel; rounded up.")
    radius: float = Field(description="Of the certificate; 0 where it claims none.")
    radius_original: float = Field(description="The same for the pixels of the upload.")
    original_distance_at_least: float | None = Field(
        description="How far apart the two uploads are at least, in their own pixels, which "
        "follows from their tensors; null where their sizes differ. The upload is not kept, so "
        "nothing more is known."
    )
    upload_sha256: str = Field(description="Of the other image, byte for byte.")
    tensor_sha256: str = Field(description="Of its tensor.")


@router.post(
    "/{job_id}/covers",
    response_model=CoverageBody,
    summary="Is another image inside the certified ball?",
    responses=problems(*OF_AN_IMAGE, *FAULTS, "model-not-found"),
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    },
)
async def covers(
    request: Request,
    job_id: JobId,
    services: ServicesOf,
    caller: Annotated[Caller, require("read")],
) -> Response:
    """The exact distance of another image's tensor from the certified one, held against the radius.

    The distance is rounded up, and has to be below the radius: what is called covered is covered.
    """
    job, stored = await finished(services, caller, job_id)
    document = services.signer.presented(stored)
    tensor = await services.runner.run(store.tensor(job_id, tenant=caller.tenant))
    if tensor is None:
        raise JobNotFound(job_id)
    other = await services.images.prepare(
        await _image(request, services),
        _preprocessing(job.spec, services),
        tenant=caller.tenant,
    )
    image = job.spec.image
    found = await asyncio.to_thread(_distance, tensor, other, document["image"])
    same = other.ref.tensor_sha256 == document["image"]["tensor_sha256"]
    answer = coverage(document, found, same=same)
    alike = image.original_size == other.ref.original_size
    return json_answer(
        CoverageBody(
            covered=answer.covered,
            reason=answer.reason,
            explanation=answer.explanation,
            distance=found.at_most,
            distance_255=255 * found.at_most * (1 + 2.0**-50),
            radius=document["radius"],
            radius_original=document["radius_original"],
            original_distance_at_least=found.of_uploads_at_least(image) if alike else None,
            upload_sha256=other.ref.upload_sha256,
            tensor_sha256=other.ref.tensor_sha256,
        )
    )


async def _image(request: Request, services: Services) -> bytes:
    boundary = boundary_of(request.headers.get("content-type"))
    limit = services.settings.max_upload_bytes
    parts = await read_parts(request.stream(), boundary, max_bytes={IMAGE: limit})
    faults = misnamed(parts, (IMAGE,))
    if faults:
        raise InvalidRequest(faults)
    return bytes(parts[0].data)


def _preprocessing(spec: JobSpec, services: Services) -> Preprocessing:
    """The preprocessing of the certificate, while the model is still there.

    Raises:
        ModelNotFound: It has left the store, or another one has its name.
    """
    card = services.registry.get(spec.model.id)
    if not same_preprocessing(spec.image, card.preprocessing):
        raise ModelNotFound(spec.model.id, services.registry.ids())
    return card.preprocessing


def _distance(tensor: bytes, other: PreparedUpload, certified: Mapping[str, Any]) -> Distance:
    one = stored_tensor(tensor, certified)
    return distance(one, np.frombuffer(other.tensor, "<f4").reshape(one.shape))
