"""What the tables of a comparison are called, and the noise level each is of."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.errors import BadConfig, BadTable
from training.evaluation.journal import about_path

# As 0.25, .5 or 1; but not 025, which might be anything.
_SIGMA = re.compile(r"(?:sigma|noise)[_=-]?(\d?\.\d+|\d(?!\d))", re.IGNORECASE)
# Cohen's tables have none, and what follows the point of sigma_0.25 is no suffix.
_SUFFIXES = frozenset({".tsv", ".csv", ".txt", ".log"})

Label = tuple[str, float | None]


def read_about(table: Path) -> Mapping[str, Any]:
    """What a table of ours is the table of; nothing for others'.

    Raises:
        BadTable: The file beside it is no JSON object.
    """
    path = about_path(table)
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text())
    except ValueError as error:
        raise BadTable(f"{path} cannot be read: {error}") from error
    if not isinstance(about, dict):
        raise BadTable(f"{path} does not say what {table.name} is the table of")
    return about


def label_tables(
    paths: Sequence[Path], names: Sequence[str], sigmas: Sequence[float]
) -> list[Label]:
    """A name and a sigma for each table: given, told by our tables, or from the file's name.

    Raises:
        BadConfig: Two tables were given the same name at the same sigma.
    """
    levels = list(sigmas) or [_sigma_of(path) for path in paths]
    labels = list(zip(names or map(_name_of, paths), levels, strict=True))
    if max(Counter(labels).values()) == 1:
        return labels
    if names:
        (name, sigma), _ = Counter(labels).most_common(1)[0]
        raise BadConfig(f"two tables are called {name} at sigma {sigma}: give others, or --sigmas")
    longer = [f"{path.parent.name}/{_stem(path)}" for path in paths]
    told = longer if len(set(longer)) == len(longer) else list(map(str, paths))
    return list(zip(told, levels, strict=True))


def groups(labels: Sequence[Label], *, named: bool) -> dict[str, list[int]]:
    """Tables that are one method at several sigmas, by the method's name.

    Those are the ones that share a name. Where nobody gave names it is all of them together, if
    each has a sigma of its own.
    """
    found: dict[str, list[int]] = {}
    for index, (name, _) in enumerate(labels):
        found.setdefault(name, []).append(index)
    levels = [sigma for _, sigma in labels]
    if not named and len(found) > 1 and None not in levels and len(set(levels)) == len(levels):
        found = {"all": list(range(len(labels)))}
    return {
        name: members
        for name, members in found.items()
        if len(members) > 1 and all(levels[index] is not None for index in members)
    }


def _name_of(path: Path) -> str:
    return str(read_about(path).get("model", _stem(path)))


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def _sigma_of(path: Path) -> float | None:
    told = read_about(path).get("sigma")
    if isinstance(told, int | float):
        return float(told)
    for part in (path.name, *reversed(path.parent.parts)):
        if found := _SIGMA.search(part):
            return float(found[1])
    return None
