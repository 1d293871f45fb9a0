"""Images of every sort, made here, and ways to spoil them: where fuzzing begins.

Nothing is read from files, and everything follows from fixed seeds, so a failure comes again.
"""

import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
SIDE = 9
# Of the seven passes: first column and row, steps.
PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
Seed = tuple[str, bytes]


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of PNG with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(depth: int, colour_type: int, interlace: int = 0, *, side: int = SIDE) -> bytes:
    """The header chunk of a square PNG."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour_type, 0, 0, interlace))


def rows(depth: int, colour_type: int, interlace: int = 0) -> bytes:
    """Scan lines of noise, each with another filter; palette indices stay below two."""
    chance = random.Random(f"{depth} {colour_type} {interlace}")  # noqa: S311
    lines: list[bytes] = []
    passes = PASSES if interlace else ((0, 0, 1, 1),)
    for left, top, across, down in passes:
        columns = len(range(left, SIDE, across))
        length = (columns * depth * SAMPLES[colour_type] + 7) // 8
        for number in range(len(range(top, SIDE, down)) if columns else 0):
            noise = bytes(length) if colour_type == 3 else chance.randbytes(length)
            lines.append(bytes([number % 5]) + noise)
    return b"".join(lines)


def png(depth: int, colour_type: int, interlace: int = 0, *, before: bytes = b"") -> bytes:
    """A valid PNG of noise."""
    palette = chunk(b"PLTE", bytes(range(6))) if colour_type == 3 else b""
    pixels = chunk(b"IDAT", zlib.compress(rows(depth, colour_type, interlace)))
    start = SIGNATURE + header(depth, colour_type, interlace)
    return start + palette + before + pixels + chunk(b"IEND", b"")


def valid_pngs() -> Iterator[Seed]:
    """Every colour type at every depth, interlaced or not, with and without tRNS and gAMA."""
    gamma = chunk(b"gAMA", struct.pack(">I", 45_455))
    for colour_type, depths in DEPTHS.items():
        for depth, interlace in product(depths, (0, 1)):
            name = f"png {colour_type} {depth} {interlace}"
            yield name, png(depth, colour_type, interlace)
            yield f"{name} gAMA", png(depth, colour_type, interlace, before=gamma)
            if colour_type in {0, 2, 3}:
                size = {0: 2, 2: 6, 3: 1}[colour_type]
                through = chunk(b"tRNS", bytes(size))
                yield f"{name} tRNS", png(depth, colour_type, interlace, before=through)


def odd_pngs() -> Iterator[Seed]:
    """Pieces missing, twice, in another order, too short, too long, lying."""
    pixels = zlib.compress(rows(8, 2))
    start, idat, end = SIGNATURE + header(8, 2), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    bomb = zlib.compress(bytes(4_000_000))
    parts: dict[str, bytes] = {
        "no header": SIGNATURE + idat + end,
        "two headers": start + header(8, 2) + idat + end,
        "no pixels": start + end,
        "empty pixels": start + chunk(b"IDAT", b"") + end,
        "half the pixels": start + chunk(b"IDAT", pixels[: len(pixels) // 2]) + end,
        "pixels twice": start + idat + idat + end,
        "pixels of another zlib": start + chunk(b"IDAT", b"\x78\xff" + pixels[2:]) + end,
        "no end": start + idat,
        "something behind the end": start + idat + end + b"more" * 100,
        "an end with a body": start + idat + chunk(b"IEND", b"x"),
        "a wrong checksum": start + idat[:-1] + b"\0" + end,
        "a length beyond the file": start + b"\xff\xff\xff\xff" + idat[4:] + end,
        "a long palette": start + chunk(b"PLTE", bytes(3 * 257)) + idat + end,
        "a palette of two thirds": SIGNATURE + header(8, 3) + chunk(b"PLTE", b"ab") + idat + end,
        "no palette": SIGNATURE + header(8, 3) + idat + end,
        "a short tRNS": start + chunk(b"tRNS", b"\0") + idat + end,
        "a bomb of pixels": start + chunk(b"IDAT", bomb) + end,
        "a bomb of a profile": start + chunk(b"iCCP", b"x\0\0" + bomb) + idat + end,
        "a bomb of text": start + chunk(b"zTXt", b"x\0\0" + bomb) + idat + end,
        "many chunks": start + chunk(b"tEXt", b"a\0b") * 5_000 + idat + end,
        "an animation": start + chunk(b"acTL", struct.pack(">II", 2, 0)) + idat + end,
        "a frame": start + idat + chunk(b"fdAT", bytes(4) + pixels) + end,
        "EXIF that points outside": start + chunk(b"eXIf", b"II*\0\xff\xff\xff\x7f") + idat + end,
        "an orientation": start
        + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
        + idat
        + end,
    }
    yield from ((f"png with {name}", data) for name, data in parts.items())
    for values in ((0, 9, 8, 2), (2**31, 9, 8, 2), (9, 9, 3, 2), (9, 9, 8, 5), (9, 9, 0, 0)):
        body = struct.pack(">IIBBBBB", *values, 0, 0, 0)
        yield f"png of {values}", SIGNATURE + chunk(b"IHDR", body) + idat + end
    for last in ((1, 0, 0), (0, 1, 0), (0, 0, 2)):
        body = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, *last)
        yield f"png with methods {last}", SIGNATURE + chunk(b"IHDR", body) + idat + end


def _saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (6, 6, 4), dtype=np.uint8)
    image = Image.fromarray(noise).resize((24, 24)).convert(mode)
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def others() -> Iterator[Seed]:
    """JPEG and WebP of every sort, and formats that are refused."""
    for mode in ("RGB", "L", "CMYK"):
        for progressive in (False, True):
            name = f"jpeg {mode} {'progressive' if progressive else 'baseline'}"
            yield name, _saved("JPEG", mode, progressive=progressive)
    for subsampling in (0, 1, 2):
        yield f"jpeg 4:x:x {subsampling}", _saved("JPEG", subsampling=subsampling)
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    yield "jpeg exif", _saved("JPEG", exif=exif, icc_profile=b"profile" * 100, comment=b"hello")
    yield "jpeg restart", _saved("JPEG", restart_marker_blocks=1)
    many = _saved("JPEG", progressive=True)
    scan = many[many.rindex(b"\xff\xda") : -2]
    yield "jpeg many scans", many[:-2] + scan * 200 + many[-2:]
    for mode, lossless in product(("RGB", "RGBA", "L"), (False, True)):
        yield f"webp {mode} {lossless}", _saved("WEBP", mode, lossless=lossless)
    frames = [Image.new("RGB", (24, 24), (n * 50, 0, 0)) for n in range(3)]
    yield (
        "webp animated",
        _saved_all(frames, "WEBP"),
    )
    yield "webp metadata", _saved("WEBP", exif=exif, icc_profile=b"x" * 99, xmp=b"<x/>")
    yield "apng", _saved_all(frames, "PNG")
    for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM"):
        yield kind.lower(), _saved(kind)
    yield "svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "nothing", b""
    yield "zeros", bytes(500)


def _saved_all(frames: list[Image.Image], kind: str) -> bytes:
    file = BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


def seeds() -> list[Seed]:
    """All of them, with a name each."""
    return [*valid_pngs(), *odd_pngs(), *others()]


def rechecked(data: bytes) -> bytes:
    """A PNG with every checksum made right, so that what was spoilt is looked at."""
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """An image after one or several accidents."""
    whole = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if not whole:
            return chance.randbytes(chance.randint(0, 40))
        _accident(whole, chance)
    result = bytes(whole)
    return rechecked(result) if result.startswith(SIGNATURE) and chance.random() < 0.7 else result


_ODD = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xd8\xff\xda")


def _accident(whole: bytearray, chance: random.Random) -> None:
    at, length = chance.randrange(len(whole)), chance.randint(1, 20)
    kind = chance.randrange(6)
    if kind == 0:
        whole[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        whole[at : at + length] = chance.randbytes(length)
    elif kind == 2:
        del whole[at : at + length]
    elif kind == 3:
        whole[at:at] = whole[at : at + length]
    elif kind == 4:
        del whole[at:]
    else:
        value = chance.choice(_ODD)
        whole[at : at + len(value)] = value
