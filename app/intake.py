"""From the body and the query of a request to what is asked: as a form, or as a bare image."""

import re
from collections.abc import Sequence

from starlette.requests import Request

from app import parameters
from app.errors import IMAGE_TYPES, FieldError, InvalidRequest, echo
from app.multipart import Part, boundary_of, read_parts, too_long
from app.parameters import IMAGE, CertifyRequest
from app.services import Services

IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def read_request(
    request: Request, services: Services, *, given: Sequence[Part] = ()
) -> CertifyRequest:
    """What a request for a certificate asks.

    The parameters are parts of the form, or in the query; a bare image has only the latter.

    Args:
        request: Its body is read.
        services: Their settings and models.
        given: Fields that the path says already; the request may only say the same.

    Raises:
        NotMultipart: The body is neither a form nor an image.
        MalformedForm: It says that it is a form, and is not.
        InvalidRequest: With every field that is wrong.
        ModelNotFound: No model is named and the store is empty.
    """
    settings = services.settings
    sizes = parameters.field_sizes(settings.max_upload_bytes)
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind in IMAGE_TYPES:
        parts = [Part(name=IMAGE, data=await _image(request, limit=sizes[IMAGE]))]
    else:
        boundary = boundary_of(request.headers.get("content-type"), others=IMAGE_TYPES)
        parts = await read_parts(request.stream(), boundary, max_bytes=sizes)
    parts += _query(request, sizes)
    parts += _unsaid(given, parts)
    return parameters.read_form(parts, registry=services.registry, max_draws=settings.max_draws)


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key of a request, in quotes (a structured field) or bare; None without.

    Raises:
        InvalidRequest: It is empty, too long or not of visible ASCII characters.
    """
    sent = request.headers.get(IDEMPOTENCY_KEY)
    if sent is None:
        return None
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    if not _KEY.fullmatch(key):
        detail = "must be 1 to 255 visible ASCII characters"
        limit = {"max_length": 255}
        raise InvalidRequest(
            [FieldError(field=IDEMPOTENCY_KEY, value=None, detail=detail, limit=limit)]
        )
    return key


def _unsaid(given: Sequence[Part], parts: Sequence[Part]) -> list[Part]:
    said = {part.name: part.data for part in parts}
    for part in given:
        if said.get(part.name, part.data) != part.data:
            wanted, sent = part.data.decode(), said[part.name].decode(errors="replace")
            raise InvalidRequest(
                [
                    FieldError(
                        field=part.name,
                        value=echo(sent),
                        detail=f"must be {wanted} at this path, or left out",
                        limit={"supported": [wanted]},
                        nearest=wanted,
                    )
                ]
            )
    return [part for part in given if part.name not in said]


async def _image(request: Request, *, limit: int) -> bytearray:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            raise too_long(IMAGE, limit)
    return data


def _query(request: Request, sizes: dict[str, int]) -> list[Part]:
    if not request.scope["query_string"]:
        return []
    parts: list[Part] = []
    for name, text in request.query_params.multi_items():
        if name == IMAGE:
            detail = "belongs into the body, not into the query"
            raise InvalidRequest([FieldError(field=IMAGE, value=None, detail=detail)])
        data = text.encode("utf-8", errors="surrogatepass")
        if name in sizes and len(data) > sizes[name]:
            raise too_long(name, sizes[name])
        parts.append(Part(name=name, data=bytearray(data)))
    return parts
