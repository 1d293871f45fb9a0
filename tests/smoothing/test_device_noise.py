"""Noise on a device: the host's words, the host's rows, one name of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from smoothing import InvalidParams, Phase
from smoothing.addresses import addresses_of
from smoothing.device_noise import (
    DEVICE_SCHEME,
    _triton_works,
    noisy_in_torch,
    rows_on_device,
)
from smoothing.draws import Draws, draw_rows
from smoothing.philox import NOISE_SCHEME, Words, stream_of
from smoothing.philox_torch import philox_words, signed

CPU = torch.device("cpu")


def slices(shape=(3, 16, 16)) -> list[Draws]:
    return [
        Draws(
            image=np.random.default_rng(index).uniform(-1, 2, shape).astype(np.float32),
            sigma=[0.25, 1.0, 0.05][index % 3],
            key=bytes([7 * index + 200 & 255] * 32),
            phase=[Phase.SELECTION, Phase.ESTIMATION][index % 2],
            start=index * 2**40,
            stop=index * 2**40 + length,
        )
        for index, length in enumerate([1, 5, 30, 2])
    ]


def on_host(some: list[Draws]) -> np.ndarray:
    rows = np.empty((sum(draws.num_draws for draws in some), *some[0].image.shape), np.float32)
    draw_rows(some, rows)
    return rows


@pytest.mark.parametrize("count", [1, 4, 7, 768])
def test_words_are_numpys_to_the_last_bit(count: int) -> None:
    streams = [stream_of(bytes([index] * 32), phase) for index in range(20) for phase in Phase]
    draws = np.random.default_rng(1).integers(0, 2**62, len(streams)).tolist()
    keys = [[signed(word) for word in stream.key] for stream in streams]
    phases = [stream.phase for stream in streams]

    words = philox_words(
        torch.tensor(keys), torch.tensor(phases), torch.tensor(draws), count
    ).numpy()

    expected = [Words().raw(s, d, count) for s, d in zip(streams, draws, strict=True)]
    assert np.array_equal(words.view(np.uint64), np.stack(expected))


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 5, 7), (1, 1, 1)])
def test_rows_are_the_hosts(shape) -> None:
    """Last bits differ, and a value of the grid where they carry it over a half-integer."""
    some = slices(shape)

    rows = noisy_in_torch(addresses_of(some, CPU)).numpy()

    assert np.array_equal(rows, on_host(some).reshape(rows.shape))


def test_a_batch_is_padded_with_zeros() -> None:
    some = slices()

    rows = rows_on_device(some, 50, CPU)

    assert rows.shape == (50, 3, 16, 16)
    assert np.array_equal(rows[:38].numpy(), on_host(some))
    assert not rows[38:].any()


def test_what_is_not_proved_is_refused() -> None:
    draws = slices((3, 224, 224))[1]

    with pytest.raises(InvalidParams, match="proved"):
        rows_on_device([Draws(image=draws.image, sigma=2.0, key=draws.key, phase=draws.phase,
                              start=0, stop=1)], 1, CPU)  # fmt: skip


def test_it_has_a_name_of_its_own() -> None:
    assert DEVICE_SCHEME != NOISE_SCHEME


def test_the_kernel_draws_the_hosts_rows() -> None:
    """On Triton's interpreter, which must be chosen before Triton is imported."""
    pytest.importorskip("triton")
    code = (
        "import sys; sys.path.insert(0, 'tests/smoothing')\n"
        "import numpy as np, torch\n"
        "from test_device_noise import CPU, on_host, slices\n"
        "from smoothing.addresses import addresses_of\n"
        "from smoothing.noise_cuda import draw_with_triton\n"
        "some = slices()\n"
        "out = torch.full((38, 768), torch.nan)\n"
        "draw_with_triton(addresses_of(some, CPU), out)\n"
        "host = torch.from_numpy(on_host(some)).view(38, -1)\n"
        "print('equal' if torch.equal(out, host) else (out - host).abs().max())\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": "."},
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout == "equal\n", done.stderr


def test_torch_draws_where_the_kernel_cannot_be_launched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in an image without a C compiler; here because there is no accelerator in it."""
    pytest.importorskip("triton")

    assert not _triton_works(CPU)
    assert "torch draws the noise" in caplog.text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_an_accelerator_draws_the_hosts_rows() -> None:
    some = slices((3, 32, 32))

    rows = rows_on_device(some, 40, torch.device("cuda"))[:38].cpu()

    assert np.array_equal(rows.numpy(), on_host(some))
