"""What a measurement says: a section of the page, with targets beside what was measured."""

import platform
import shlex
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from rich.console import Console
from rich.progress import track

from app.embedded.parts import cores
from training.hardware import processor

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was wanted, and what came out.

    Attributes:
        what: The ratio, in words.
        wanted: Such as "at least 2".
        measured: In figures; "not measured", with the reason, where it was not.
        met: None where it was not measured.
    """

    what: str
    wanted: str
    measured: str
    met: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        verdict = "not measured" if self.met is None else "met" if self.met else "**not met**"
        return self.what, self.wanted, self.measured, verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the page.

    Attributes:
        title: Of the part.
        command: That measured it.
        text: Markdown.
        targets: Of this part.
    """

    title: str
    command: str
    text: str
    targets: tuple[Target, ...]

    def markdown(self) -> str:
        """The section with its heading and its command."""
        return f"## {self.title}\n\n    {self.command}\n\n{self.text.strip()}\n"


RATIOS = """Ratios are of one run on one machine, its rounds interleaved: the median of
the rounds' ratios, and in brackets the lowest and the highest. Absolute speeds are those of the
machine:"""


def page(
    sections: Sequence[Section], *, command: str, title: str = "Benchmarks", how: str = RATIOS
) -> str:
    """The page of some sections.

    Args:
        sections: In their order.
        command: That wrote it.
        title: Of the page.
        how: To read the figures; what follows is the machine.
    """
    targets = [target for section in sections for target in section.targets]
    rows = table(
        ("ratio" if how == RATIOS else "", "target", "measured", ""),
        (target.cells for target in targets),
    )
    wanted = f"## Targets\n\n{rows}\n" if targets else ""
    body = "\n".join(section.markdown() for section in sections)
    return f"""# {title}

Written by `{command}`. {how} {machine()}.

{wanted}{body}"""


def command_line(module: str, arguments: Sequence[str]) -> str:
    """What was typed; of an absolute path the last two names, the rest being this machine's."""
    words = [str(Path(*Path(w).parts[-2:])) if Path(w).is_absolute() else w for w in arguments]
    return shlex.join(["python", "-m", module, *words])


def explanation(doc: str | None) -> str:
    """What a module's docstring says after its first line."""
    return (doc or "").partition("\n\n")[2].strip()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column left, others right."""
    rule = ("---", *("--:" for _ in header[1:]))
    lines = [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, with the lowest and the highest in brackets."""
    middle = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Of the rounds, one by one."""
    return [a / b for a, b in zip(above, below, strict=True)]


def at_least(what: str, wanted: float, values: Sequence[float]) -> Target:
    """A target for the median of some ratios; not measured where there are none."""
    met = statistics.median(values) >= wanted if values else None
    return Target(
        what=what,
        wanted=f"at least {wanted:g}",
        measured=spread(values) if values else "",
        met=met,
    )


def machine() -> str:
    """Processor, cores and versions."""
    name = f"{processor()}, {cores()} cores, {platform.system()}"
    return f"{name}, Python {platform.python_version()}, torch {torch.__version__}"


def shown(work: Sequence[Work], title: str) -> Iterable[Work]:
    """Piece after piece of something long, with a bar and what is left on standard error."""
    return track(work, title, console=Console(stderr=True))
