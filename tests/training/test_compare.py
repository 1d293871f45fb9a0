"""Comparisons of tables whose figures are known beforehand."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from smoothing import Phase, SmoothingParams, Votes, procedure_for
from training.compare import compare
from training.config import CompareConfig
from training.errors import BadConfig, BadTable
from training.evaluation.comparison import markdown
from training.evaluation.counts import Counts, row_of
from training.evaluation.journal import Journal
from training.evaluation.naming import label_tables
from training.evaluation.table import HEADER

PARAMS = SmoothingParams(sigma=0.5, n0=10, n=1000, alpha=0.001)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a table of (idx, label, predict, radius)."""

    def write_rows(name: str, rows: list[tuple[int, int, int, float]]) -> Path:
        lines = [f"{i}\t{y}\t{p}\t{r}\t{int(y == p)}\t0:00:01.0" for i, y, p, r in rows]
        path = tmp_path / f"{name}.tsv"
        path.write_text("\n".join([HEADER, *lines]) + "\n")
        return path

    return write_rows


def half_space(write: Write, name: str, sigma: float, *, images: int = 400) -> Path:
    """The table of a perfect vote on x > 0 with x uniform in [-1, 1]: radius |x|, up to 3 sigma.

    The share certified at r is 1 - r up to the ceiling, and 0 beyond it.
    """
    places = (np.arange(images) + 0.5) / images
    return write(name, [(i, 1, 1, min(x, 3 * sigma)) for i, x in enumerate(places)])


def curve(comparison) -> list[float]:
    return [point.accuracy for point in comparison.measured[0].summary.curve]


def test_a_half_spaces_curve_is_its_own(write: Write):
    comparison = compare(CompareConfig(tables=(half_space(write, "a", 1.0),)))

    assert comparison.radii == (0.0, 0.25, 0.5, 0.75)
    assert curve(comparison) == [1.0, 0.75, 0.5, 0.25]
    assert comparison.measured[0].summary.average_certified_radius == pytest.approx(0.5)


def test_the_envelope_is_the_best_of_one_methods_models_at_each_radius(write: Write):
    small = write(
        "sigma_0.25", [(i, 1, 1, 0.3) for i in range(8)] + [(8, 1, 2, 0.3), (9, 1, -1, 0)]
    )
    large = write(
        "sigma_0.50", [(i, 1, 1, 0.6) for i in range(5)] + [(i, 1, -1, 0) for i in range(5, 10)]
    )

    comparison = compare(CompareConfig(tables=(small, large)))

    (envelope,) = comparison.envelopes
    assert envelope.points == ((0.8, 0.25), (0.8, 0.25), (0.5, 0.5), (0.0, 0.25))
    assert "all: best over models (sigma)" in markdown(comparison)


def test_tables_of_one_name_are_one_method(write: Write):
    tables = tuple(half_space(write, name, 1.0) for name in ("a", "b", "c", "d"))

    comparison = compare(
        CompareConfig(tables=tables, names=("x", "x", "y", "z"), sigmas=(0.25, 0.5, 0.5, 1.0))
    )

    assert [envelope.name for envelope in comparison.envelopes] == ["x"]
    assert [each.title for each in comparison.measured][:2] == ["x, sigma 0.25", "x, sigma 0.5"]


def test_one_name_at_one_sigma_is_refused(write: Write):
    tables = (half_space(write, "a", 1.0), half_space(write, "b", 1.0))

    with pytest.raises(BadConfig, match=r"two tables are called x at sigma 0.5"):
        compare(CompareConfig(tables=tables, names=("x", "x"), sigmas=(0.5, 0.5)))


@pytest.mark.parametrize(
    ("path", "name", "sigma"),
    [
        ("noise_0.50/test/sigma_0.25", "sigma_0.25", 0.25),
        ("noise_0.50/test/ours.tsv", "ours", 0.5),
        ("sigma1.tsv", "sigma1", 1.0),
        ("sigma_.5_n1000.csv", "sigma_.5_n1000", 0.5),
        ("sigma050.tsv", "sigma050", None),
    ],
)
def test_a_table_is_called_by_its_file_s_name(path: str, name: str, sigma: float | None):
    assert label_tables([Path(path)], [], []) == [(name, sigma)]


