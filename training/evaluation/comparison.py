"""What a comparison of evaluations finds, and the markdown that says it."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.literature import Table
from training.evaluation.paired import MeanDifference, PairedDifference
from training.evaluation.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An evaluation with its figures.

    Attributes:
        name: Of what was evaluated.
        sigma: Of the noise; None where nobody said.
        table: Its rows.
        summary: Its figures.
    """

    name: str
    sigma: float | None
    table: Table
    summary: Summary

    @property
    def title(self) -> str:
        """Name and noise level."""
        return self.name if self.sigma is None else f"{self.name}, sigma {self.sigma:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The best of several models at each radius, as the literature prints it.

    Nobody could use it as one classifier: which model is best is only known afterwards.

    Attributes:
        name: Of what the models have in common.
        members: The models.
        points: At each radius the best accuracy, and the sigma of the model that has it.
    """

    name: str
    members: tuple[Measured, ...]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An evaluation against an earlier one, on the images that both have.

    Attributes:
        better: The one whose advantage is told, negative where it has none.
        worse: The first one of the same sigma, or the first of all.
        num_images: In both.
        at: The difference at each radius.
        mean: The difference of the average certified radii.
    """

    better: Measured
    worse: Measured
    num_images: int
    at: tuple[PairedDifference, ...]
    mean: MeanDifference


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of it.

    Attributes:
        radii: At which the evaluations are compared.
        measured: The evaluations, in the order they were given.
        envelopes: One for each name with several sigmas.
        pairs: Each but the first against an earlier one, where both are of the same images.
        warnings: What a reader should know before trusting the table.
    """

    radii: tuple[float, ...]
    measured: tuple[Measured, ...]
    envelopes: tuple[Envelope, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


def markdown(comparison: Comparison) -> str:
    """Tables of the figures, of their intervals and of the differences; then the warnings."""
    radii = [f"r = {radius:g}" for radius in comparison.radii]
    parts = [
        "Certified accuracy, share of all images:",
        _table(
            ["", "sigma", "images", *radii, "abstained", "mean radius"],
            [
                *(_figures(each) for each in comparison.measured),
                *(_best(each) for each in comparison.envelopes),
            ],
        ),
        "Exact 95 % intervals, over the choice of images:",
        _table(["", *radii], [_intervals(each) for each in comparison.measured]),
    ]
    if comparison.pairs:
        parts += [
            "Differences in points, image by image, with 95 % intervals and McNemar's exact p:",
            _table(
                ["", "images", *radii, "mean radius"],
                [_differences(each) for each in comparison.pairs],
            ),
        ]
    if comparison.warnings:
        parts.append("\n".join(f"* {warning}" for warning in comparison.warnings))
    return "\n\n".join(parts) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _figures(each: Measured) -> list[str]:
    summary = each.summary
    return [
        each.name,
        "" if each.sigma is None else f"{each.sigma:g}",
        str(summary.num_images),
        *(f"{point.accuracy:.3f}" for point in summary.curve),
        f"{summary.abstention_rate:.3f}",
        f"{summary.average_certified_radius:.3f}",
    ]


def _best(envelope: Envelope) -> list[str]:
    cells = [f"{accuracy:.3f} ({sigma:g})" for accuracy, sigma in envelope.points]
    return [f"{envelope.name}: best over models (sigma)", "", "", *cells, "", ""]


def _intervals(each: Measured) -> list[str]:
    return [each.title, *(f"{point.low:.3f} to {point.high:.3f}" for point in each.summary.curve)]


def _differences(pair: Pair) -> list[str]:
    cells = [
        f"{100 * at.difference:+.1f} ({100 * at.low:+.1f} to {100 * at.high:+.1f}; "
        f"p {_probability(at.p_value)})"
        for at in pair.at
    ]
    mean = f"{pair.mean.difference:+.3f} ± {pair.mean.margin:.3f}"
    title = f"{pair.better.title} less {pair.worse.title}"
    return [title, str(pair.num_images), *cells, mean]


def _probability(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}"
