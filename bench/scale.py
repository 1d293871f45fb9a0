"""One job on more and more workers, and how much of their time is not the forward pass.

A `dmae serve` for each number of workers, of one thread each. Forward is the time in which a worker
had a batch on the device, as it counts that itself (`dmae_worker_forward_seconds`); where there are
more workers than cores, the time that a batch waits for a core is in it.
"""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from app.client import Client
from bench.part import Measured, Part
from bench.peers import N0
from bench.report import explanation, ratios, spread, table
from bench.service import Service
from bench.stack import model_environment, serving
from bench.subject import Subject, open_subject

FORWARD = "dmae_worker_forward_seconds"
HEARD_S = 2.5
"""After so long every worker has told what it counted."""
HOW = """Figures are the median of the rounds, and in brackets the lowest and the highest. All
rounds of one number of workers come before those of the next, so what else the machine did may lie
between them. Absolute speeds are those of the machine:"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What so many workers did, by rounds.

    Attributes:
        workers: How many.
        seconds: From the upload to the certificate.
        forward: Seconds of the forward pass, of all workers together.
    """

    workers: int
    seconds: Sequence[float]
    forward: Sequence[float]

    def cells(self, alone: "Crew", draws: int) -> tuple[str, ...]:
        """The row of a table, beside the first crew."""
        theirs = [self.workers * each for each in self.seconds]
        shares = [max(0.0, 1 - share) for share in ratios(self.forward, theirs)]
        return (
            str(self.workers),
            spread(self.seconds),
            spread([draws / each for each in self.seconds], 0),
            spread(ratios(alone.seconds, self.seconds)),
            spread([100 * share for share in shares], 1),
        )


def measure(options: Namespace) -> Measured:
    """Crew after crew, the same rounds with each."""
    subject, draws = open_subject(options), N0 + options.n
    crews = [_crew(workers, subject, options) for workers in options.workers]
    header = ("workers", "seconds", "draws/s", "times the first", "not forward, %")
    text = f"""{explanation(__doc__)}

A job of mode fixed, n = {options.n:,}, n0 = {N0}, alone in the service; batches of
{options.batch_size}. Rounds: {options.rounds}, after one that does not count.

{table(header, (crew.cells(crews[0], draws) for crew in crews))}"""
    return text, ()


def _crew(workers: int, subject: Subject, options: Namespace) -> Crew:
    environment = model_environment(options.store, subject.card.id, batch_size=options.batch_size)
    seconds, forward = list[float](), list[float]()
    with (
        serving(workers=workers, environment=environment) as stack,
        Client(stack.url, timeout_s=120) as client,
    ):
        service = Service(client, subject, ())
        service.fixed(1, n=options.n)
        for _ in range(options.rounds):
            before = forward_seconds(_heard(stack.url))
            seconds.append(service.fixed(1, n=options.n))
            forward.append(forward_seconds(_heard(stack.url)) - before)
    return Crew(workers=workers, seconds=seconds, forward=forward)


def _heard(url: str) -> str:
    time.sleep(HEARD_S)
    return httpx.get(f"{url}/metrics", trust_env=False).raise_for_status().text


def forward_seconds(metrics: str) -> float:
    """Of all workers, from the text of `/metrics`."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == f"{FORWARD}_total"
    )


def _more(parser: ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="crew by crew")
    parser.add_argument("--n", type=int, default=8_000, help="draws of the job")
    parser.add_argument("--batch-size", type=int, default=64, help="of the workers")


PART = Part(
    name="scale",
    title="One job on several workers",
    how=HOW,
    images=False,
    measure=measure,
    more=_more,
    quick={"workers": [1, 2], "n": 200},
)

if __name__ == "__main__":
    PART.main()
