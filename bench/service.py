"""The whole service against the bare sampler, and many jobs at once.

Certificates an hour: jobs that are submitted together, from the first upload to the last
certificate, through HTTP, Valkey, Celery and the batcher; and as many certificates by the same
sampler with the same runtime and batch size in bare processes. Workers and bare processes have one
thread each, and whichever is not measured rests.

One job alone: what a user waits for a certificate, against the bare sampler's time for it.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from app.client import Client, Job
from bench.bare_sampler import bare_samplers
from bench.load_requests import picture
from bench.part import Measured, Part
from bench.peers import ALPHA, N0
from bench.report import Target, at_least, explanation, ratios, spread, table
from bench.rounds import interleaved, seconds_of
from bench.stack import running_stack
from bench.subject import STRIDE, Subject, open_subject
from training.data import list_images

HOUR = 3600
ALLOWED_SHARE, ALLOWED_S = 0.10, 0.100


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What so many workers did, by rounds.

    Attributes:
        workers: How many.
        service: Seconds of the jobs, through the service.
        bare: Seconds of as many certificates by bare samplers.
        alone: Seconds of one job, through the service; of the first crew.
        bare_alone: Seconds of its certificate by the bare sampler.
        at_once: Seconds of the decide jobs, submitted together; of the last crew.
        in_turn: Seconds of the same, one after the other.
    """

    workers: int
    service: Sequence[float]
    bare: Sequence[float]
    alone: Sequence[float] = ()
    bare_alone: Sequence[float] = ()
    at_once: Sequence[float] = ()
    in_turn: Sequence[float] = ()


Asks = Callable[[], Job]


class Service:
    """What is asked of a running stack.

    Args:
        client: Of the stack.
        subject: The model.
        uploads: Images that `decide` is asked about.
    """

    def __init__(self, client: Client, subject: Subject, uploads: Sequence[bytes]) -> None:
        self._client, self._subject, self._uploads = client, subject, uploads
        self._seeds = count()

    def fixed(self, jobs: int, *, n: int) -> float:
        """Seconds for so many jobs about new images, submitted together."""
        size = self._subject.card.preprocessing.size
        requests = [
            partial(
                self._client.certify,
                picture(next(self._seeds), size, cells=size),
                sigma=self._subject.sigma,
                model=self._subject.card.id,
                mode="fixed",
                n0=N0,
                n=n,
                alpha=ALPHA,
            )
            for _ in range(jobs)
        ]
        return seconds_of(partial(self._together, requests))

    def decide(self, *, n: int, together: bool) -> float:
        """Seconds for a job about each upload."""
        # Another alpha is another request, with the same votes: no answer is known before.
        alpha = ALPHA - 1e-9 * next(self._seeds)
        requests = [
            partial(
                self._client.certify,
                upload,
                sigma=self._subject.sigma,
                model=self._subject.card.id,
                mode="decide",
                radius=self._subject.sigma / 2,
                n=n,
                alpha=alpha,
            )
            for upload in self._uploads
        ]
        return seconds_of(partial(self._together if together else self._in_turn, requests))

    def _together(self, requests: Sequence[Asks]) -> None:
        for job in [ask() for ask in requests]:
            job.wait()

    def _in_turn(self, requests: Sequence[Asks]) -> None:
        for ask in requests:
            ask().wait()


def measure(options: Namespace) -> Measured:
    """Crew after crew; one job alone with the first, the decide jobs with the last."""
    subject = open_subject(options)
    words, uploads = _uploads(options.data, subject, options.decide_jobs)
    crews = [_crew(workers, subject, uploads, options) for workers in options.workers]
    return _text(crews, words, options), _targets(crews, options)


def _crew(workers: int, subject: Subject, uploads: Sequence[bytes], options: Namespace) -> Crew:
    jobs = options.jobs * workers
    stack = running_stack(
        workers=workers,
        store=options.store,
        model=subject.card.id,
        batch_size=options.batch_size,
    )
    bares = bare_samplers(subject, processes=workers, batch_size=options.batch_size)
    with stack as client, bares as bare:
        service = Service(client, subject, uploads)
        contenders: dict[str, Callable[[], float]] = {
            "service": lambda: service.fixed(jobs, n=options.n),
            "bare": lambda: seconds_of(partial(bare.certify, jobs, n=options.n)),
        }
        if workers == options.workers[0]:
            contenders |= {
                "alone": lambda: service.fixed(1, n=options.alone_n),
                "bare_alone": lambda: seconds_of(partial(bare.certify, 1, n=options.alone_n)),
            }
        seconds = interleaved(contenders, rounds=options.rounds, seconds=options.seconds / 4)
        if workers == options.workers[-1]:
            seconds |= interleaved(
                {
                    "at_once": lambda: service.decide(n=options.decide_n, together=True),
                    "in_turn": lambda: service.decide(n=options.decide_n, together=False),
                },
                rounds=options.rounds,
                seconds=options.seconds / 2,
                warm_up=False,
            )
    return Crew(workers=workers, **seconds)


