"""Sound noise in one Triton kernel: words, normals, sum and grid without a trip to memory.

It does what `smoothing.device_noise.noisy_in_torch` does, each instance four pairs at a time,
since Philox makes four words at once.
"""

# pyright: basic, reportArgumentType=false, reportGeneralTypeIssues=false
# ruff: noqa: N803

import torch
import triton
import triton.language as tl
from torch import Tensor

from smoothing.addresses import Addresses

_INSTANCES = 128


def draw_with_triton(where: Addresses, out: Tensor) -> None:
    """Writes the noisy rows.

    Args:
        where: Their addresses.
        out: Shape (rows, size), contiguous float32 on the same device; size divisible by 8.
    """
    rows, size = out.shape
    grid = (rows, triton.cdiv(size // 8, _INSTANCES))
    # Triton launches on the current device and its stream, which need not be those of the rows.
    with torch.cuda.device_of(out):
        _noisy[grid](
            out,
            where.pixels,
            where.owner,
            where.keys,
            where.phases,
            where.draws,
            where.scales,
            size,
            INSTANCES=_INSTANCES,
        )


@triton.jit
def _philox(block, draw, phase, key_0, key_1):
    a, b, c, d = block, draw + tl.zeros_like(block), phase + tl.zeros_like(block), block * 0
    for _ in tl.static_range(10):
        high_0, low_0 = tl.umulhi(a, 0xD2E7470EE14C6C93), a * 0xD2E7470EE14C6C93
        high_1, low_1 = tl.umulhi(c, 0xCA5A826395121157), c * 0xCA5A826395121157
        a, b, c, d = high_1 ^ b ^ key_0, low_1, high_0 ^ d ^ key_1, low_0
        key_0, key_1 = key_0 + 0x9E3779B97F4A7C15, key_1 + 0xBB67AE8584CAA73B
    return a, b, c, d


@triton.jit
def _write_pair(out, pixels, place, inside, half, scale, first, second):
    uniform = ((first >> 11).to(tl.float64) + 1.0) * 1.1102230246251565e-16
    angle = (second.to(tl.int64, bitcast=True) >> 11).to(tl.float64) + 0.5
    angle *= 6.283185307179586 * 1.1102230246251565e-16
    radius = tl.sqrt(-2.0 * tl.log(uniform)) * scale
    _write(out, pixels, place, inside, radius * tl.cos(angle))
    _write(out, pixels, place + half, inside, radius * tl.sin(angle))


@triton.jit
def _write(out, pixels, place, inside, noise):
    pixel = tl.load(pixels + place, mask=inside, other=0.0).to(tl.float64)
    # Adding and taking away 1.5 * 2^52 rounds to an integer, ties to even.
    integer = (255.0 * pixel + noise + 6755399441055744.0) - 6755399441055744.0
    tl.store(out + place, tl.div_rn(integer.to(tl.float32), 255.0), mask=inside)


@triton.jit
def _noisy(out, pixels, owner, keys, phases, draws, scales, size, INSTANCES: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    half = size // 2
    index = tl.program_id(1) * INSTANCES + tl.arange(0, INSTANCES)
    inside = index < half // 4
    key_0 = tl.load(keys + 2 * row).to(tl.uint64, bitcast=True)
    key_1 = tl.load(keys + 2 * row + 1).to(tl.uint64, bitcast=True)
    draw = tl.load(draws + row).to(tl.uint64, bitcast=True)
    phase = tl.load(phases + row).to(tl.uint64, bitcast=True)
    scale = tl.load(scales + row)
    out += row * size
    pixels += tl.load(owner + row) * size
    # numpy counts before it draws, so the first block is 1.
    block = (index + 1).to(tl.uint64)
    r0, r1, r2, r3 = _philox(block, draw, phase, key_0, key_1)
    t0, t1, t2, t3 = _philox(block + (half // 4).to(tl.uint64), draw, phase, key_0, key_1)
    _write_pair(out, pixels, 4 * index, inside, half, scale, r0, t0)
    _write_pair(out, pixels, 4 * index + 1, inside, half, scale, r1, t1)
    _write_pair(out, pixels, 4 * index + 2, inside, half, scale, r2, t2)
    _write_pair(out, pixels, 4 * index + 3, inside, half, scale, r3, t3)
