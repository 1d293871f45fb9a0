"""From the form of an evaluation to what is asked of each image, and the images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from app import parameters
from app.errors import FieldError, echo
from app.evaluations.archive import ArchiveLimits
from app.evaluations.pictures import ARCHIVE, IMAGE, LABEL
from app.multipart import Part, boundary_of, read_parts
from app.parameters import MAX_TEXT_BYTES, CertifyRequest
from app.services import Services
from app.settings import AppSettings

NAME = "name"
MAX_NAME = 200
PARAMETERS = tuple(name for name in parameters.TEXT_FIELDS if name != "priority")
"""Fields of a single certificate that an evaluation has too."""

_OTHERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationForm:
    """What was sent.

    Attributes:
        name: What the caller calls it; "" for nothing.
        request: What is asked of each image, for an empty one.
        parts: Of the form, the images among them.
    """

    name: str
    request: CertifyRequest
    parts: list[Part]

    def sha256(self) -> str:
        """Hex digest of what was sent, part by part."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(f"{len(part.name)} {part.name} {len(part.data)} ".encode())
            digest.update(part.data)
        return digest.hexdigest()


async def read_evaluation(request: Request, services: Services) -> EvaluationForm:
    """The form of an evaluation.

    Raises:
        NotMultipart: The body is no form.
        MalformedForm: It says that it is a form, and is not.
        InvalidRequest: With every field that is wrong.
        BodyTooLarge: It is longer than it may be.
        ModelNotFound: No model is named and the store is empty.
    """
    settings = services.settings
    files = dict.fromkeys((ARCHIVE, IMAGE), settings.max_evaluation_bytes)
    texts = dict.fromkeys((LABEL, NAME, *PARAMETERS), MAX_TEXT_BYTES)
    parts = await read_parts(
        request.stream(),
        boundary_of(request.headers.get("content-type")),
        max_bytes=files | texts,
        max_parts=2 * settings.max_evaluation_images + _OTHERS,
    )
    wanted = parameters.read_texts(
        parts, _faults(parts), registry=services.registry, max_draws=settings.max_draws
    )
    name = next((part.data.decode() for part in parts if part.name == NAME), "")
    return EvaluationForm(name=name.strip(), request=wanted, parts=parts)


def archive_limits(settings: AppSettings) -> ArchiveLimits:
    """What an archive is held to."""
    return ArchiveLimits(
        max_images=settings.max_evaluation_images,
        max_unpacked_bytes=settings.max_evaluation_bytes,
    )


def _faults(parts: Sequence[Part]) -> list[FieldError]:
    known = (ARCHIVE, IMAGE, LABEL, NAME, *PARAMETERS)
    return parameters.misnamed(parts, known, repeatable=(IMAGE, LABEL)) + _bad_name(parts)


def _bad_name(parts: Sequence[Part]) -> list[FieldError]:
    for part in parts:
        text = part.data.decode(errors="replace") if part.name == NAME else ""
        if len(text) > MAX_NAME or not text.strip().isprintable() or "\ufffd" in text:
            detail = f"must be printable UTF-8 text of at most {MAX_NAME} characters"
            limit = {"max_length": MAX_NAME}
            return [FieldError(field=NAME, value=echo(text), detail=detail, limit=limit)]
    return []