def _targets(crews: Sequence[Crew], options: Namespace) -> list[Target]:
    shares = [
        at_least(
            f"draws/s, the service over the bare sampler, {_workers(crew)}",
            0.95,
            ratios(crew.bare, crew.service),
        )
        for crew in crews
    ]
    first, last = crews[0], crews[-1]
    costs = [a - b for a, b in zip(first.alone, first.bare_alone, strict=True)]
    allowed = ALLOWED_SHARE * float(np.median(first.bare_alone)) + ALLOWED_S
    return [
        *shares,
        Target(
            what=f"seconds that the service adds to one job of {N0 + options.alone_n:,} draws",
            wanted=f"at most {allowed:.2f} (10 % and 0.1 s)",
            measured=spread(costs),
            met=float(np.median(costs)) <= allowed,
        ),
        at_least(
            f"seconds, {options.decide_jobs} decide jobs one after the other over all at once",
            3.0,
            ratios(last.in_turn, last.at_once),
        ),
    ]


def _text(crews: Sequence[Crew], words: str, options: Namespace) -> str:
    rows: list[tuple[str, ...]] = []
    for crew in crews:
        jobs = options.jobs * crew.workers
        for name, seconds in (("service", crew.service), ("bare sampler", crew.bare)):
            hourly = [HOUR * jobs / each for each in seconds]
            draws = [jobs * (N0 + options.n) / each for each in seconds]
            rows.append((f"{name}, {_workers(crew)}", spread(hourly, 0), spread(draws, 0)))
    first, last = crews[0], crews[-1]
    rounds = ", ".join(f"{len(crew.service)} with {_workers(crew)}" for crew in crews)
    alone = [
        ("service, from upload to certificate", spread(first.alone)),
        ("bare sampler", spread(first.bare_alone)),
    ]
    decide = [("all at once", spread(last.at_once)), ("one after the other", spread(last.in_turn))]
    return f"""{explanation(__doc__)}

### Certificates an hour

Mode fixed, n = {options.n:,}, n0 = {N0}; {options.jobs} jobs a worker; batches of
{options.batch_size}. Rounds: {rounds}.

{table(("", "certificates an hour", "draws/s"), rows)}
### One job alone

n = {options.alone_n:,}, {_workers(first)}. Rounds: {len(first.alone)}.

{table(("", "seconds"), alone)}
### {options.decide_jobs} decide jobs

Radius sigma / 2, n to {options.decide_n:,}, about {words}; {_workers(last)}.
Rounds: {len(last.at_once)}.

{table(("", "seconds"), decide)}"""


def _workers(crew: Crew) -> str:
    return f"{crew.workers} worker{'s' if crew.workers > 1 else ''}"


def _uploads(data: Path, subject: Subject, jobs: int) -> tuple[str, list[bytes]]:
    """What the images are, in words, and image files."""
    if data.is_dir():
        paths = [path for path, _, _ in list_images(data)][::STRIDE]
        chosen = np.random.default_rng(0).permutation(len(paths))[:jobs]
        return f"test images of `{data.name}`", [paths[at].read_bytes() for at in chosen]
    size = subject.card.preprocessing.size
    return "smooth random images", [picture(1 + at, size) for at in range(jobs)]


def _more(parser: ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="crew by crew")
    parser.add_argument("--n", type=int, default=1_000, help="draws of a certificate, fixed")
    parser.add_argument("--jobs", type=int, default=6, help="submitted together, a worker")
    parser.add_argument("--alone-n", type=int, default=4_000, help="draws of one job alone")
    parser.add_argument("--decide-jobs", type=int, default=100)
    parser.add_argument("--decide-n", type=int, default=10_000, help="most draws of each")
    parser.add_argument("--batch-size", type=int, default=64, help="of workers and bare samplers")


PART = Part(
    name="service",
    title="The whole service",
    seconds=270,
    measure=measure,
    more=_more,
    quick={"workers": [1], "n": 50, "jobs": 2, "alone_n": 100, "decide_jobs": 4, "decide_n": 200},
)

if __name__ == "__main__":
    PART.main()
