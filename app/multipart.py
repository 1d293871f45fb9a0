"""multipart/form-data (RFC 7578), parsed as it arrives, under limits and in memory.

Starlette's own parser is not used: it takes the last of two parts of one name silently, spools
to disk, accepts a body that stops in the middle, and cannot tell a huge unknown part from ours.
"""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BodyTooLarge, FieldError, InvalidRequest, MalformedForm, NotMultipart

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 32


@dataclass(slots=True)
class Part:
    """One part of a form.

    Attributes:
        name: Of the field.
        data: Its bytes; kept only for fields that were asked for.
        filename: Of the file that it was, as the client tells it; "" where there is none.
    """

    name: str
    data: bytearray = field(default_factory=bytearray)
    filename: str = ""


def boundary_of(content_type: str | None, *, others: Sequence[str] = ()) -> bytes:
    """The boundary that a Content-Type header announces.

    Args:
        content_type: As it was sent.
        others: Content types that would do as well, to be named where it is refused.

    Raises:
        NotMultipart: Another content type, or none.
        MalformedForm: multipart/form-data without a boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise NotMultipart(content_type, others=others)
    boundary = options.get(b"boundary")
    if not boundary:
        raise MalformedForm("Content-Type must name the boundary of multipart/form-data")
    return boundary


async def read_parts(
    chunks: AsyncIterable[bytes],
    boundary: bytes,
    *,
    max_bytes: Mapping[str, int],
    max_parts: int = MAX_PARTS,
) -> list[Part]:
    """All parts of a body, in order.

    Args:
        chunks: The body.
        boundary: What separates its parts.
        max_bytes: The fields to keep and how long each may be. Other parts keep their name only.
        max_parts: How many there may be.

    Raises:
        MalformedForm: Not a form, too many parts, or cut short.
        InvalidRequest: A field is longer than it may be.
    """
    collector = _Collector(max_bytes, max_parts)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MalformedForm(f"not multipart/form-data: {error}") from error
    if not collector.complete:
        raise MalformedForm("the form ends before its closing boundary")
    return collector.parts


class _Collector:
    """Callbacks of python-multipart that keep what they are called with."""

    def __init__(self, max_bytes: Mapping[str, int], max_parts: int) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._max_bytes = max_bytes
        self._max_parts = max_parts
        self._header = bytearray()
        self._value = bytearray()
        self._disposition: bytes | None = None

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._max_parts:
            raise MalformedForm(f"a form must have at most {self._max_parts} parts, this has more")
        self._disposition = None

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_finished(self) -> None:
        named = self._disposition or b""
        # Of files nothing is kept, their names neither.
        name, filename = (_named if b"filename" in named.lower() else _named_before)(named)
        self.parts.append(Part(name=name, filename=filename))

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        limit = self._max_bytes.get(part.name)
        if limit is None:
            return
        if len(part.data) + end - start > limit:
            raise too_long(part.name, limit)
        part.data += data[start:end]

    def _end(self) -> None:
        self.complete = True


def _named(disposition: bytes) -> tuple[str, str]:
    """The names of a field and of its file, "" for none, in a Content-Disposition."""
    kind, options = parse_options_header(disposition)
    name = options.get(b"name")
    if kind != b"form-data" or name is None:
        raise MalformedForm(
            'each part must have the header Content-Disposition: form-data; name="..."'
        )
    filename = options.get(b"filename", b"")
    return name.decode("utf-8", errors="replace"), filename.decode("utf-8", errors="replace")


_named_before = lru_cache(maxsize=128)(_named)
"""The same for fields, whose names are few: clients send them again and again."""


def too_long(name: str, limit: int) -> InvalidRequest | BodyTooLarge:
    """The error for a field over its limit of bytes; the image's is the one of a large body."""
    if name == "image":
        return BodyTooLarge(declared=None, limit=limit)
    detail = f"must be at most {limit} bytes long"
    return InvalidRequest(
        [FieldError(field=name, value=None, detail=detail, limit={"max_bytes": limit})]
    )
