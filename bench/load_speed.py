"""Requests a second: the service, the framework below it, and a task a request with Celery.

All contenders run on this machine with the client, one process each, started with the same
options, and whichever is not measured rests; rounds are interleaved, each request on one of 32
kept-alive connections. The service is the one that `dmae serve` starts, its Valkey syncing each
write to the disk; API keys are required, quotas are counted and every form has an Idempotency-Key
and a picture of its own: nothing is cached or joined. No worker draws meanwhile, for it would take
the cores that are measured; the limits of the backlog are out of reach.

The ceilings are bare Starlette: it parses the same form, and does nothing with it; it answers a GET
with a word.
"""

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from bench.load_client import Answer, offer
from bench.load_figures import failures, milliseconds, statuses
from bench.load_parts import CEILING, Site, Started, site
from bench.load_requests import picture, request, upload
from bench.part import Measured
from bench.report import Target, at_least, explanation, ratios, spread, table
from bench.rounds import interleaved

FIELDS = {"sigma": "0.25", "mode": "fixed", "n": "1000"}
OUT_OF_REACH = {"APP_BACKLOG_LIMIT_DRAWS": "1000000000000", "APP_BACKLOG_LIMIT_JOBS": "10000000"}
CERTIFY, JOB = "POST /certify", "GET /jobs/<id>"
RAW = "POST /certify, bare image"
PARSE, GET, NAIVE = "Starlette, same form", "Starlette, GET", "a Celery task a request"
LONGEST_P99_MS = 250.0
IDS = 200


@dataclass(slots=True, kw_only=True)
class Contender:
    """One that is asked.

    Attributes:
        server: The process that answers.
        make: Requests of a round.
        count: How many, those again from the first where there are fewer.
        answers: Of all rounds but the warm-up.
        cpu_s: Of the process, a request, by rounds.
    """

    server: Started
    make: Callable[[], Sequence[bytes]]
    count: int
    answers: list[Answer] = field(default_factory=list[Answer])
    cpu_s: list[float] = field(default_factory=list[float])
    warm: bool = False

    def measure(self) -> float:
        """Requests a second that were answered as they should be; the first round is a warm-up."""
        requests, before = self.make(), self.server.cpu_s()
        run = offer(self.server.port, requests, count=self.count)
        if self.warm:
            self.answers += run.answers
            self.cpu_s.append((self.server.cpu_s() - before) / len(run.answers))
        self.warm = True
        return sum(200 <= answer.status < 300 for answer in run.answers) / run.seconds


def measure(options: Namespace) -> Measured:
    """Measure them all."""
    with site() as here:
        contenders = _contenders(here, options.requests)
        rates = interleaved(
            {name: contender.measure for name, contender in contenders.items()},
            rounds=options.rounds,
            seconds=options.seconds * 0.6,
        )
    return _text(contenders, rates, options), _targets(contenders, rates)


def _contenders(here: Site, each: int) -> dict[str, Contender]:
    service, ceiling = here.web(**OUT_OF_REACH), here.web(CEILING)
    key = here.api_key()
    seeds = count(1)

    def forms(path: str, number: int) -> list[bytes]:
        return [upload(path, picture(next(seeds)), FIELDS, key=key) for _ in range(number)]

    def bare() -> list[bytes]:
        headers = {"Content-Type": "image/png", "Authorization": f"Bearer {key}"}
        query = "&".join(f"{name}={value}" for name, value in FIELDS.items())
        path = f"/certify?{query}"
        return [request("POST", path, picture(next(seeds)), headers) for _ in range(each)]

    jobs = offer(service.port, forms("/certify", min(IDS, each))).answers
    reads = [
        request("GET", job.location, headers={"Authorization": f"Bearer {key}"})
        for job in jobs
        if job.location
    ]
    if not reads:
        raise RuntimeError(f"no job was accepted: {statuses(jobs)}")
    same, naive, word = forms("/certify", each), forms("/naive", each), [request("GET", "/jobs")]
    return {
        PARSE: Contender(server=ceiling, make=lambda: same, count=2 * each),
        CERTIFY: Contender(server=service, make=lambda: forms("/certify", each), count=each),
        RAW: Contender(server=service, make=bare, count=each),
        NAIVE: Contender(server=ceiling, make=lambda: naive, count=each),
        GET: Contender(server=ceiling, make=lambda: word, count=4 * each),
        JOB: Contender(server=service, make=lambda: reads, count=2 * each),
    }


def _targets(contenders: dict[str, Contender], rates: dict[str, tuple[float, ...]]) -> list[Target]:
    certify, reads = contenders[CERTIFY].answers, contenders[JOB].answers
    p99 = milliseconds(certify, 99)
    failed = failures([*certify, *contenders[RAW].answers, *reads])
    return [
        at_least(
            f"requests/s, {CERTIFY} over bare Starlette that parses the same form",
            0.20,
            ratios(rates[CERTIFY], rates[PARSE]),
        ),
        Target(
            what=f"99th percentile of {CERTIFY} at 32 connections, ms",
            wanted=f"below {LONGEST_P99_MS:g}",
            measured=f"{p99:.0f}",
            met=p99 < LONGEST_P99_MS,
        ),
        at_least(
            f"requests/s, {JOB} over a GET of bare Starlette", 0.15, ratios(rates[JOB], rates[GET])
        ),
        at_least(
            f"requests/s, {CERTIFY} over a Celery task a request",
            1.0,
            ratios(rates[CERTIFY], rates[NAIVE]),
        ),
        Target(
            what="answers of 5xx, or none, of all to the service",
            wanted="none",
            measured=f"{failed} of {len(certify) + len(contenders[RAW].answers) + len(reads):,}",
            met=not failed,
        ),
    ]


def _text(
    contenders: dict[str, Contender], rates: dict[str, tuple[float, ...]], options: Namespace
) -> str:
    rows = [
        (
            name,
            spread(rates[name], 0),
            spread([1e3 * each for each in contender.cpu_s], 2),
            f"{milliseconds(contender.answers, 50):.0f}",
            f"{milliseconds(contender.answers, 99):.0f}",
            statuses(contender.answers),
        )
        for name, contender in contenders.items()
    ]
    header = ("", "requests/s", "CPU ms a request", "median ms", "99 % within ms", "answers")
    return f"""{explanation(__doc__)}

Rounds: {len(rates[CERTIFY])}, after one that does not count, of {options.requests:,} submissions
(32 by 32 PNG, n = 1,000), as many bare images and tasks, twice as many forms for the ceiling and
reads of {IDS} jobs, and four times as many bare GETs.

{table(header, rows)}"""
