"""JPEG: grey and colour, baseline and progressive."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from model_store.errors import UnsupportedImage
from model_store.image_file import MAX_PARTS, Pixels, RecordValue, damaged, decoding

SIGNATURE = b"\xff\xd8\xff"
MAX_SCANS = 64
"""Passes over a progressive image, each of which may cost a few bytes and all of the pixels."""

_STANDALONE = {0x00, 0x01, *range(0xD0, 0xD8)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ACCEPTED_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2
_SCAN, _END, _EXIF, _ICC, _COMMENT = 0xDA, 0xD9, 0xE1, 0xE2, 0xFE
# JFIF and Adobe markers stay: they decide how the samples become RGB.
_DROPPED = {*range(0xE1, 0xEE), 0xEF, _COMMENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegFile:
    """A JPEG file whose markers were walked, and that is not yet decoded.

    Attributes:
        width: Columns.
        height: Rows.
        components: 1 for grey, 3 for colour.
        progressive: Whether in several scans.
        exif: The EXIF block.
        icc: Whether there is a colour profile; it is ignored.
        essential: The file without metadata.
    """

    width: int
    height: int
    components: int
    progressive: bool
    exif: bytes | None
    icc: bool
    essential: bytes

    @property
    def record(self) -> dict[str, RecordValue]:
        """What the file is."""
        return {
            "format": "JPEG",
            "mode": "grey" if self.components == 1 else "rgb",
            "bit_depth": 8,
            "alpha": None,
            "progressive": self.progressive,
            "icc_profile": "ignored" if self.icc else None,
        }

    def pixels(self) -> Pixels:
        """Decodes to (height, width, 3), uint8, as libjpeg does.

        Raises:
            NotAnImage: The pixels are cut short or cannot be decoded.
        """
        with decoding("JPEG"):
            image = JpegImageFile(BytesIO(self.essential))
            samples = np.asarray(image).reshape(self.height, self.width, self.components)
        return np.broadcast_to(samples, (self.height, self.width, 3))


def read_jpeg(data: bytes) -> JpegFile:
    """Walks the markers of a JPEG file up to its first scan.

    Raises:
        NotAnImage: Cut short, or not made as a JPEG is.
        UnsupportedImage: CMYK, an unusual process, or markers or scans beyond any reason.
    """
    frames: list[tuple[int, bytes]] = []
    exif: bytes | None = None
    icc = False
    kept = [b"\xff\xd8"]
    for marker, start, stop in _segments(data):
        body = data[start + 4 : stop]
        if marker in _FRAMES:
            frames.append((marker, body))
        elif marker == _EXIF and body.startswith(b"Exif\0\0") and exif is None:
            exif = body
        icc |= marker == _ICC and body.startswith(b"ICC_PROFILE\0")
        if marker not in _DROPPED:
            kept.append(data[start:stop])
    if len(frames) != 1:
        raise damaged("JPEG", f"it has {len(frames)} frame headers, not 1")
    height, width, components = _frame(*frames[0])
    return JpegFile(
        width=width,
        height=height,
        components=components,
        progressive=frames[0][0] == _PROGRESSIVE,
        exif=exif,
        icc=icc,
        essential=b"".join(kept),
    )


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of each segment; the last is the first scan and all behind it."""
    at = 2
    for _ in range(MAX_PARTS):
        # Anything between segments is skipped, as libjpeg does.
        start = data.find(b"\xff", at)
        if start < 0 or len(data) - start < 4:
            raise damaged("JPEG", "it ends before its pixels")
        marker = data[start + 1]
        at = start + 1
        if marker == _SCAN:
            _refuse_many_scans(data.count(b"\xff\xda", start))
            yield marker, start, len(data)
            return
        if marker == _END:
            raise damaged("JPEG", "it ends before its pixels")
        if marker == 0xFF or marker in _STANDALONE:
            continue
        (length,) = struct.unpack_from(">H", data, start + 2)
        at = start + 2 + length
        if length < 2 or at > len(data):
            raise damaged("JPEG", f"a segment of {length} bytes does not fit")
        yield marker, start, at
    raise UnsupportedImage(f"the JPEG has over {MAX_PARTS} segments", reason="metadata")


def _refuse_many_scans(scans: int) -> None:
    if scans > MAX_SCANS:
        raise UnsupportedImage(
            f"the JPEG has {scans} scans; at most {MAX_SCANS} are decoded", reason="mode"
        )


def _frame(marker: int, body: bytes) -> tuple[int, int, int]:
    if marker not in _ACCEPTED_FRAMES:
        raise UnsupportedImage(
            f"the JPEG is lossless, hierarchical or arithmetic-coded (frame 0x{marker:02x}); "
            "baseline and progressive are decoded",
            reason="mode",
        )
    if len(body) < 6:
        raise damaged("JPEG", f"its frame header has {len(body)} bytes")
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    if not (width and height):
        raise damaged("JPEG", f"its frame header says {width}x{height} pixels")
    if components == 4:
        raise UnsupportedImage(
            "the JPEG is CMYK or YCCK, whose colours depend on a printer's profile; send RGB",
            reason="cmyk",
        )
    if precision != 8 or components not in {1, 3}:
        raise UnsupportedImage(
            f"the JPEG has {components} components of {precision} bits; "
            "1 or 3 of 8 bits are decoded",
            reason="mode",
        )
    return height, width, components
