"""PNG: every colour type at every depth, exactly."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.errors import UnsupportedImage
from model_store.image_file import MAX_PARTS, Pixels, RecordValue, damaged, decoding

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KIND = {0: "grey", 2: "rgb", 3: "palette", 4: "grey", 6: "rgb"}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Start and step of the seven passes, in columns and rows.
_ADAM7 = (
    (0, 8, 0, 8),
    (4, 8, 0, 8),
    (0, 4, 4, 8),
    (2, 4, 0, 4),
    (0, 2, 2, 4),
    (1, 2, 0, 2),
    (0, 1, 1, 2),
)
_BLOCK = 1 << 16
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# The mode of Pillow's image, and how its decoder packs that.
_MODES = {
    (0, 1): ("1", "1"),
    (0, 2): ("L", "L;2"),
    (0, 4): ("L", "L;4"),
    (0, 8): ("L", "L"),
    (0, 16): ("I;16", "I;16B"),
    (2, 8): ("RGB", "RGB"),
    (2, 16): ("RGB", "RGB;16B"),
    (3, 1): ("P", "P;1"),
    (3, 2): ("P", "P;2"),
    (3, 4): ("P", "P;4"),
    (3, 8): ("P", "P"),
    (4, 8): ("LA", "LA"),
    (4, 16): ("RGBA", "LA;16B"),
    (6, 8): ("RGBA", "RGBA"),
    (6, 16): ("RGBA", "RGBA;16B"),
}
# Pillow keeps one byte of two: which one is the raw mode's choice. Asked twice, it gives both.
_HIGH_LOW = {2: ("RGB;16B", "RGB;16L"), 6: ("RGBA;16B", "RGBA;16L")}


@dataclass(frozen=True, slots=True, kw_only=True)
class PngFile:
    """A PNG file that was walked, its checksums verified, and not yet decoded.

    Attributes:
        width: Columns.
        height: Rows.
        depth: Bits a sample.
        colour_type: As in the header: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
        interlaced: Whether in seven passes.
        palette: RGB triples of a palette image.
        transparency: The tRNS chunk.
        compressed: The pixels' zlib stream.
        exif: The eXIf chunk.
        icc: Whether there is a colour profile; it is ignored.
        gamma: Whether there is a gAMA chunk; it is ignored.
    """

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool
    palette: bytes
    transparency: bytes | None
    compressed: bytes
    exif: bytes | None
    icc: bool
    gamma: bool

    @property
    def record(self) -> dict[str, RecordValue]:
        """What the file is."""
        alpha = "channel" if self.colour_type in {4, 6} else None
        return {
            "format": "PNG",
            "mode": _KIND[self.colour_type],
            "bit_depth": self.depth,
            "alpha": "colour" if self.transparency is not None else alpha,
            "interlaced": self.interlaced,
            "icc_profile": "ignored" if self.icc else None,
            "gamma": "ignored" if self.gamma else None,
        }

    def pixels(self) -> Pixels:
        """Decodes: (height, width, 3 or 4), uint16 where the depth is 16, else uint8.

        Raises:
            NotAnImage: Too few pixels, an unknown filter or a colour outside the palette.
        """
        with decoding("PNG"):
            self._check_length()
            samples = self._samples_16() if self.depth == 16 else self._samples_8()
        if self.colour_type == 3:
            return self._through_palette(samples)
        return self._with_transparency(samples)

    def _check_length(self) -> None:
        """Pillow paints missing rows black and says nothing, so the stream is measured first."""
        wanted = sum(
            rows * (1 + (columns * self.depth * _SAMPLES[self.colour_type] + 7) // 8)
            for columns, rows in self._passes()
        )
        found = 0
        inflate = zlib.decompressobj()
        for start in range(0, len(self.compressed), _BLOCK):
            piece = self.compressed[start : start + _BLOCK]
            while piece and found < wanted and not inflate.eof:
                found += len(inflate.decompress(piece, 1 << 20))
                piece = inflate.unconsumed_tail
        if found < wanted:
            raise damaged("PNG", f"it holds {found} bytes of pixels, its header says {wanted}")

    def _passes(self) -> Iterator[tuple[int, int]]:
        if not self.interlaced:
            yield self.width, self.height
            return
        for left, across, top, down in _ADAM7:
            columns = (self.width - left + across - 1) // across
            rows = (self.height - top + down - 1) // down
            if columns > 0 and rows > 0:
                yield columns, rows

    def _samples_8(self) -> NDArray[np.uint8]:
        array = np.asarray(self._open())
        if array.dtype == np.bool_:
            array = array.astype(np.uint8) * np.uint8(255)
        return array.reshape(self.height, self.width, _SAMPLES[self.colour_type])

    def _samples_16(self) -> NDArray[np.uint16]:
        shape = (self.height, self.width, _SAMPLES[self.colour_type])
        if self.colour_type == 0:
            return np.asarray(self._open()).reshape(shape)
        if self.colour_type == 4:
            # Four bytes a pixel are four bytes a pixel: read as RGBA, they come out as stored.
            stored = np.asarray(self._open("RGBA"))
            return stored.view(">u2").astype(np.uint16).reshape(shape)
        samples = np.empty((*shape, 2), np.uint8)
        for byte, raw_mode in zip((1, 0), _HIGH_LOW[self.colour_type], strict=True):
            samples[..., byte] = np.asarray(self._open(raw_mode))
        return samples.view("<u2").reshape(shape)

    def _open(self, raw_mode: str | None = None) -> Image.Image:
        mode, usual = _MODES[self.colour_type, self.depth]
        size, stream = (self.width, self.height), self.compressed
        return Image.frombytes(mode, size, stream, "zip", raw_mode or usual, int(self.interlaced))

    def _through_palette(self, indices: Pixels) -> Pixels:
        colours = np.frombuffer(self.palette, np.uint8).reshape(-1, 3)
        worst = int(indices.max())
        if worst >= len(colours):
            raise damaged("PNG", f"it uses colour {worst} of a palette of {len(colours)}")
        if self.transparency is not None:
            given = np.frombuffer(self.transparency[: len(colours)], np.uint8)
            alpha = np.full((len(colours), 1), 255, np.uint8)
            alpha[: len(given), 0] = given
            colours = np.hstack([colours, alpha])
        return colours[indices[..., 0]]

    def _with_transparency(self, samples: Pixels) -> Pixels:
        if self.colour_type == 6 or (self.colour_type == 2 and self.transparency is None):
            return samples
        if self.colour_type != 4 and self.transparency is None:
            return np.broadcast_to(samples, (self.height, self.width, 3))
        grey = _KIND[self.colour_type] == "grey"
        result = np.empty((self.height, self.width, 4), samples.dtype)
        result[..., :3] = samples[..., :1] if grey else samples
        if self.colour_type == 4:
            result[..., 3] = samples[..., -1]
        else:
            through = (samples == self._transparent_colour()).all(axis=2)
            result[..., 3] = np.iinfo(samples.dtype).max
            np.copyto(result[..., 3], 0, where=through)
        return result

    def _transparent_colour(self) -> NDArray[np.int64]:
        transparency = self.transparency or b""
        count = _SAMPLES[self.colour_type]
        if len(transparency) < 2 * count:
            raise damaged("PNG", f"its tRNS chunk has {len(transparency)} bytes, not {2 * count}")
        mask = (1 << self.depth) - 1
        colour = np.array(struct.unpack_from(f">{count}H", transparency), np.int64) & mask
        # Pillow stretches grey of 1, 2 and 4 bits to 8: 3 of 3 is 255.
        return colour * (255 // mask) if self.depth < 8 else colour


def read_png(data: bytes) -> PngFile:
    """Walks the chunks of a PNG file, up to its end mark; what follows that is ignored.

    Raises:
        NotAnImage: A checksum is wrong, a chunk is missing, or the file is cut short.
        UnsupportedImage: More than one frame, or chunks beyond any reason.
    """
    found: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    for name, body in _chunks(data):
        if name == b"IDAT":
            pixels.append(body)
        elif name in {b"IHDR", b"PLTE"} and name in found:
            raise damaged("PNG", f"it has two {name.decode()} chunks")
        elif (name == b"tRNS" and pixels) or (name == b"PLTE" and b"tRNS" in found):
            # There libpng ignores it, and shows another picture.
            raise damaged("PNG", "its tRNS chunk is out of place")
        elif name not in found:
            found[name] = body
    _refuse_animation(found)
    width, height, depth, colour_type, interlaced = _header(found[b"IHDR"])
    palette = found.get(b"PLTE", b"")
    if colour_type == 3 and (not palette or len(palette) % 3 or len(palette) > 768):
        raise damaged("PNG", f"its palette has {len(palette)} bytes")
    return PngFile(
        width=width,
        height=height,
        depth=depth,
        colour_type=colour_type,
        interlaced=interlaced,
        palette=palette,
        transparency=None if colour_type in {4, 6} else found.get(b"tRNS"),
        compressed=b"".join(pixels),
        exif=found.get(b"eXIf"),
        icc=b"iCCP" in found or b"cICP" in found,
        gamma=b"gAMA" in found,
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    view = memoryview(data)
    at = len(SIGNATURE)
    for index in range(MAX_PARTS):
        if len(data) - at < 12:
            raise damaged("PNG", "it is cut short")
        length, name = struct.unpack_from(">I4s", data, at)
        if (name == b"IHDR") != (index == 0):
            raise damaged("PNG", "it does not begin with its one header")
        if length > len(data) - at - 12:
            raise damaged("PNG", f"it is cut short in {name!r}")
        body = view[at + 8 : at + 8 + length]
        if zlib.crc32(body, zlib.crc32(name)) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise damaged("PNG", f"the checksum of {name!r} is wrong")
        # The first letter of a name is small where a reader may pass over what it does not know.
        if not name.isalpha() or (name[:1].isupper() and name not in _CRITICAL):
            raise damaged("PNG", f"its chunk {name!r} is not of the standard, and may matter")
        if name == b"IEND":
            return
        yield name, bytes(body)
        at += 12 + length
    raise UnsupportedImage(f"the PNG has over {MAX_PARTS} chunks", reason="metadata")


def _header(body: bytes) -> tuple[int, int, int, int, bool]:
    if len(body) != 13:
        raise damaged("PNG", f"its header has {len(body)} bytes, not 13")
    width, height, depth, colour_type, compression, filters, interlace = struct.unpack(
        ">IIBBBBB", body
    )
    if depth not in _DEPTHS.get(colour_type, ()):
        raise damaged("PNG", f"no such thing as colour type {colour_type} of {depth} bits")
    if not (width and height) or compression or filters or interlace > 1:
        raise damaged("PNG", "its header has values that do not exist")
    return width, height, depth, colour_type, interlace == 1


def _refuse_animation(found: dict[bytes, bytes]) -> None:
    control = found.get(b"acTL", b"\0\0\0\1")
    frames = int.from_bytes(control[:4], "big")
    if frames > 1 or b"fdAT" in found:
        raise UnsupportedImage(
            f"the PNG is an animation of {frames} frames; a certificate is for one image",
            reason="animated",
        )
