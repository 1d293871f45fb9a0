"""A table being written, with the counts behind it: continued after a kill at any byte."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from training.engine.disk import room_for, write_whole
from training.errors import TableDiffers
from training.evaluation.counts import Counts, parse_counts
from training.evaluation.table import HEADER, Row, parse_row

logger = logging.getLogger(__name__)


class _Indexed(Protocol):
    @property
    def idx(self) -> int: ...


Record = TypeVar("Record", bound=_Indexed)


def about_path(table: Path) -> Path:
    """Beside a table: what it is the table of."""
    return table.with_name(f"{table.name}.json")


def counts_path(table: Path) -> Path:
    """Beside a table: the votes of its rows."""
    return table.with_name(f"{table.name}.counts.jsonl")


def lock_path(table: Path) -> Path:
    """The file whose lock the process has that writes a table, which itself may be replaced."""
    return table.with_name(f".{table.name}.lock")


class Journal:
    """A table and its counts, row by row.

    Both files are appended to, the counts first. A process can die between any two bytes of
    them, so what counts at the next start is the longest prefix that both tell whole.

    Attributes:
        rows: What the table holds.
        counts: Of each image, by its idx; none where the table was begun without them.

    Args:
        table: The TSV, with `<table>.counts.jsonl` and `<table>.json` beside it.
        subject: What decides the rows, as JSON values.

    Raises:
        TableDiffers: The file is the table of something else, or a line of it is no row.
        DiskFull: There is no room.
    """

    def __init__(self, table: Path, subject: Mapping[str, Any]) -> None:
        self._table = table
        self._counted: Path | None = counts_path(table)
        self.rows: list[Row] = []
        self.counts: dict[int, Counts] = {}
        lines = _whole_lines(table)
        if not lines and _is_new(table):
            self._start(subject)
            return
        _check_subject(table, subject)
        if lines[:1] != [HEADER]:
            raise TableDiffers(
                f"{table} is no table of an evaluation: its header is not {HEADER!r}"
            )
        self.rows = _parsed(table, lines[1:], parse_row, first_line=2)
        if self.rows and not self._counted.exists():
            logger.warning("%s was begun without counts: its further rows get none either", table)
            self._counted = None
            _rewrite(table, lines)
            return
        self._continue(lines[1:])

    def append(self, row: Row, counts: Counts) -> None:
        """Adds an image at the end.

        Raises:
            DiskFull: There is no room; what was half written is dropped at the next start.
        """
        if self._counted:
            _append(self._counted, counts.line())
            self.counts[row.idx] = counts
        _append(self._table, row.line())
        self.rows.append(row)

    def _start(self, subject: Mapping[str, Any]) -> None:
        self._table.parent.mkdir(parents=True, exist_ok=True)
        _rewrite(about_path(self._table), json.dumps(subject, indent=1).splitlines())
        _rewrite(counts_path(self._table), [])
        _rewrite(self._table, [HEADER])

    def _continue(self, lines: Sequence[str]) -> None:
        path = counts_path(self._table)
        counted = _whole_lines(path)
        votes = _parsed(path, counted, parse_counts, first_line=1)
        both = zip(self.rows, votes, strict=False)
        whole = next((at for at, (row, of) in enumerate(both) if row.idx != of.idx), None)
        whole = min(len(self.rows), len(votes)) if whole is None else whole
        del self.rows[whole:]
        self.counts = {counts.idx: counts for counts in votes[:whole]}
        _rewrite(path, counted[:whole])
        _rewrite(self._table, [HEADER, *lines[:whole]])


def _is_new(table: Path) -> bool:
    """Whether there is nothing to lose: no file, or the beginning of our header."""
    return not table.exists() or HEADER.startswith(table.read_bytes().decode(errors="replace"))


def _whole_lines(path: Path) -> list[str]:
    """The lines that end; what a kill left of the last one does not."""
    text = path.read_bytes().decode(errors="replace") if path.exists() else ""
    return text.split("\n")[:-1]


def _parsed(
    path: Path, lines: Sequence[str], parse: Callable[[str], Record], *, first_line: int
) -> list[Record]:
    records: list[Record] = []
    seen: dict[int, int] = {}
    for number, line in enumerate(lines, first_line):
        try:
            record = parse(line)
        except ValueError as error:
            raise TableDiffers(f"{path} line {number} cannot be read: {error}") from error
        if record.idx in seen:
            before = seen[record.idx]
            raise TableDiffers(f"{path} line {number} has image {record.idx} again, as {before}")
        seen[record.idx] = number
        records.append(record)
    return records


def _check_subject(table: Path, subject: Mapping[str, Any]) -> None:
    about = about_path(table)
    try:
        theirs: Any = json.loads(about.read_text()) if about.exists() else {}
    except ValueError as error:
        raise TableDiffers(f"{about} cannot be read: {error}") from error
    if not isinstance(theirs, dict):
        raise TableDiffers(f"{about} does not say what {table.name} is the table of")
    names = sorted(n for n in subject.keys() | theirs.keys() if subject.get(n) != theirs.get(n))
    if names:
        raise TableDiffers(
            f"{table} is the table of another evaluation: {', '.join(names)} differ; "
            "choose another --table"
        )


def _append(path: Path, line: str) -> None:
    with room_for(path, needed=len(line) + 1), path.open("a") as file:
        file.write(line + "\n")


def _rewrite(path: Path, lines: Sequence[str]) -> None:
    write_whole(path, "".join(f"{line}\n" for line in lines))
