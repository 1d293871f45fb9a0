"""From words on the command line to a configuration, and mistakes in words."""

import dataclasses
import difflib
import io
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from itertools import dropwhile, takewhile
from typing import Any, TypeVar

import tyro

from training.errors import BadUsage

Config = TypeVar("Config")

# What surrounds tyro's messages.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FRAME = " \t╭╮╰╯│"
RULE = re.compile("[─-]{3,}")
UNKNOWN = "Unrecognized options:"


def asks_for_help(words: Sequence[str]) -> bool:
    """Whether -h or --help is among the words."""
    return not {"-h", "--help"}.isdisjoint(words)


def take(words: Sequence[str], option: str) -> tuple[str | None, list[str]]:
    """The value of an option, as `--option value` or `--option=value`, and the other words.

    Raises:
        BadUsage: Nothing follows the option.
    """
    value, rest = None, list(words)
    while option in rest:
        place = rest.index(option)
        if place + 1 == len(rest) or rest[place + 1].startswith("--"):
            raise BadUsage(f"{option} needs a value")
        value = rest[place + 1]
        del rest[place : place + 2]
    joined = [word for word in rest if word.startswith(f"{option}=")]
    if joined:
        value = joined[-1].split("=", 1)[1]
    return value, [word for word in rest if word not in joined]


def with_implied(words: Sequence[str], implied: Mapping[str, str]) -> list[str]:
    """The words, after the implied options that are not among them."""
    given = {word.split("=", 1)[0].replace("_", "-") for word in words}
    missing = [(option, value) for option, value in implied.items() if option not in given]
    return [*(part for pair in missing for part in pair), *words]


def split_words(words: Sequence[str]) -> list[str]:
    """Option names and values as words of their own, `--name=value` taken apart."""
    return [
        part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])
    ]


def choose(name: str | None, known: Iterable[str], what: str) -> str:
    """The name, if it is a known one.

    Raises:
        BadUsage: It is not; lists the known ones, and the nearest first.
    """
    names = list(known)
    if name in names:
        return str(name)
    listed = f"the {what}s are {', '.join(names)}"
    if name is None:
        raise BadUsage(f"which --{what}? {listed}")
    raise BadUsage(f"no {what} is called {name!r}; {_meant(name, names)}{listed}")


def parse(
    kind: type[Config],
    words: Sequence[str],
    *,
    program: str,
    default: Config | None = None,
    description: str | None = None,
) -> Config:
    """The configuration that the words describe, from a default where there is one.

    Args:
        kind: A configuration dataclass.
        words: Options; --help prints every field and exits.
        program: The command as it was typed, for the help.
        default: What fields have that the words do not name.
        description: Of the fields, for the help.

    Raises:
        BadUsage: A field is unknown, missing, or has a value that it cannot have.
    """
    told = io.StringIO()
    start: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with redirect_stderr(told):
            return tyro.cli(kind, prog=program, description=description, args=words, **start)
    except SystemExit as ended:
        if not ended.code:
            raise
        raise BadUsage(_in_a_line(told.getvalue(), kind)) from None


def _in_a_line(message: str, kind: type[Any]) -> str:
    """What tyro says, without the boxes or, in an encoding that has none, the rules around it."""
    lines = [COLOUR.sub("", line).strip(FRAME) for line in message.splitlines()]
    said = dropwhile(RULE.fullmatch, lines[1:])  # the first line is the title
    text = " ".join(takewhile(lambda line: not RULE.fullmatch(line), said))
    text = " ".join(text.partition("Got errors:")[0].split())
    if not text.startswith(UNKNOWN):
        return text.removeprefix("Error parsing ").removeprefix(f"{kind.__name__}: ")
    stranger = text.removeprefix(UNKNOWN).split(",")[0].strip()
    meant = _meant(stranger, list(_options(kind))) if stranger.startswith("-") else ""
    return f"no option is called {stranger}; {meant}--help lists them all"


def _options(kind: type[Any], prefix: str = "--") -> Iterator[str]:
    hints = typing.get_type_hints(kind)
    for each in dataclasses.fields(kind):
        name = f"{prefix}{each.name.replace('_', '-')}"
        if dataclasses.is_dataclass(hints[each.name]):
            yield from _options(hints[each.name], f"{name}.")
        else:
            yield name


def _meant(name: str, known: Sequence[str]) -> str:
    """The nearest known name as a question; a field is also found by its last part."""
    by_last = {each.rsplit(".", 1)[-1].lstrip("-"): each for each in reversed(known)}
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75) or [
        by_last[last]
        for last in difflib.get_close_matches(
            name.rsplit(".", 1)[-1].lstrip("-"), list(by_last), n=1, cutoff=0.6
        )
    ]
    return f"did you mean {near[0]}? " if near else ""