def test_files_of_one_name_are_told_apart_by_their_folders(write: Write, tmp_path: Path):
    for folder in ("cohen", "salman"):
        (tmp_path / folder).mkdir()
        half_space(write, f"{folder}/sigma_0.25", 1.0)
    tables = tuple(tmp_path / folder / "sigma_0.25.tsv" for folder in ("cohen", "salman"))

    comparison = compare(CompareConfig(tables=tables))

    assert [each.title for each in comparison.measured] == [
        "cohen/sigma_0.25, sigma 0.25",
        "salman/sigma_0.25, sigma 0.25",
    ]
    assert comparison.envelopes == ()


def test_others_are_compared_with_the_first_image_by_image(write: Write):
    first = write("mae", [(i, 1, 1 if i < 20 else 2, 0.3) for i in range(40)])
    second = write("dmae", [(i, 1, 1 if i < 30 else 2, 0.3) for i in range(40)])

    comparison = compare(CompareConfig(tables=(first, second)))

    (pair,) = comparison.pairs
    assert pair.at[1].difference == 0.25
    assert pair.at[1].p_value == pytest.approx(2 / 2**10)
    assert pair.mean.difference == pytest.approx(0.075)
    assert "+25.0 (+10." in markdown(comparison)
    assert "+0.075 ± 0.0" in markdown(comparison)


def test_each_is_compared_with_the_first_of_its_sigma(write: Write):
    tables = tuple(half_space(write, name, 1.0, images=20) for name in "abcd")

    comparison = compare(
        CompareConfig(tables=tables, names=("x", "x", "y", "y"), sigmas=(0.25, 0.5, 0.25, 0.5))
    )

    assert [(pair.better.title, pair.worse.title) for pair in comparison.pairs] == [
        ("x, sigma 0.5", "x, sigma 0.25"),
        ("y, sigma 0.25", "x, sigma 0.25"),
        ("y, sigma 0.5", "x, sigma 0.5"),
    ]
    assert "y, sigma 0.5 less x, sigma 0.5" in markdown(comparison)


def test_other_images_are_told_and_can_be_left_out(write: Write):
    first = write("a", [(i, 1, 1, 0.3) for i in range(10)])
    second = write("b", [(i, 1, 2, 0.3) for i in range(5, 20)])

    every = compare(CompareConfig(tables=(first, second)))
    common = compare(CompareConfig(tables=(first, second), common=True))

    assert "a.tsv has 10 images, b.tsv 15, 5 of them the same" in every.warnings[0]
    assert [each.summary.num_images for each in every.measured] == [10, 15]
    assert [each.summary.num_images for each in common.measured] == [5, 5]
    assert every.pairs[0].num_images == 5


def test_images_that_two_of_three_tables_have_are_left_out_with_common(write: Write):
    tables = tuple(
        write(name, [(i, 1, 1, 0.3) for i in range(images)])
        for name, images in (("a", 3), ("b", 3), ("c", 2))
    )

    comparison = compare(CompareConfig(tables=tables, common=True))

    assert [pair.num_images for pair in comparison.pairs] == [2, 2]


def test_no_image_in_common_is_no_pair(write: Write):
    tables = (write("a", [(0, 1, 1, 0.3)]), write("b", [(1, 1, 1, 0.3)]))

    assert compare(CompareConfig(tables=tables)).pairs == ()
    with pytest.raises(BadTable, match="no image in common"):
        compare(CompareConfig(tables=tables, common=True))


