"""What the service costs over the bare sampler, for one job of 10,000 draws.

Interleaved in one run on one machine: a job through HTTP, Redis, Celery and the batcher, from the
upload to the certificate; then as many draws by the same sampler in a bare loop, with the service's
batch size, number of torch threads and allocator settings (which is why it is started by make).
Allowed are 10 % of the bare time plus 100 ms.

    make bench
"""

import argparse
import os
import platform
import statistics
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import torch
from PIL import Image

from bench.stack import running_stack
from model_store.classifier import load_classifier
from model_store.registry import Registry
from smoothing.certificate import SmoothingParams
from smoothing.sampler import Sampler, certify

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
ALLOWED_SHARE, ALLOWED_S = 0.10, 0.100


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds for the same draws, one pair a round.

    Attributes:
        service: From the upload to the certificate, over HTTP.
        bare: The sampler alone.
    """

    service: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def overhead_s(self) -> float:
        """Median over the rounds of service less bare, in seconds."""
        return statistics.median(s - b for s, b in zip(self.service, self.bare, strict=True))

    @property
    def allowed_s(self) -> float:
        """What the service may cost, in seconds."""
        return ALLOWED_SHARE * statistics.median(self.bare) + ALLOWED_S


def picture(seed: int) -> bytes:
    """A new PNG of 32 x 32 pixels, so that no certificate is cached."""
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def through_the_service(client: httpx.Client, *, seed: int, n0: int, n: int) -> float:
    """Seconds from the upload to the certificate."""
    form = {"sigma": "0.25", "n0": str(n0), "n": str(n)}
    started = time.perf_counter()
    job = client.post("/certify", files={"image": picture(seed)}, data=form).raise_for_status()
    address = job.headers["location"]
    while (state := job.json()["state"]) in {"queued", "running"}:
        job = client.get(address, params={"wait": 60}).raise_for_status()
    if state != "succeeded":
        raise RuntimeError(f"the job ended as {state}")
    return time.perf_counter() - started


def by_the_sampler(sampler: Sampler, *, seed: int, n0: int, n: int) -> float:
    """Seconds for the same number of draws in this process."""
    image = np.random.default_rng(seed).random(sampler.input_shape, dtype=np.float32)
    params = SmoothingParams(sigma=0.25, n0=n0, n=n)
    started = time.perf_counter()
    certify(sampler, image, key=seed.to_bytes(32, "big"), params=params)
    return time.perf_counter() - started


def bundled_sampler(*, batch_size: int, threads: int) -> Sampler:
    """The sampler as the worker has it."""
    torch.set_num_threads(threads)
    registry = Registry()
    card = registry.default()
    side = card.preprocessing.size
    return Sampler(
        load_classifier(card, registry.path(card.id)),
        num_classes=card.num_classes,
        input_shape=(3, side, side),
        batch_size=batch_size,
    )


def measure(*, rounds: int, n0: int, n: int, batch_size: int) -> Times:
    """The interleaved times, after one round of warm-up."""
    sampler = bundled_sampler(batch_size=batch_size, threads=os.cpu_count() or 1)
    service: list[float] = []
    bare: list[float] = []
    with running_stack(batch_size=batch_size) as client:
        for seed in range(rounds + 1):
            service.append(through_the_service(client, seed=seed, n0=n0, n=n))
            bare.append(by_the_sampler(sampler, seed=seed, n0=n0, n=n))
            print(f"round {seed}: service {service[-1]:.2f} s, bare {bare[-1]:.2f} s", flush=True)
    return Times(service=tuple(service[1:]), bare=tuple(bare[1:]))


def report(times: Times, *, n0: int, n: int) -> str:
    """The page that is written to docs/."""
    draws, rounds = n0 + n, len(times.bare)
    rows = [
        f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f} "
        f"| {draws / statistics.median(values):.0f} |"
        for name, values in (("service, over HTTP", times.service), ("bare sampler", times.bare))
    ]
    share = times.overhead_s / statistics.median(times.bare)
    verdict = "within" if times.overhead_s <= times.allowed_s else "OVER"
    return f"""# Benchmarks

Written by `make bench`. Ratios are of one run; absolute speeds are those of the machine named.

## The service over the bare sampler

One job of {draws:,} draws (n0 {n0}, n {n:,}) of a new 32 x 32 image with the bundled model, one
worker, `sound` numerics, float32; {rounds} interleaved rounds after one of warm-up.
Machine: {processor()}, {os.cpu_count()} cores, {platform.system()},
Python {platform.python_version()}, torch {torch.__version__}.

| | median s | range s | draws/s |
|---|---|---|---|
{chr(10).join(rows)}

Overhead, the median of the differences: **{1000 * times.overhead_s:.0f} ms,
{100 * share:.1f} %** of the bare time; {verdict} the {1000 * times.allowed_s:.0f} ms allowed
(10 % plus 100 ms).
"""


def processor() -> str:
    """The processor's name, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    names = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    found = [line.split(":")[1].strip() for line in names if line.startswith("model name")]
    return found[0] if found else platform.processor() or platform.machine()


def main() -> None:
    """Measure, write the page, and fail where the overhead is over what is allowed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--n0", type=int, default=100)
    options.add_argument("--n", type=int, default=10_000)
    options.add_argument("--batch-size", type=int, default=64, help="of both")
    chosen = options.parse_args()
    times = measure(rounds=chosen.rounds, n0=chosen.n0, n=chosen.n, batch_size=chosen.batch_size)
    page = report(times, n0=chosen.n0, n=chosen.n)
    REPORT.write_text(page)
    print(page)
    if times.overhead_s > times.allowed_s:
        raise SystemExit("the service costs more than is allowed")


if __name__ == "__main__":
    main()
