"""The model's certified accuracy, as its card states it, with one radius marked."""

import numpy as np

from app.pages import words
from app.pages.axes import Axis, Tick, line, round_steps
from app.pages.plot import Mark, Plot, Table
from model_store.card import ModelCard
from model_store.evidence import Evaluation


def accuracy_figure(card: ModelCard, *, sigma: float, radius: float | None) -> Plot | None:
    """The figure of a model at one sigma; None where its card has no measurement of that.

    Args:
        card: Of the model.
        sigma: Of the noise, in units of a [0, 1] pixel.
        radius: To mark; None for none.
    """
    measured = (each for each in card.evaluations if each.sigma == sigma)
    evaluation = max(measured, key=lambda each: each.n, default=None)
    if evaluation is None or len(evaluation.certified_accuracy) < 2:
        return None
    points = evaluation.certified_accuracy
    radii, shares = zip(*points, strict=True)
    steps = round_steps(max(radii[-1], radius or 0.0))
    x, y = Axis(low=0.0, high=steps[-1]), Axis(low=0.0, high=1.0)
    places = tuple((x.across(r), y.down(share)) for r, share in points)
    return Plot(
        title="How this model does elsewhere",
        reading=_reading(evaluation, radius),
        x_label="radius",
        y_label="certified accuracy",
        x_ticks=tuple(Tick(at=x.across(step), label=f"{step:g}") for step in steps),
        y_ticks=tuple(Tick(at=y.down(each / 4), label=f"{25 * each} %") for each in range(5)),
        curve=line(places),
        dots=places,
        mark=None
        if not radius
        else Mark(
            x=x.across(radius),
            y=y.down(float(np.interp(radius, radii, shares))),
            label=f"here {words.floored(radius, 3)}",
            falling=True,
        ),
        rule=None,
        table=Table(
            caption=f"Certified accuracy at sigma {sigma:g}, {evaluation.num_images} images",
            head=("Radius", "Right class, certified at that radius or beyond"),
            rows=tuple((f"{r:g}", words.share(share)) for r, share in points),
        ),
    )


def _reading(evaluation: Evaluation, radius: float | None) -> str:
    said = (
        f"Measured on {evaluation.num_images} images ({evaluation.images}) with "
        f"{evaluation.n:,} draws each."
    )
    if not radius:
        return said
    if radius > evaluation.radius_ceiling:
        ceiling = words.floored(evaluation.radius_ceiling, 3)
        return (
            f"{said} No radius above {ceiling} could come out of that: it says nothing of one as "
            "far as this."
        )
    points = evaluation.certified_accuracy
    before = min((share for r, share in points if r < radius), default=1.0)
    after = max((share for r, share in points if r >= radius), default=0.0)
    if before == 0:
        return f"No image of the test was certified as far as this one. {said}"
    return (
        f"Between {words.share(after, 0)} and {words.share(before, 0)} of test images are "
        f"classified right and certified at this radius or beyond. {said}"
    )
