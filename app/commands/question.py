"""The options that say what is asked about a picture or a set of them."""

from typing import Annotated

import typer

Model = Annotated[str | None, typer.Option(help="Model; see `dmae models`.")]
Mode = Annotated[
    str | None,
    typer.Option(
        help="adaptive (as few draws as the precision takes; the default), fixed (exactly n), "
        "decide (is the radius at least --radius?), anytime (the best so far; Ctrl-C ends it "
        "with what it has) or predict (the class alone, no radius)."
    ),
]
N = Annotated[
    int | None,
    typer.Option(
        help="Draws that answer, for each picture: n for fixed and predict, else at most."
    ),
]
N0 = Annotated[int | None, typer.Option(help="Draws that select the class, for fixed.")]
Alpha = Annotated[float | None, typer.Option(help="Probability of being wrong.")]
Precision = Annotated[
    float | None, typer.Option(help="Share of the radius that may be lost, for adaptive.")
]
Radius = Annotated[
    float | None, typer.Option(help="The L2 radius that decide is about, pixels in 0..1.")
]
Bound = Annotated[str | None, typer.Option(help="top or runner-up, for fixed and adaptive.")]
FamilySize = Annotated[int | None, typer.Option(help="Certificates that share alpha.")]
Numerics = Annotated[str | None, typer.Option(help="sound or fast.")]
SIGMA = "Noise level, in units of a [0, 1] pixel."
