"""PNG: every colour type, depth, interlacing and transparency, exactly."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import png as pypng
import pytest
from PIL import Image

from model_store.decoding import decode
from model_store.errors import NotAnImage, UnsupportedImage
from model_store.image_file import MAX_PARTS

Encode = Callable[..., bytes]
Chunk = Callable[[bytes, bytes], bytes]

COUNT = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [
    *((0, depth) for depth in (1, 2, 4, 8, 16)),
    *((3, depth) for depth in (1, 2, 4, 8)),
    *((colour_type, depth) for colour_type in (2, 4, 6) for depth in (8, 16)),
]
SIZES = [(8, 8), (9, 13), (17, 8)]


def _samples(colour_type: int, depth: int, shape: tuple[int, int] = (9, 13)) -> np.ndarray:
    generator = np.random.default_rng(100 * colour_type + depth)
    return generator.integers(0, 1 << depth, (*shape, COUNT[colour_type]))


def _palette(depth: int) -> np.ndarray:
    return np.random.default_rng(depth).integers(0, 256, (1 << depth, 3))


def _before(colour_type: int, depth: int, chunk: Chunk) -> bytes:
    if colour_type != 3:
        return b""
    return chunk(b"PLTE", _palette(depth).astype(np.uint8).tobytes())


def _meaning(samples: np.ndarray, colour_type: int, depth: int) -> np.ndarray:
    """RGB or RGBA by the definition of PNG, at 8 or 16 bits."""
    scale = 255 // ((1 << depth) - 1) if depth < 8 else 1
    if colour_type == 3:
        return _palette(depth)[samples[..., 0]]
    picked = {0: [0, 0, 0], 2: [0, 1, 2], 4: [0, 0, 0, 1], 6: [0, 1, 2, 3]}[colour_type]
    return samples[..., picked] * scale


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "depth"), KINDS)
def test_every_kind_decodes_to_what_it_means(
    png: Encode, png_chunk: Chunk, colour_type: int, depth: int, interlaced: bool
) -> None:
    samples = _samples(colour_type, depth)
    before = _before(colour_type, depth, png_chunk)
    data = png(samples, depth=depth, colour_type=colour_type, interlaced=interlaced, before=before)

    decoded = decode(data)

    assert np.array_equal(decoded.pixels, _meaning(samples, colour_type, depth))
    assert decoded.max_value == (65_535 if depth == 16 else 255)
    assert decoded.record["bit_depth"] == depth
    assert decoded.record["interlaced"] is interlaced


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "depth"), KINDS)
def test_another_decoder_agrees(
    png: Encode, png_chunk: Chunk, colour_type: int, depth: int, interlaced: bool
) -> None:
    before = _before(colour_type, depth, png_chunk)
    samples = _samples(colour_type, depth)
    data = png(samples, depth=depth, colour_type=colour_type, interlaced=interlaced, before=before)

    _, _, rows, facts = pypng.Reader(bytes=data).asDirect()

    theirs = np.vstack([np.asarray(row) for row in rows]).reshape(9, 13, facts["planes"])
    stretched = theirs * (255 // ((1 << facts["bitdepth"]) - 1) if facts["bitdepth"] < 8 else 1)
    channels = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[facts["planes"]]
    assert np.array_equal(decode(data).pixels, stretched[..., channels])


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("interlaced", [False, True])
def test_sizes_that_do_not_fill_their_bytes(
    png: Encode, shape: tuple[int, int], interlaced: bool
) -> None:
    samples = _samples(0, 1, shape)

    decoded = decode(png(samples, depth=1, colour_type=0, interlaced=interlaced))

    assert np.array_equal(decoded.pixels[..., 0], 255 * samples[..., 0])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_transparent(png: Encode, png_chunk: Chunk, depth: int) -> None:
    samples = _samples(0, depth)
    chosen = int(samples[4, 4, 0])
    data = png(
        samples, depth=depth, colour_type=0, before=png_chunk(b"tRNS", struct.pack(">H", chosen))
    )

    decoded = decode(data)

    assert np.array_equal(decoded.pixels[..., :3], _meaning(samples, 0, depth))
    assert np.array_equal(decoded.pixels[..., 3] == 0, samples[..., 0] == chosen)
    assert decoded.pixels[..., 3].max() in {0, decoded.max_value}
    assert decoded.record["alpha"] == "colour"


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_is_transparent_only_where_all_of_it_is(
    png: Encode, png_chunk: Chunk, depth: int, interlaced: bool
) -> None:
    samples = _samples(2, depth)
    samples[2, 3] = samples[4, 4]
    samples[5, 5] = samples[4, 4] ^ [0, 0, 1]
    colour = png_chunk(b"tRNS", struct.pack(">3H", *samples[4, 4]))
    data = png(samples, depth=depth, colour_type=2, before=colour, interlaced=interlaced)

    alpha = decode(data).pixels[..., 3]

    assert np.argwhere(alpha == 0).tolist() == [[2, 3], [4, 4]]


def test_a_palette_carries_its_alpha(png: Encode, png_chunk: Chunk) -> None:
    samples = _samples(3, 2)
    before = _before(3, 2, png_chunk) + png_chunk(b"tRNS", bytes([0, 128]))

    decoded = decode(png(samples, depth=2, colour_type=3, before=before))

    assert np.array_equal(decoded.pixels[..., 3], np.array([0, 128, 255, 255])[samples[..., 0]])
    assert np.array_equal(decoded.pixels[..., :3], _palette(2)[samples[..., 0]])


def test_sixteen_bits_keep_their_low_byte(png: Encode) -> None:
    ramp = np.arange(0, 65_536, 32).reshape(32, 64, 1)

    decoded = decode(png(ramp, depth=16, colour_type=0))

    assert np.array_equal(decoded.pixels[..., 2], ramp[..., 0])


def test_profiles_and_gamma_are_ignored_and_told(png: Encode, png_chunk: Chunk) -> None:
    samples = _samples(2, 8)
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"not a profile"))
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    text = png_chunk(b"tEXt", b"Author\0someone")

    decoded = decode(png(samples, depth=8, colour_type=2, before=profile + gamma + text))

    assert np.array_equal(decoded.pixels, samples)
    assert decoded.record["icc_profile"] == "ignored"
    assert decoded.record["gamma"] == "ignored"
    assert "someone" not in str(decoded.record)


def _damage(encode: Encode, chunk: Chunk) -> dict[str, bytes]:
    grey = _samples(0, 8)
    whole = encode(grey, depth=8, colour_type=0)
    short = zlib.compress(b"".join(b"\0" + bytes(13) for _ in range(5)))
    wrong_filter = zlib.compress(b"".join(b"\7" + bytes(13) for _ in range(9)))
    header = whole[:33]
    end = chunk(b"IEND", b"")
    colours = encode(_samples(3, 8), depth=8, colour_type=3, before=chunk(b"PLTE", bytes(9)))
    return {
        "cut short": whole[:-6],
        "cut in the pixels": whole[:70],
        "signature alone": whole[:8],
        "checksum": whole[:50] + bytes([whole[50] ^ 1]) + whole[51:],
        "too few rows": header + chunk(b"IDAT", short) + end,
        "no rows": header + end,
        "unknown filter": header + chunk(b"IDAT", wrong_filter) + end,
        "no zlib": header + chunk(b"IDAT", b"garbage!") + end,
        "header twice": header + header[8:] + whole[33:],
        "no header": whole[:8] + chunk(b"IDAT", short) + end,
        "palette too small": colours,
        "no palette": encode(_samples(3, 8), depth=8, colour_type=3),
        "no such depth": whole[:8]
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 9, 4, 2, 0, 0, 0))
        + whole[33:],
        "no width": whole[:8]
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 0, 0, 0, 0))
        + whole[33:],
        "short transparency": encode(grey, depth=8, colour_type=0, before=chunk(b"tRNS", b"\0")),
        "a chunk that matters and nobody knows": header + chunk(b"ABCD", b"") + whole[33:],
        "a chunk without a name": header + chunk(b"ab\0d", b"") + whole[33:],
        "length over the end": whole[:33] + b"\x7f\xff\xff\xffIDAT" + whole[41:],
    }


DAMAGES = [
    "cut short", "cut in the pixels", "signature alone", "checksum", "too few rows", "no rows",
    "unknown filter", "no zlib", "header twice", "no header", "palette too small", "no palette",
    "no such depth", "no width", "short transparency", "a chunk that matters and nobody knows",
    "a chunk without a name", "length over the end",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(png: Encode, png_chunk: Chunk, damage: str) -> None:
    data = _damage(png, png_chunk)[damage]

    with pytest.raises(NotAnImage, match="the PNG is damaged: ") as caught:
        decode(data)

    assert caught.value.reason == "damaged"


def test_transparency_that_others_pass_over_is_refused(png: Encode, png_chunk: Chunk) -> None:
    grey = png(_samples(0, 8), depth=8, colour_type=0)
    transparency = png_chunk(b"tRNS", b"\0\0")
    behind_pixels = grey[:-12] + transparency + grey[-12:]
    before_palette = png(
        _samples(3, 2), depth=2, colour_type=3, before=transparency + _before(3, 2, png_chunk)
    )

    for data in (behind_pixels, before_palette):
        with pytest.raises(NotAnImage, match="tRNS chunk is out of place"):
            decode(data)


def test_an_animation_is_refused(photo: np.ndarray) -> None:
    buffer = BytesIO()
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])

    with pytest.raises(UnsupportedImage, match="animation of 2 frames") as caught:
        decode(buffer.getvalue())

    assert caught.value.reason == "animated"


def test_an_animation_of_one_frame_is_an_image(png: Encode, png_chunk: Chunk) -> None:
    control = png_chunk(b"acTL", struct.pack(">II", 1, 0))

    decoded = decode(png(_samples(2, 8), depth=8, colour_type=2, before=control))

    assert np.array_equal(decoded.pixels, _samples(2, 8))


def test_a_flood_of_chunks_is_refused(png: Encode, png_chunk: Chunk) -> None:
    flood = png_chunk(b"teSt", b"") * MAX_PARTS

    with pytest.raises(UnsupportedImage, match="over 65536 chunks") as caught:
        decode(png(_samples(0, 8), depth=8, colour_type=0, before=flood))

    assert caught.value.reason == "metadata"


def test_what_follows_the_end_of_too_few_pixels_is_passed_over(
    png_chunk: Chunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows the end of a stream zlib keeps, and copies whenever it is given more."""
    made: list[zlib._Decompress] = []
    decompressobj = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", lambda: made.append(decompressobj()) or made[-1])
    pixels = zlib.compress(bytes(100)) + bytes(1 << 20)
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")]

    with pytest.raises(NotAnImage, match="it holds 100 bytes of pixels"):
        decode(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts))

    [inflate] = made
    assert len(inflate.unused_data) < 1 << 16


def test_what_follows_the_end_does_not_matter(png: Encode) -> None:
    data = png(_samples(2, 8), depth=8, colour_type=2)

    assert np.array_equal(decode(data + b"PK\3\4" + bytes(99)).pixels, _samples(2, 8))


def test_pillow_writes_what_is_read(saved: Encode, photo: np.ndarray) -> None:
    assert np.array_equal(decode(saved(photo, "PNG")).pixels, photo)


def test_pypng_writes_what_is_read() -> None:
    buffer = BytesIO()
    samples = _samples(6, 16)
    writer = pypng.Writer(13, 9, greyscale=False, alpha=True, bitdepth=16, interlace=True)
    writer.write(buffer, samples.reshape(9, -1).tolist())

    assert np.array_equal(decode(buffer.getvalue()).pixels, samples)
