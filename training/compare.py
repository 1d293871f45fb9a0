"""Several evaluations side by side: ours, and others' tables in Cohen's format."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from smoothing import SmoothingParams
from smoothing.accuracy import radii_up_to
from training.config import CompareConfig
from training.engine.disk import write_whole
from training.errors import BadTable
from training.evaluation.comparison import Comparison, Envelope, Measured, Pair, markdown
from training.evaluation.counts import certified_again, parse_counts, row_of
from training.evaluation.journal import counts_path
from training.evaluation.literature import Table, read_table
from training.evaluation.naming import groups, label_tables, read_about
from training.evaluation.paired import at_radius, of_means
from training.evaluation.plot import Curve, draw_curves
from training.evaluation.summary import highest, steps, summarise
from training.evaluation.table import Row

logger = logging.getLogger(__name__)

# Beyond the ceiling of any sigma that is certified under here.
FARTHEST = 100.0

# What decides a radius, beside the model and its sigma.
QUESTION = ("mode", "bound", "n0", "n", "alpha", "precision", "radius", "family_size", "numerics")


def compare(config: CompareConfig) -> Comparison:
    """The figures of all tables, their best at each radius, and differences image by image.

    Raises:
        BadTable: A table cannot be read, the tables have no image in common where only those were
            asked for, the labels of these differ, or the radii reach too far for every quarter.
        BadConfig: Two tables were given one name and one sigma.
    """
    tables = [read_table(path) for path in config.tables]
    if config.alpha is not None:
        tables = [_at_alpha(table, config.alpha) for table in tables]
    warnings = [note for table in tables for note in table.notes]
    warnings += _about_images(tables)
    warnings += _about_questions(config)
    if config.common:
        tables = _only_common(tables)
    radii = tuple(sorted(set(config.radii))) or _radii_of(tables)
    labels = label_tables(config.tables, config.names, config.sigmas)
    measured = tuple(
        Measured(name=name, sigma=sigma, table=table, summary=summarise(table.rows, radii))
        for (name, sigma), table in zip(labels, tables, strict=True)
    )
    comparison = Comparison(
        radii=radii,
        measured=measured,
        envelopes=tuple(
            _envelope(name, [measured[index] for index in members])
            for name, members in groups(labels, named=bool(config.names)).items()
        ),
        pairs=_pairs(measured, radii),
        warnings=tuple(warnings),
    )
    if config.out is not None:
        _write(comparison, config.out)
    return comparison


def _radii_of(tables: Sequence[Table]) -> tuple[float, ...]:
    """Every quarter up to the largest radius, which may be in other units or a slip of a file."""
    radius, idx, table = max(
        ((row.radius, row.idx, table) for table in tables for row in table.rows),
        key=lambda each: each[0],
    )
    if radius > FARTHEST:
        raise BadTable(
            f"{table.path} line {table.lines[idx]} has the radius {radius:g}, too far to go there "
            "in quarters: if it is right, say at which radii to compare with --radii"
        )
    return radii_up_to(radius)


def _envelope(name: str, members: Sequence[Measured]) -> Envelope:
    curves = [(each.summary.curve, each.sigma or 0.0) for each in members]
    points = [
        max((curve[at].accuracy, -sigma) for curve, sigma in curves)
        for at in range(len(curves[0][0]))
    ]
    told = tuple((accuracy, -sigma) for accuracy, sigma in points)
    return Envelope(name=name, members=tuple(members), points=told)


def _pairs(measured: Sequence[Measured], radii: Sequence[float]) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for at, better in enumerate(measured[1:], start=1):
        alike = [other for other in measured[:at] if other.sigma == better.sigma]
        worse = alike[0] if alike else measured[0]
        tables = [worse.table, better.table]
        if _common(tables) and not _differing(*tables):
            pairs.append(_pair(better, worse, radii))
    return tuple(pairs)


def _pair(better: Measured, worse: Measured, radii: Sequence[float]) -> Pair:
    common = _common([better.table, worse.table])
    ours, theirs = (_rows_of(each.table, common) for each in (better, worse))
    return Pair(
        better=better,
        worse=worse,
        num_images=len(common),
        at=tuple(at_radius(ours, theirs, radius) for radius in radii),
        mean=of_means(ours, theirs),
    )


def _common(tables: Sequence[Table]) -> list[int]:
    return sorted(set.intersection(*(set(table.lines) for table in tables)))


def _rows_of(table: Table, indices: Sequence[int]) -> tuple[Row, ...]:
    rows = {row.idx: row for row in table.rows}
    return tuple(rows[idx] for idx in indices)


def _only_common(tables: Sequence[Table]) -> list[Table]:
    common = _common(tables)
    if not common:
        raise BadTable("the tables have no image in common")
    for table in tables[1:]:
        if fault := _differing(tables[0], table):
            raise BadTable(fault)
    return [
        replace(
            table,
            rows=_rows_of(table, common),
            lines={idx: table.lines[idx] for idx in common},
        )
        for table in tables
    ]


def _about_images(tables: Sequence[Table]) -> list[str]:
    """What speaks against comparing tables image by image."""
    first = tables[0]
    warnings: list[str] = []
    for table in tables[1:]:
        common = len(first.lines.keys() & table.lines.keys())
        if first.lines.keys() != table.lines.keys():
            warnings.append(
                f"{first.path.name} has {len(first.rows)} images, {table.path.name} "
                f"{len(table.rows)}, {common} of them the same: --common leaves only the same"
            )
        if fault := _differing(first, table):
            warnings.append(f"{fault}; so the two are not compared image by image")
    return warnings


def _about_questions(config: CompareConfig) -> list[str]:
    """Which tables of ours answer another question than the first: their radii show that too."""
    asked = [(path.name, _asked(about)) for path in config.tables if (about := read_about(path))]
    warnings: list[str] = []
    for name, question in asked[1:]:
        first, theirs = asked[0]
        differing = [
            f"{each} {theirs.get(each)} and {question.get(each)}"
            for each in QUESTION
            if theirs.get(each) != question.get(each)
            if each != "alpha" or config.alpha is None
        ]
        if differing:
            warnings.append(
                f"{first} and {name} were certified differently ({', '.join(differing)}): what "
                "they differ by is not the models' alone"
            )
    return warnings


def _asked(about: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"mode": "fixed", "bound": "top", "family_size": 1, **about}


def _differing(first: Table, table: Table) -> str:
    """Where the labels of two tables differ; empty where they do not."""
    labels = {row.idx: row.label for row in first.rows}
    differing = [row for row in table.rows if labels.get(row.idx, row.label) != row.label]
    if not differing:
        return ""
    row = differing[0]
    return (
        f"the labels of {len(differing)} images differ, so these are other images or other class "
        f"numbers: image {row.idx} is {labels[row.idx]} in {first.path} line "
        f"{first.lines[row.idx]}, {row.label} in {table.path} line {table.lines[row.idx]}"
    )


def _at_alpha(table: Table, alpha: float) -> Table:
    """The rows that the counts beside a table of ours give at another alpha."""
    path, about = counts_path(table.path), read_about(table.path)
    if not (path.is_file() and about):
        raise BadTable(f"{table.path} has no counts beside it, which another alpha needs")
    try:
        told = {
            field.name: about[field.name]
            for field in fields(SmoothingParams)
            if field.name in about
        }
        params = SmoothingParams(**{**told, "alpha": alpha})
        counted = [parse_counts(line) for line in path.read_text().splitlines()]
        certificates = {counts.idx: certified_again(counts, params) for counts in counted}
        rows = tuple(
            row_of(row.idx, row.label, certificates[row.idx], row.time_s) for row in table.rows
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadTable(f"{path} does not give {table.path.name} again: {error}") from error
    return replace(table, rows=rows)


def _write(comparison: Comparison, out: Path) -> None:
    plot = out.with_suffix(".png")
    out.parent.mkdir(parents=True, exist_ok=True)
    draw_curves(_curves(comparison), plot)
    text = f"{markdown(comparison)}\n![Certified accuracy against the radius]({plot.name})\n"
    write_whole(out, text)
    logger.info("comparison: %s, %s", out, plot)


def _curves(comparison: Comparison) -> list[Curve]:
    lines = [Curve(name=each.title, points=steps(each.table.rows)) for each in comparison.measured]
    best = [
        Curve(
            name=f"{envelope.name}: best over models",
            points=highest([steps(each.table.rows) for each in envelope.members]),
            thick=True,
        )
        for envelope in comparison.envelopes
    ]
    return [*lines, *best]
