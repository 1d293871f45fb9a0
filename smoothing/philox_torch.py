"""Philox's words in torch integers: the same on any device, bit for bit what numpy draws.

torch has neither unsigned 64-bit arithmetic nor the upper half of a product, so words are int64
by their bits, and products are made of 32-bit halves.
"""

import torch
from jaxtyping import Int64
from torch import Tensor

MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
ROUNDS = 10
_LOW = 0xFFFFFFFF


def signed(word: int) -> int:
    """The int64 with the bits of a 64-bit word."""
    return word - (word >> 63 << 64)


def philox_words(
    keys: Int64[Tensor, "rows 2"],
    phases: Int64[Tensor, " rows"],
    draws: Int64[Tensor, " rows"],
    count: int,
) -> Int64[Tensor, "rows {count}"]:
    """The first words of some draws, as `smoothing.philox.Words.raw`.

    Args:
        keys: Philox's two key words of each row.
        phases: Third word of each row's counter.
        draws: Second word.
        count: Words of a row.
    """
    blocks = -(-count // 4)
    # numpy counts before it draws, so the first block is 1.
    first = torch.arange(1, blocks + 1, device=keys.device).expand(len(keys), -1)
    state = [first, draws[:, None], phases[:, None], torch.zeros_like(draws)[:, None]]
    key = [keys[:, :1], keys[:, 1:]]
    for _ in range(ROUNDS):
        high_0, low_0 = _multiply(state[0], MULTIPLIERS[0])
        high_1, low_1 = _multiply(state[2], MULTIPLIERS[1])
        state = [high_1 ^ state[1] ^ key[0], low_1, high_0 ^ state[3] ^ key[1], low_0]
        key = [word + signed(step) for word, step in zip(key, WEYL, strict=True)]
    words = torch.stack([word.expand(len(keys), blocks) for word in state], dim=-1)
    return words.reshape(len(keys), 4 * blocks)[:, :count]


def _multiply(word: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """Upper and lower half of a product of unsigned 64-bit integers."""
    low, high = word & _LOW, _upper(word)
    factor_low, factor_high = factor & _LOW, factor >> 32
    middle = high * factor_low + _upper(low * factor_low)
    cross = low * factor_high + (middle & _LOW)
    return high * factor_high + _upper(middle) + _upper(cross), word * signed(factor)


def _upper(word: Tensor) -> Tensor:
    return (word >> 32) & _LOW
