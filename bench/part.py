"""A part of the benchmark: its options, its budget, and how it is run alone."""

import os
import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.embedded.parts import ALLOCATOR
from bench.report import RATIOS, Section, Target, command_line, page
from model_store.registry import BUNDLED

Measured = tuple[str, Sequence[Target]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    Attributes:
        name: Of its module in `bench`.
        title: Of its section.
        seconds: About how long it may take on two cores, if not told otherwise; 0 where it takes
            as long as it takes.
        measure: From its options to its text and its targets.
        more: Adds options of its own.
        quick: Its options' values for a run that only shows that it works.
        rounds: At most, if not told otherwise; 0 where there are none.
        images: Whether it looks at any.
        page: Title of the page, where it is run alone.
        how: To read that page's figures.
    """

    name: str
    title: str
    measure: Callable[[Namespace], Measured]
    seconds: float = 0.0
    more: Callable[[ArgumentParser], object] = lambda _: None
    quick: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rounds: int = 5
    images: bool = True
    page: str = "Benchmarks"
    how: str = RATIOS

    def options(self, arguments: Sequence[str]) -> Namespace:
        """What the arguments say; those not given are smaller with --quick."""
        parser = ArgumentParser(
            prog=f"python -m bench.{self.name}",
            description=self.title,
            formatter_class=ArgumentDefaultsHelpFormatter,
        )
        if self.seconds:
            parser.add_argument("--seconds", type=float, default=self.seconds, help="budget")
        if self.rounds:
            fewer = "at most; fewer in little time" if self.seconds else "after a warm-up"
            parser.add_argument("--rounds", type=int, default=self.rounds, help=fewer)
        parser.add_argument("--sigma", type=float, help="of the noise; else the model's")
        parser.add_argument("--out", type=Path, help="file for the section")
        add_common(parser)
        if self.images:
            add_data(parser)
        self.more(parser)
        if "--quick" in arguments:
            parser.set_defaults(seconds=1.0, rounds=1, **self.quick)
        return parser.parse_args(list(arguments))

    def section(self, arguments: Sequence[str]) -> Section:
        """Measure."""
        text, targets = self.measure(self.options(arguments))
        command = command_line(f"bench.{self.name}", arguments)
        return Section(title=self.title, command=command, text=text, targets=tuple(targets))

    def main(self) -> None:
        """Measure as the command line says, and print the section."""
        keep_memory()
        section = self.section(sys.argv[1:])
        text = page([section], command=section.command, title=self.page, how=self.how)
        print(text)
        out = self.options(sys.argv[1:]).out
        if out is not None:
            out.write_text(text)


def add_common(parser: ArgumentParser) -> None:
    """The options that every part has, and the whole too."""
    parser.add_argument("--quick", action="store_true", help="seconds, to show that it works")
    parser.add_argument("--store", type=Path, default=BUNDLED, help="of the model")
    parser.add_argument("--model", help="a float32 one; else the store's first")


def add_data(parser: ArgumentParser) -> None:
    """The option of the parts that look at images, and of the whole."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data/test"),
        help="class folders of test images; the few of examples/ where there is no such folder",
    )


def keep_memory() -> None:
    """Start this process again with the allocator's settings of a worker, if it has others.

    They hold for the peers too.
    """
    if any(os.environ.get(name) != value for name, value in ALLOCATOR.items()):
        os.execve(  # noqa: S606 - this very command, with another environment
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, **ALLOCATOR},
        )
