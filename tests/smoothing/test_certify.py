"""Certificates of worlds whose truth is known, drawn in this process."""

import numpy as np
from scipy.stats import norm

from smoothing import (
    DrawMore,
    Phase,
    SmoothingParams,
    Votes,
    procedure_for,
)
from smoothing.sampler import Sampler, certify
from tests.smoothing.drawing import KEY, SHAPE, draws, image, total

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION


def test_certified_radius_is_just_below_the_true_one(half_space: Sampler) -> None:
    """For a half-space the true radius is the distance to its plane: sqrt(d) |mean - 1/2|."""
    x = np.full(SHAPE, 0.53, dtype=np.float32)
    true_radius = (3 * 8 * 8) ** 0.5 * 0.03
    params = SmoothingParams(sigma=0.5, n=20_000)

    result = certify(half_space, x, key=KEY, params=params)

    assert result.predicted == 1
    assert 0.9 * true_radius < result.radius <= true_radius
    assert result.p_lower < norm.cdf(true_radius / 0.5)


def test_an_image_on_the_plane_is_abstained_on(half_space: Sampler) -> None:
    x = np.full(SHAPE, 0.5, dtype=np.float32)

    result = certify(half_space, x, key=KEY, params=SmoothingParams(sigma=0.5, n=1_000))

    assert result.abstained
    assert result.abstention_reason in {"too_few_draws", "unstable_selection"}


def test_certify_draws_what_the_procedure_asks_for(half_space: Sampler) -> None:
    params = SmoothingParams(sigma=0.5, n0=70, n=600)
    x = image()

    result = certify(half_space, x, key=KEY, params=params)

    assert result.tally == {
        SELECTION: total(half_space, draws(0, 70, of=x, phase=SELECTION)),
        ESTIMATION: total(half_space, draws(0, 600, of=x)),
    }
    assert result == procedure_for(params, 2).step(result.tally)


def test_phases_of_a_certificate_share_no_noise() -> None:
    procedure = procedure_for(SmoothingParams(sigma=0.5, n0=50, n=50), 2)
    first = procedure.step({})
    second = procedure.step({SELECTION: Votes(counts=(0, 50))})
    assert isinstance(first, DrawMore)
    assert isinstance(second, DrawMore)

    rows = [
        row.tobytes()
        for part in (first, second)
        for row in draws(part.start, part.stop, phase=part.phase).rows()
    ]

    assert len(set(rows)) == len(rows) == 100
