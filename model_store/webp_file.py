"""WebP: one still frame, lossy or lossless."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL.WebPImagePlugin import WebPImageFile

from model_store.errors import UnsupportedImage
from model_store.image_file import MAX_PARTS, Pixels, RecordValue, damaged, decoding

_LOSSY, _LOSSLESS, _EXTENDED, _FRAME = b"VP8 ", b"VP8L", b"VP8X", b"ANMF"
_ALPHA, _EXIF = b"ALPH", b"EXIF"
_ALPHA_FLAG, _EXIF_FLAG = 0x10, 0x08
# What a still picture is made of, in this order (RFC 9649, section 2.7). In any other, such as two
# pictures in one file, decoders do not see the same.
_ORDERS = (
    [_LOSSY],
    [_LOSSLESS],
    [_EXTENDED, _LOSSY],
    [_EXTENDED, _ALPHA, _LOSSY],
    [_EXTENDED, _LOSSLESS],
)


def is_webp(data: bytes) -> bool:
    """Whether the file begins as WebP does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebpFile:
    """A WebP file whose chunks were walked, and that is not yet decoded.

    Attributes:
        width: Columns.
        height: Rows.
        lossless: Whether the pixels are coded without loss.
        alpha: Whether they come with an alpha channel.
        exif: The EXIF block, where the header tells of one; viewers read no other.
        icc: Whether there is a colour profile; it is ignored.
        essential: The file without metadata.
    """

    width: int
    height: int
    lossless: bool
    alpha: bool
    exif: bytes | None
    icc: bool
    essential: bytes

    @property
    def record(self) -> dict[str, RecordValue]:
        """What the file is."""
        return {
            "format": "WEBP",
            "mode": "rgb",
            "bit_depth": 8,
            "alpha": "channel" if self.alpha else None,
            "lossless": self.lossless,
            "icc_profile": "ignored" if self.icc else None,
        }

    def pixels(self) -> Pixels:
        """Decodes to (height, width, 3 or 4), uint8, as libwebp does.

        Raises:
            NotAnImage: The pixels are cut short or cannot be decoded.
        """
        channels = 4 if self.alpha else 3
        with decoding("WebP"):
            image = WebPImageFile(BytesIO(self.essential))
            if image.size != (self.width, self.height):
                raise damaged("WebP", "its headers contradict each other")
            return np.asarray(image).reshape(self.height, self.width, channels)


def read_webp(data: bytes) -> WebpFile:
    """Walks the chunks of a WebP file.

    Raises:
        NotAnImage: Cut short, or not made as a WebP is.
        UnsupportedImage: An animation, or chunks beyond any reason.
    """
    chunks = list(_chunks(data))
    found = dict(reversed(chunks))  # the first of each name
    if b"ANIM" in found or _FRAME in found:
        raise UnsupportedImage(
            "the WebP is an animation; a certificate is for one image", reason="animated"
        )
    order = [name for name, _ in chunks if name in {_EXTENDED, _ALPHA, _LOSSY, _LOSSLESS}]
    if order not in _ORDERS:
        raise damaged("WebP", "it has no pixels, or more than one picture's")
    bits, lossless = found[order[-1]], order[-1] == _LOSSLESS
    width, height, alpha = _lossless_header(bits) if lossless else (*_lossy_header(bits), False)
    alpha |= _ALPHA in order
    flags = 0
    if _EXTENDED in order:
        flags = _flags(found[_EXTENDED], width, height, alpha=alpha)
    return WebpFile(
        width=width,
        height=height,
        lossless=lossless,
        alpha=alpha,
        exif=found.get(_EXIF) if flags & _EXIF_FLAG else None,
        icc=b"ICCP" in found,
        essential=_essential(
            width, height, {name: found[name] for name in order if name != _EXTENDED}
        ),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if len(data) < end:
        raise damaged("WebP", "it is cut short")
    at = 12
    for _ in range(MAX_PARTS):
        if end - at < 8:
            return
        name, length = struct.unpack_from("<4sI", data, at)
        if length > end - at - 8:
            raise damaged("WebP", f"it is cut short in {name!r}")
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise UnsupportedImage(f"the WebP has over {MAX_PARTS} chunks", reason="metadata")


def _lossy_header(bits: bytes) -> tuple[int, int]:
    """Source: RFC 6386, section 9.1."""
    if len(bits) < 10 or bits[3:6] != b"\x9d\x01\x2a":
        raise damaged("WebP", "its pixels have no header")
    width, height = struct.unpack_from("<HH", bits, 6)
    return _sides(width & 0x3FFF, height & 0x3FFF)


def _lossless_header(bits: bytes) -> tuple[int, int, bool]:
    """Source: RFC 9649, section 3.4."""
    if len(bits) < 5 or bits[0] != 0x2F:
        raise damaged("WebP", "its pixels have no header")
    (packed,) = struct.unpack_from("<I", bits, 1)
    width, height = _sides((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    return width, height, bool(packed >> 28 & 1)


def _flags(header: bytes, width: int, height: int, *, alpha: bool) -> int:
    """What the extended header tells of. Source: RFC 9649, section 2.7."""
    if header[4:10] != _canvas(width, height):
        raise damaged("WebP", "its canvas is not of the size of its pixels")
    if alpha and not header[0] & _ALPHA_FLAG:
        raise damaged("WebP", "it has an alpha channel, and its header says that it has none")
    return header[0]


def _sides(width: int, height: int) -> tuple[int, int]:
    if not (width and height):
        raise damaged("WebP", f"its header says {width}x{height} pixels")
    return width, height


def _canvas(width: int, height: int) -> bytes:
    return (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _essential(width: int, height: int, chunks: dict[bytes, bytes]) -> bytes:
    parts: list[bytes] = []
    if _ALPHA in chunks:
        parts.append(_chunk(_EXTENDED, bytes([_ALPHA_FLAG, 0, 0, 0]) + _canvas(width, height)))
    parts += [_chunk(name, body) for name, body in chunks.items()]
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
