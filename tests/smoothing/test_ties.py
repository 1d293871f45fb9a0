"""With many classes near a tie, the choice of the class costs no more than alpha either."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, multinomial, norm

from smoothing import Certificate, Phase, SmoothingParams, Votes, procedure_for
from smoothing.limits import CLASS_SHARE, RADIUS_SHARE
from smoothing.procedures.looks import next_look
from smoothing.procedures.planning import planned_draws
from smoothing.procedures.proof import prove_from_fresh
from smoothing.sequential import refutes

SELECTION, ESTIMATION = Phase.SELECTION, Phase.ESTIMATION
SIGMA, ALPHA = 0.5, 0.05

THREE_WAY = [
    (1 / 3, 1 / 3, 1 / 3),
    (0.5, 0.5, 0.0),
    (0.4, 0.4, 0.2),
    (0.5, 0.25, 0.25),
    (0.4, 0.3, 0.3),
    (0.7, 0.15, 0.15),
]


def is_false(certificate: Certificate, truth: tuple[float, ...]) -> bool:
    """Whether the class is not ahead in truth, or its radius is larger than the true one."""
    if certificate.predicted is None:
        return False
    radius = SIGMA * radius_of(truth, certificate.predicted)
    return radius == 0 or certificate.radius > radius


def radius_of(truth: Sequence[float], index: int) -> float:
    """The true radius of a class, in sigmas; 0.0 for one that is not ahead."""
    p_rival = max(p for other, p in enumerate(truth) if other != index)
    return max(float(norm.ppf(truth[index]) - norm.ppf(p_rival)) / 2, 0.0)


def all_votes(n: int, truth: tuple[float, ...]) -> Iterator[tuple[Votes, float]]:
    """Every outcome of n draws from three classes, with its probability."""
    for first, second in product(range(n + 1), repeat=2):
        if first + second <= n:
            counts = (first, second, n - first - second)
            yield Votes(counts=counts), float(multinomial.pmf(counts, n, truth))


@pytest.mark.parametrize("truth", THREE_WAY)
def test_a_predicted_class_is_wrong_at_most_alpha_often(truth: tuple[float, ...]) -> None:
    """At a tie every prediction counts as wrong."""
    procedure = procedure_for(SmoothingParams(sigma=SIGMA, mode="predict", n=40, alpha=ALPHA), 3)

    wrong = sum(
        mass
        for votes, mass in all_votes(40, truth)
        if (predicted := procedure.step({ESTIMATION: votes}).predicted) is not None
        and radius_of(truth, predicted) == 0
    )

    assert wrong <= ALPHA


@pytest.mark.parametrize("truth", THREE_WAY)
@pytest.mark.parametrize("selected", [0, 1])
def test_a_radius_against_the_runner_up_is_false_at_most_alpha_often(truth, selected: int) -> None:
    """Whatever class the selection draws chose, and whichever rival has most votes."""
    params = SmoothingParams(sigma=SIGMA, n0=1, n=40, alpha=ALPHA, bound="runner-up")
    procedure = procedure_for(params, 3)
    selection = Votes(counts=tuple(int(index == selected) for index in range(3)))

    wrong = sum(
        mass
        for votes, mass in all_votes(40, truth)
        if is_false(procedure.step({SELECTION: selection, ESTIMATION: votes}), truth)
    )

    assert wrong <= ALPHA


def worlds(num_classes: int) -> list[NDArray[np.float64]]:
    """A tie of all, of two, of a half with all others, and a leader just below or above a half."""
    rest = np.full(num_classes - 2, 1 / (num_classes - 2))
    return [
        np.full(num_classes, 1 / num_classes),
        np.r_[0.5, 0.5, 0 * rest],
        np.r_[0.5, 0.0, 0.5 * rest],
        np.r_[0.499, 0.499, 0.002 * rest],
        np.r_[0.51, 0.49, 0 * rest],
        np.r_[0.6, 0.1, 0.3 * rest],
    ]


def false_from(p: float, look: int) -> int:
    """From how many hits at a look a running claim about a class of this probability is false."""

    def claimed(hits: int) -> bool:
        return refutes(hits, look, p=0.5, alpha=CLASS_SHARE * ALPHA) and refutes(
            hits, look, p=max(p, 0.5), alpha=RADIUS_SHARE * ALPHA
        )

    low, high = 0, look + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if claimed(middle) else (middle + 1, high)
    return low


def share_of_false_readings(truth: NDArray[np.float64], *, n: int, runs: int) -> int:
    """Runs in which at some look the leader is claimed falsely, by one generator."""
    generator, wrong = np.random.default_rng(5), np.zeros(runs, dtype=bool)
    counts, drawn = np.zeros((runs, len(truth)), dtype=np.int64), 0
    while drawn < n:
        look = next_look(drawn, n)
        counts += generator.multinomial(look - drawn, truth, size=runs)
        limits = {p: false_from(p, look) for p in set(truth.tolist())}
        leader = counts.argmax(axis=1)
        wrong |= counts.max(axis=1) >= np.array([limits[p] for p in truth.tolist()])[leader]
        drawn = look
    return int(wrong.sum())


@pytest.mark.parametrize("num_classes", [3, 10, 100])
@pytest.mark.parametrize("world", range(6))
def test_a_running_claim_is_false_at_most_alpha_often(num_classes: int, world: int) -> None:
    """The class and its radius come from the same draws; with one alpha for both it would fail."""
    truth = worlds(num_classes)[world]

    wrong = share_of_false_readings(truth, n=1_024, runs=2_000)

    assert wrong <= binom.isf(1e-6, 2_000, ALPHA)


@pytest.mark.slow
@pytest.mark.parametrize("world", range(6))
def test_of_many_running_claims_at_most_alpha_are_false(world: int) -> None:
    wrong = share_of_false_readings(worlds(4)[world], n=2_048, runs=100_000)

    assert wrong <= ALPHA * 100_000


def votes_like(hits: int, rival: int, total: int) -> Votes:
    """Votes for ten classes, the first with these hits, and none of the others above the rival."""
    each, more = divmod(total - hits - rival, 8)
    return Votes(counts=(hits, rival, *[each + 1] * more, *[each] * (8 - more)))


def leads(counts: NDArray[np.int64], classes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The hits of each run's class, and of its strongest rival."""
    rows = np.arange(len(counts))
    hits, others = counts[rows, classes], counts.copy()
    others[rows, classes] = -1
    return list(zip(hits.tolist(), others.max(axis=1).tolist(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["top", "runner-up"])
@pytest.mark.parametrize("world", range(6))
def test_of_many_planned_radii_at_most_alpha_are_false(bound, world: int) -> None:
    """A procedure sees no more of the votes than its class's and the strongest rival's."""
    truth, generator, runs = worlds(10)[world], np.random.default_rng(6), 100_000
    params = SmoothingParams(
        sigma=SIGMA, mode="adaptive", n=2_000, bound=bound, alpha=ALPHA, precision=0.5
    )
    pilots = generator.multinomial(128, truth, size=runs)
    selected = pilots.argmax(axis=1)
    plan_of = cache(lambda pair: planned_draws(votes_like(*pair, 128), params))
    plans = np.array([plan_of(pair) for pair in leads(pilots, selected)])
    prove = cache(lambda pair, n: prove_from_fresh(votes_like(*pair, n), 0, params))
    radii = np.array([SIGMA * radius_of(truth, index) for index in range(10)])

    fresh = generator.multinomial(plans, truth)
    proofs = [
        prove(pair, n) for pair, n in zip(leads(fresh, selected), plans.tolist(), strict=True)
    ]

    claimed = np.array([proof.radius if proof.holds else -1.0 for proof in proofs])
    wrong = (claimed >= 0) & (claimed > radii[selected] - 1e-12)
    assert wrong.sum() <= ALPHA * runs


@pytest.mark.slow
@pytest.mark.parametrize("world", range(6))
def test_of_many_predictions_at_most_alpha_are_wrong(world: int) -> None:
    truth, generator, runs = worlds(10)[world], np.random.default_rng(7), 100_000
    procedure = procedure_for(SmoothingParams(sigma=SIGMA, mode="predict", n=300, alpha=ALPHA), 10)
    answers = cache(
        lambda pair: procedure.step({ESTIMATION: votes_like(*pair, 300)}).predicted is not None
    )

    counts = generator.multinomial(300, truth, size=runs)
    leader = counts.argmax(axis=1)
    answered = np.array([answers(pair) for pair in leads(counts, leader)])

    ahead = np.array([radius_of(truth, index) > 0 for index in range(10)])
    assert (answered & ~ahead[leader]).sum() <= ALPHA * runs


def test_the_limits_of_the_simulation_are_those_of_the_procedure() -> None:
    params = SmoothingParams(sigma=SIGMA, mode="anytime", n=1_024, alpha=ALPHA, numerics="fast")
    limit = false_from(0.6, 512)
    below, at = (
        procedure_for(params, 2).interim({ESTIMATION: Votes(counts=(hits, 512 - hits))})
        for hits in (limit - 1, limit)
    )

    assert below.p_lower < 0.6 <= at.p_lower
