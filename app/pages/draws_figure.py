"""What more draws could buy: the radius against n, if the rates stayed as they were."""

from collections.abc import Sequence

from app.pages import words
from app.pages.axes import Axis, Tick, line, round_steps
from app.pages.plot import Mark, Plot, Rule, Table
from smoothing.certificate import Certificate
from smoothing.digits import plain
from smoothing.limits import MAX_DRAWS
from smoothing.params import SmoothingParams
from smoothing.procedures.proof import Proof, prove_from_fresh, prove_from_running
from smoothing.votes import Phase, Votes

DECADES = (100, 1_000, 10_000, 100_000, 1_000_000)
STEPS_A_DECADE = 8


def scaled(votes: Votes, total: int) -> Votes:
    """Votes in the same proportions over another number of draws, by largest remainders."""
    before = (*votes.counts, votes.invalid)
    exact = [count * total / votes.total for count in before]
    after = [int(count) for count in exact]
    order = sorted(range(len(after)), key=lambda i: after[i] - exact[i])
    for i in order[: total - sum(after)]:
        after[i] += 1
    return Votes(counts=tuple(after[:-1]), invalid=after[-1])


def enough(certificate: Certificate, *, at_most: int) -> int | None:
    """The fewest draws, of some round numbers, that would show a radius if the rates stayed.

    Args:
        certificate: In a mode that bounds a radius.
        at_most: The most that may be asked for.

    Returns:
        None where no number up to `at_most` would, or no class was chosen.
    """
    votes, selected = certificate.deciding_votes, certificate.selected
    if not votes or selected is None:
        return None
    rounds = (step * decade for decade in DECADES for step in (1, 2, 5))
    return next(
        (n for n in rounds if n <= at_most and _radius(votes, n, selected, certificate.params)),
        None,
    )


def draws_figure(certificate: Certificate, *, draws_per_s: float) -> Plot | None:
    """The figure of a certificate; None where its mode bounds no radius, or it has no votes.

    Args:
        certificate: Or an abstention.
        draws_per_s: Of the service at present, for how long it would take.
    """
    votes, params = certificate.deciding_votes, certificate.params
    if params.mode == "predict" or not votes or certificate.selected is None:
        return None
    decades = (*(n for n in (1, 10) if votes.total < 10 * n), *DECADES)
    steps = range((len(decades) - 1) * STEPS_A_DECADE + 1)
    sizes = [round(decades[0] * 10 ** (i / STEPS_A_DECADE)) for i in steps]
    radii = {n: _radius(votes, n, certificate.selected, params) for n in {*sizes, *decades}}
    here = _here(certificate, votes)
    asked = params.radius or 0.0
    highest = max(*radii.values(), here or 0.0, asked, params.sigma / 10)
    x = Axis(low=decades[0], high=MAX_DRAWS, logarithmic=True)
    heights = round_steps(1.04 * highest)
    y = Axis(low=0.0, high=heights[-1])
    return Plot(
        title="What more draws could buy",
        reading=_reading(radii, votes, here, draws_per_s, asked=asked),
        x_label="draws",
        y_label="radius",
        x_ticks=tuple(Tick(at=x.across(n), label=_short(n)) for n in decades),
        y_ticks=tuple(Tick(at=y.down(height), label=f"{height:g}") for height in heights),
        curve=line([(x.across(n), y.down(radii[n])) for n in sizes]),
        dots=(),
        mark=None
        if here is None
        else Mark(
            x=x.across(votes.total),
            y=y.down(here),
            label=f"now {words.floored(here, 3)}",
            falling=False,
        ),
        rule=Rule(at=y.down(asked), label=f"asked {plain(asked)}", crossed=radii[sizes[-1]] > asked)
        if asked
        else None,
        table=_table(radii, decades, draws_per_s),
    )


def _proof(votes: Votes, selected: int, params: SmoothingParams) -> Proof:
    if params.method == "truncated_mixture":
        return prove_from_running(votes, params)
    return prove_from_fresh(votes, selected, params)


def _radius(votes: Votes, n: int, selected: int, params: SmoothingParams) -> float:
    proof = _proof(scaled(votes, n), selected, params)
    return proof.radius if proof.holds else 0.0


def _here(certificate: Certificate, votes: Votes) -> float | None:
    """What the votes show; None where they are a pilot's, which may only plan."""
    if votes is certificate.tally.get(Phase.SELECTION) or certificate.selected is None:
        return None
    proof = _proof(votes, certificate.selected, certificate.params)
    return proof.radius if proof.holds else 0.0


def _reading(
    radii: dict[int, float], votes: Votes, here: float | None, speed: float, *, asked: float
) -> str:
    lead = "If the draws went on as they fell, "
    if asked and (here or 0.0) < asked:
        enough = next((n for n in sorted(radii) if radii[n] >= asked and n > votes.total), None)
        if enough is None:
            return lead + f"no number up to {MAX_DRAWS:,} would show the radius {plain(asked)}."
        return (
            lead
            + f"about {enough:,} would show the radius {plain(asked)} ({_time(enough, speed)})."
        )
    more = [n for n in DECADES[1:] if n >= 2 * votes.total and radii[n] > 0]
    if not more:
        if max(radii.values()) == 0:
            return lead + f"no number up to {MAX_DRAWS:,} would show a radius."
        return "These are about as many draws as may be asked for."
    parts = [f"{n:,} would show {words.floored(radii[n], 3)} ({_time(n, speed)})" for n in more[:2]]
    return lead + " and ".join(parts) + ("." if here is None else _instead(here))


def _instead(here: float) -> str:
    return f" instead of {words.floored(here, 3)}." if here else " instead of nothing."


def _time(draws: int, speed: float) -> str:
    return f"about {words.duration(draws / speed)}"


def _short(n: int) -> str:
    """A round number, so short that its neighbours have room on a phone."""
    return f"{n // 10**6} M" if n >= 10**6 else f"{n // 10**3} k" if n >= 10**3 else str(n)


def _table(radii: dict[int, float], shown: Sequence[int], speed: float) -> Table:
    return Table(
        caption="Radius that a number of draws would show, if the rates stayed",
        head=("Draws", "Radius", "Time at the present speed"),
        rows=tuple(
            (
                f"{n:,}",
                words.floored(radii[n]) if radii[n] else "none",
                words.duration(n / speed),
            )
            for n in shown
        ),
    )
