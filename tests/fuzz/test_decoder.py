"""Any bytes are pixels or a reason; what an image may cost is known."""

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from model_store.decoding import ImageLimits, decode
from model_store.errors import ImageError
from tests.fuzz.corpus import seeds, valid_pngs

ROOT = Path(__file__).parents[2]
SEEDS = seeds()
MIB = 2**20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs atheris, or /proc")


def test_the_corpus_has_every_sort_once() -> None:
    names = [name for name, _ in SEEDS]

    assert len(names) == len(set(names)) >= 140
    assert len({data for _, data in SEEDS}) >= 135


@pytest.mark.parametrize(("name", "data"), list(valid_pngs()))
def test_a_valid_png_is_decoded(name: str, data: bytes) -> None:
    decoded = decode(data)

    assert decoded.pixels.shape[:2] == (9, 9), name


def test_a_seed_is_pixels_or_a_reason_soon_and_in_little_room() -> None:
    outcomes: dict[str, int] = {}
    for name, data in SEEDS:
        tracemalloc.start()
        began = time.perf_counter()
        try:
            decode(data)
            outcome = "pixels"
        except ImageError as error:
            outcome = error.reason
        took, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        assert (took < 2, peak < 8 * MIB) == (True, True), (name, took, peak)

    assert outcomes["pixels"] > 100
    assert set(outcomes) >= {"damaged", "animated", "cmyk", "format", "mode", "empty", "too_large"}


@LINUX
def test_a_short_search_for_bytes_that_break_the_decoder_finds_none(tmp_path: Path) -> None:
    # Through a shell, which is small: the most memory that a process ever held counts what the
    # one that began it held.
    through = ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run(
        [*through, sys.executable, "-m", "tests.fuzz.decoder", "2", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr[-3_000:]
    assert list(tmp_path.iterdir()) == []
    assert "Done " in done.stderr


COSTLY = """
import sys
from io import BytesIO
from PIL import Image
from model_store.decoding import decode
from tests.fuzz.corpus import SIGNATURE, SAMPLES, chunk, header
import zlib

SIDE = 2_000

def png(depth, colour_type, before=b""):
    row = bytes(1 + SIDE * depth * SAMPLES[colour_type] // 8)
    pixels = chunk(b"IDAT", zlib.compress(row * SIDE, 1))
    start = SIGNATURE + header(depth, colour_type, side=SIDE)
    return start + before + pixels + chunk(b"IEND", b"")

def saved(kind, mode, **options):
    file = BytesIO()
    Image.new(mode, (SIDE, SIDE)).save(file, kind, **options)
    return file.getvalue()

IMAGES = {
    "png 16-bit RGBA": lambda: png(16, 6),
    "png 16-bit grey, tRNS": lambda: png(16, 0, chunk(b"tRNS", bytes(2))),
    "png 1-bit grey, tRNS": lambda: png(1, 0, chunk(b"tRNS", bytes(2))),
    "png palette": lambda: png(8, 3, chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(256))),
    "jpeg": lambda: saved("JPEG", "RGB", progressive=True),
    "webp": lambda: saved("WEBP", "RGBA", lossless=True),
}

def peak():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024

def forget():
    open("/proc/self/clear_refs", "w").write("5")

data = IMAGES[sys.argv[1]]()
decode(saved("PNG", "L"))
forget()
before = peak()
decode(data)
print((peak() - before) / SIDE**2)
"""


@LINUX
@pytest.mark.parametrize(
    "name",
    ["png 16-bit RGBA", "png 16-bit grey, tRNS", "png 1-bit grey, tRNS", "webp"],
)
def test_a_pixel_costs_at_most_what_the_documentation_says(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COSTLY, name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert float(done.stdout) < 22


def test_what_claims_too_much_costs_nothing() -> None:
    """A header is believed as little as can be: its limits come before any pixel."""
    limits = ImageLimits(max_pixels=10)

    for _, data in SEEDS:
        with pytest.raises(ImageError):
            decode(data, limits)
