"""Jobs of every mode, while every part of the service is killed again and again.

A real `dmae serve` with two workers, started as a user starts it. Jobs of all modes are submitted
by clients that ask again until they are heard, under an Idempotency-Key, some of them twice at the
same time; some are cancelled while they run. Meanwhile workers, the web process and Valkey get
SIGKILL at random moments, one of them or all at once; the supervisor starts them again. At the end
all are killed once more, every certificate is read again, and the votes of every job that has a
certificate are drawn again in one process from the same secret, without queue, batcher or store.

The model is a tiny one of random weights: what is tested is who counts what, and how often.
"""

import random
import statistics
import sys
import tempfile
import time
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.client import Client
from app.client.views import TERMINAL
from bench.chaos_exact import BATCH, Redraw
from bench.chaos_jobs import Ask, Customers, Life, asks
from bench.chaos_kills import ALL, PARTS, Kill, Killer
from bench.load import busy
from bench.random_model import make_store
from bench.report import Section, Target, command_line, explanation, page, shown, table
from bench.stack import serving
from model_store.registry import Registry

SECRET = "c4a05c4a05" * 4
WORKERS = 2
LAST_S = 300.0
"""So long after the last submission a job must have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was left when it was over.

    Attributes:
        lives: What the clients saw.
        kills: What was killed.
        lost: Jobs whose certificate, once served with 200, was another or none afterwards.
        strangers: Ids of jobs that no client was told, or that the service does not list.
        differences: Of certificates from the votes drawn again, in words.
        exact: Certificates that were drawn again.
    """

    lives: Sequence[Life]
    kills: Sequence[Kill]
    lost: Sequence[Life]
    strangers: Sequence[str]
    differences: Sequence[str]
    exact: int


def options_of(arguments: list[str]) -> Namespace:
    """What the command line says."""
    parser = ArgumentParser(
        prog="python -m bench.chaos",
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=30, help="of submissions and kills")
    parser.add_argument("--jobs", type=int, default=1000, help="in this time")
    parser.add_argument("--kill-every", type=float, default=8, help="seconds, in the mean")
    parser.add_argument("--seed", type=int, default=1, help="of who is killed, when, and the jobs")
    parser.add_argument("--out", type=Path, help="page to write")
    return parser.parse_args(arguments)


def run(options: Namespace) -> Found:
    """Start, submit and kill, look, and draw again."""
    wanted = list(asks(options.jobs, 60 * options.minutes, random.Random(options.seed)))  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="dmae-chaos-") as name:
        root = Path(name)
        card = make_store(root)
        environment = {
            "MODEL_STORE_DIR": name,
            "DMAE_SECRET": SECRET,
            "WORKER_RUNTIME": "eager",
            "WORKER_BATCH_SIZE": str(BATCH),
        }
        customers, killer = _killed(options, wanted, environment)
        redraw = Redraw(card, Registry(root).path(card.id), SECRET)
        certified = [life for life in customers.lives if life.certificate is not None]
        differing = [
            f"job {life.ask.number}, {life.ask.fields}: {difference}"
            for life in shown(certified, "drawn again")
            if (difference := redraw.difference(life)) is not None
        ]
    return Found(
        lives=customers.lives,
        kills=killer.kills,
        lost=customers.lost,
        strangers=customers.strangers,
        differences=differing,
        exact=len(certified),
    )


def _killed(
    options: Namespace, wanted: Sequence[Ask], environment: dict[str, str]
) -> tuple[Customers, Killer]:
    with (
        serving(workers=WORKERS, environment=environment) as stack,
        Client(stack.url, api_key="", patience_s=30.0) as client,
    ):
        customers = Customers(client, last_s=LAST_S)
        chance = random.Random(-options.seed)  # noqa: S311 - who is killed is no secret
        killer = Killer(stack.process.pid, options.kill_every, customers.under_way, chance)
        with killer:
            customers.serve(wanted)
        stack.wait_until_ready()
        killer.kill(ALL)
        time.sleep(1.0)
        stack.wait_until_ready()
        customers.look_again()
    return customers, killer


