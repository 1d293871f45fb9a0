"""Random words by address: (key, phase, draw, place within the draw) to 64 bits.

Philox4x64-10 is counter-based: the counter's upper words hold the address, the lowest counts
blocks of four words within the draw, so no two draws share a word.

Source:
    Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothing.votes import Phase

NOISE_SCHEME = "philox4x64-10/box-muller"
"""Name of the map from an address to noise; a change of the map is a change of the name."""

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Stream:
    """One phase of one job.

    Attributes:
        key: Philox's two key words.
        phase: 0 or 1, the third word of the counter.
    """

    key: tuple[int, int]
    phase: int


def stream_of(key: bytes, phase: Phase) -> Stream:
    """The stream of a job's secret key and a phase."""
    derived = sha256(NOISE_SCHEME.encode() + key).digest()
    words = int.from_bytes(derived[:8], "little"), int.from_bytes(derived[8:16], "little")
    return Stream(words, phase.index)


class Words:
    """Reads words at any address. One thread at a time."""

    def __init__(self) -> None:
        self._philox: Any = np.random.Philox(key=0)  # typed loosely: its state is a dict
        self._generator = np.random.Generator(self._philox)
        # Plain lists: numpy reads them four times as quickly as its own arrays.
        self._address: dict[str, list[int]] = {"counter": [0] * 4, "key": [0] * 2}
        self._state: dict[str, Any] = {
            "bit_generator": "Philox",
            "state": self._address,
            "buffer": [0] * 4,
            "buffer_pos": 4,  # empty: the next word is computed
            "has_uint32": 0,
            "uinteger": 0,
        }

    def raw(self, stream: Stream, draw: int, count: int) -> NDArray[np.uint64]:
        """The first `count` words of a draw."""
        self._seek(stream, draw)
        return self._philox.random_raw(count)

    def uniforms(self, stream: Stream, draw: int, *, out: NDArray[np.float64]) -> None:
        """The upper 53 bits of each word of a draw, as multiples of 2^-53 in [0, 1)."""
        self._seek(stream, draw)
        self._generator.random(out=out)

    def _seek(self, stream: Stream, draw: int) -> None:
        # Setting the state is quicker than a new generator.
        self._address["counter"] = [0, draw, stream.phase, 0]
        self._address["key"] = [*stream.key]
        self._philox.state = self._state