def test_labels_that_differ_are_named_and_never_paired(write: Write):
    tables = (
        write("a", [(0, 1, 1, 0.3), (20, 4, 4, 0.3)]),
        write("b", [(0, 1, 1, 0.3), (20, 5, 5, 0.3)]),
    )

    comparison = compare(CompareConfig(tables=tables))

    assert comparison.pairs == ()
    assert "image 20 is 4 in" in comparison.warnings[0]
    with pytest.raises(BadTable, match=r"a.tsv line 3, 5 in .*b.tsv line 3"):
        compare(CompareConfig(tables=tables, common=True))


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A table of ours with its counts: four images, 700 to 1000 votes of 1000."""
    path = tmp_path / "ours.tsv"
    about = {"model": "some.vit", "sigma": 0.5, "n0": 10, "n": 1000, "alpha": 0.001}
    journal = Journal(path, {**about, "numerics": "sound"})
    for idx, hits in enumerate((700, 800, 900, 1000)):
        tally = {
            Phase.SELECTION: Votes(counts=(0, 10)),
            Phase.ESTIMATION: Votes(counts=(1000 - hits, hits)),
        }
        certificate = procedure_for(PARAMS, 2).step(tally)
        journal.append(row_of(idx, 1, certificate, 1.0), Counts.of(idx, certificate))
    return path


def test_our_tables_say_themselves_what_they_are_of(ours: Path):
    (measured,) = compare(CompareConfig(tables=(ours,))).measured

    assert measured.title == "some.vit, sigma 0.5"


def test_tables_of_different_questions_are_told(ours: Path, tmp_path: Path):
    other = tmp_path / "other.tsv"
    other.write_text(ours.read_text())
    about = json.loads((tmp_path / "ours.tsv.json").read_text())
    asked = {**about, "mode": "decide", "radius": 0.5, "alpha": 0.01, "model": "other.vit"}
    (tmp_path / "other.tsv.json").write_text(json.dumps(asked))

    (warning,) = compare(CompareConfig(tables=(ours, other))).warnings

    assert warning.startswith(
        "ours.tsv and other.tsv were certified differently "
        "(mode fixed and decide, alpha 0.001 and 0.01, radius None and 0.5)"
    )


def test_the_radii_can_be_had_at_another_alpha(ours: Path):
    (measured,) = compare(CompareConfig(tables=(ours,), alpha=0.05)).measured

    ceiling = 0.5 * norm.ppf(0.05 ** (1 / 1000) - 1e-7)
    assert measured.table.rows[-1].radius == pytest.approx(ceiling, abs=2e-6)


def test_another_alpha_needs_counts(ours: Path, write: Write):
    with pytest.raises(BadTable, match=r"theirs\.tsv has no counts beside it"):
        compare(CompareConfig(tables=(ours, half_space(write, "theirs", 1.0)), alpha=0.05))


def test_the_markdown_and_the_plot_are_written(write: Write, tmp_path: Path):
    out = tmp_path / "new" / "result.md"
    tables = (half_space(write, "sigma0.25", 0.25), half_space(write, "sigma0.5", 0.5))

    comparison = compare(CompareConfig(tables=tables, out=out))

    assert out.read_text().startswith(markdown(comparison))
    assert "](result.png)" in out.read_text()
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_every_row_of_the_markdown_has_the_columns_of_its_header(write: Write):
    tables = (half_space(write, "sigma0.25", 0.25), half_space(write, "sigma0.5", 0.5))
    blocks = markdown(compare(CompareConfig(tables=tables, radii=(0.5, 0.1)))).split("\n\n")

    for block in blocks:
        widths = {line.count("|") for line in block.splitlines()}
        assert len(widths) == 1, block
    assert "r = 0.1 | r = 0.5" in blocks[1]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"tables": ()}, "name one table or more"),
        ({"names": ("x",)}, "--names must be one a table: 2 tables, 1 given"),
        ({"sigmas": (0.5, 0.0)}, "--sigmas must be above 0"),
        ({"radii": (-1.0,)}, "--radii must be at least 0"),
        ({"out": Path("curves.png")}, "--out is the Markdown file"),
        ({"out": Path("theirs.TSV")}, "--out is the Markdown file"),
        ({"out": Path("b")}, "--out b is one of the tables, which it would replace"),
    ],
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, object], fault: str):
    with pytest.raises(BadConfig, match=fault):
        CompareConfig(**{"tables": (Path("a"), Path("b")), **fields})  # pyright: ignore[reportArgumentType]


def test_a_radius_far_beyond_others_is_not_reached_in_quarters(write: Write):
    table = write("a", [(0, 1, 1, 0.5), (1, 1, 1, 1e300)])

    with pytest.raises(BadTable, match=r"a\.tsv line 3 has the radius 1e\+300.*--radii"):
        compare(CompareConfig(tables=(table,)))

    assert curve(compare(CompareConfig(tables=(table,), radii=(0.5, 1.0)))) == [1.0, 0.5]


def test_what_lies_beside_a_table_must_say_what_it_is_of(write: Write):
    path = half_space(write, "a", 1.0)
    path.with_name("a.tsv.json").write_text(json.dumps([1]))

    with pytest.raises(BadTable, match=r"does not say what a\.tsv is the table of"):
        compare(CompareConfig(tables=(path,)))