def targets_of(found: Found, jobs: int) -> list[Target]:
    """What was wanted of it."""
    open_ = [life for life in found.lives if life.state not in TERMINAL]
    ended_badly = [life for life in found.lives if life.state in {"failed", "expired"}]
    several = [life for life in found.lives if len(life.ids) > 1]
    told = {job_id for life in found.lives for job_id in life.ids}
    faults = [life for life in found.lives if life.faults]
    return [
        _none("jobs that are in no terminal state", open_, jobs),
        _none("jobs that failed or expired", ended_badly, jobs),
        _none("certificates with other votes than drawn here", found.differences, found.exact),
        _none("certificates lost or changed after their 200", found.lost, found.exact),
        _none("Idempotency-Keys with more than one job", several, jobs),
        _none("jobs that only the store knows, or only a client", found.strangers, len(told)),
        _none("jobs of which a client saw anything undocumented", faults, jobs),
    ]


def _none(what: str, found: Sequence[object], of: int) -> Target:
    met = not found if of else None
    return Target(what=what, wanted="none", measured=f"{len(found)} of {of:,}", met=met)


def text_of(found: Found, before: str) -> str:
    """What happened, in tables."""
    rows = [
        (
            ", ".join(f"{name} {value}" for name, value in fields),
            str(len(lives)),
            *(str(sum(life.state == state for life in lives)) for state in sorted(TERMINAL)),
            str(sum(life.retries for life in lives)),
        )
        for fields, lives in sorted(_by_fields(found.lives).items(), key=str)
    ]
    kills = Counter(kill.part for kill in found.kills)
    under_way = [kill.under_way for kill in found.kills] or [0]
    wrong = [fault for life in found.lives for fault in life.faults]
    notes = "".join(f"* {note}\n" for note in [*found.differences, *wrong][:50])
    header = ("asked", "jobs", *sorted(TERMINAL), "requests made again")
    named = [(part, str(kills[part])) for part in (*PARTS, ALL)]
    return f"""{explanation(__doc__)}

Each of the {len(found.lives):,} jobs asks about a picture of its own; {_twice(found.lives)} were
submitted by two clients at once. At a kill {statistics.median(under_way):g} jobs were under way in
the median, {min(under_way)} to {max(under_way)}. Jobs of mode anytime that are cancelled succeed
with what they have; what is cancelled before its first draw is forgotten after ten minutes. Load
averages over 1, 5 and 15 minutes: {before} before, {busy()} after.

{table(("SIGKILL of", "times"), named)}
{table(header, rows)}
{notes}"""


def _by_fields(lives: Iterable[Life]) -> dict[tuple[tuple[str, object], ...], list[Life]]:
    found: dict[tuple[tuple[str, object], ...], list[Life]] = {}
    for life in lives:
        fields = tuple(life.ask.fields.items())
        if life.ask.cancel_s is not None:
            fields += (("then", "cancelled"),)
        found.setdefault(fields, []).append(life)
    return found


def _twice(lives: Iterable[Life]) -> int:
    return sum(life.ask.twice for life in lives)


def main() -> None:
    """Run as the command line says, print, write the page, and fail where a count is wrong."""
    arguments = sys.argv[1:]
    options, command, before = options_of(arguments), command_line("bench.chaos", arguments), busy()
    found = run(options)
    targets = targets_of(found, options.jobs)
    section = Section(
        title="What happened", command=command, text=text_of(found, before), targets=tuple(targets)
    )
    text = page([section], command=command, title="Chaos", how="Machine:")
    print(text)
    if options.out is not None:
        options.out.write_text(text)
    if not all(target.met for target in targets):
        raise SystemExit("not everything is as it should be")


if __name__ == "__main__":
    main()
