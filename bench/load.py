"""The service under load: requests a second against the framework's, and more than it can do."""

import os
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from bench import load_overload, load_speed
from bench.part import Measured
from bench.report import Section, command_line, page

TITLES: dict[str, Callable[[Namespace], Measured]] = {
    "Requests a second": load_speed.measure,
    "Twice what it can do": load_overload.measure,
}
QUICK = {"rounds": 1, "seconds": 1.0, "requests": 60, "overload_s": 3.0}


def options_of(arguments: list[str]) -> Namespace:
    """What the arguments say; those not given are smaller with --quick."""
    parser = ArgumentParser(
        prog="python -m bench.load",
        description=__doc__,
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=480, help="budget of all")
    parser.add_argument("--rounds", type=int, default=15, help="at most; fewer in little time")
    parser.add_argument("--requests", type=int, default=1000, help="submissions of a round")
    parser.add_argument("--overload-s", type=float, default=90, help="seconds of overload")
    parser.add_argument("--quick", action="store_true", help="seconds, to show that it works")
    parser.add_argument("--out", type=Path, help="page to write")
    if "--quick" in arguments:
        parser.set_defaults(**QUICK)
    return parser.parse_args(arguments)


def sections_of(arguments: list[str]) -> list[Section]:
    """Measure."""
    options, command = options_of(arguments), command_line("bench.load", arguments)
    found: list[Section] = []
    for title, measure in TITLES.items():
        before = busy()
        text, targets = measure(options)
        text += f"\nLoad averages over 1, 5 and 15 minutes: {before} before, {busy()} after."
        found.append(Section(title=title, command=command, text=text, targets=tuple(targets)))
        print(found[-1].markdown(), flush=True)
    return found


def busy() -> str:
    """The machine's load averages: processes that run or want to, others' too."""
    return ", ".join(f"{average:.1f}" for average in os.getloadavg())


def main() -> None:
    """Measure as the command line says, print, and write the page."""
    arguments = sys.argv[1:]
    found = sections_of(arguments)
    text = page(found, command=found[0].command, title="The service under load")
    out = options_of(arguments).out
    if out is not None:
        out.write_text(text)
        print(f"written to {out}")


if __name__ == "__main__":
    main()
