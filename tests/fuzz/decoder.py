"""Coverage-guided fuzzing of the decoder: any bytes are pixels or a reason, soon, in little room.

Run it as `python -m tests.fuzz.decoder SECONDS [FOLDER]`; what broke it is left in FOLDER.
"""

import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["model_store"]):
    from model_store.card import Preprocessing
    from model_store.decoding import ImageLimits, decode
    from model_store.errors import ImageError
    from model_store.preprocessing import prepare

from tests.fuzz.corpus import seeds

LIMITS = ImageLimits(max_bytes=2**20, max_side=1_000, max_pixels=250_000)
MOST_S = 1.0
MOST_MIB = 1_024
"""Of the whole process, libraries and the fuzzer's own corpus included."""
PREPROCESSING = Preprocessing(
    size=32, resize="bicubic", resize_shorter=32, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)


def one_image(data: bytes) -> None:
    """Decodes and prepares; whatever is raised but ImageError is a finding."""
    began = time.perf_counter()
    try:
        image = prepare(decode(data, LIMITS), PREPROCESSING)
    except ImageError:
        pass
    else:
        if image.tensor.shape != (3, 32, 32):
            raise AssertionError(f"a tensor of shape {image.tensor.shape}")
    if time.perf_counter() - began > MOST_S:
        raise AssertionError(f"{len(data)} bytes took {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Fuzzes for so many seconds, beginning with the corpus."""
    seconds = int(sys.argv[1])
    found = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="fuzz"))
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, (_, data) in enumerate(seeds()):
            (Path(corpus) / str(number)).write_bytes(data)
        options = [
            f"-max_total_time={seconds}",
            "-max_len=20000",
            "-timeout=10",
            f"-rss_limit_mb={MOST_MIB}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, corpus], one_image)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
