"""The most memory that a process has had, for one certificate at some n."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from torch import nn

from bench.peers import ALPHA, N0, Art
from smoothing import SmoothingParams
from smoothing.sampler import Sampler, certify

SHAPE = (3, 32, 32)
CLASSES = 10
SIGMA = 0.25
MIB = 1024


def peak_in_a_new_process(who: str, n: int) -> float:
    """MiB, of a process that makes one certificate by "ours" or "ART" and ends.

    A linear classifier stands in for the model, whose memory does not depend on n.
    """
    command = [sys.executable, "-m", "bench.memory", who, str(n)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def available() -> float:
    """MiB that the machine has left; infinite where it does not tell."""
    return _told(Path("/proc/meminfo"), "MemAvailable:")


def art_needs(n: int) -> float:
    """MiB that ART takes for n draws, roughly: noise in float64, its float32, images and sum."""
    return 2 * n * int(np.prod(SHAPE)) * (8 + 4 + 4 + 4) / 2**20


def _peak(who: str, n: int) -> float:
    image = np.full(SHAPE, 0.5, dtype=np.float32)
    network = nn.Sequential(nn.Flatten(), nn.Linear(image.size, CLASSES))
    network.eval().requires_grad_(requires_grad=False)
    if who == "ART":
        art = Art(network, num_classes=CLASSES, shape=SHAPE, sigma=SIGMA)
        art.certify(image, n=n)
    else:
        sampler = Sampler(network, num_classes=CLASSES, input_shape=SHAPE, batch_size=64)
        params = SmoothingParams(sigma=SIGMA, n0=N0, n=n, alpha=ALPHA)
        certify(sampler, image, key=bytes(32), params=params)
    # Not getrusage: what it tells begins with the parent's.
    return _told(Path("/proc/self/status"), "VmHWM:")


def _told(file: Path, name: str) -> float:
    if file.exists():
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / MIB
    return float("inf")


if __name__ == "__main__":
    print(_peak(sys.argv[1], int(sys.argv[2])))
