"""What the form shows: choices, what was entered, and what is wrong with it."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from app.certify_form import DEFAULT_MODE, CertifyForm
from app.errors import FieldError
from app.fleet import Crew, readable_cards
from app.pacing import default_n
from app.pages import words
from app.pages.assets import STATIC
from app.pages.modes import BY_MODE, QUESTIONS, Question
from app.problem_kinds import KINDS
from app.problems import Problem
from app.services import Services
from jobs.record import Job
from model_store.card import ModelCard
from smoothing.digits import plain
from smoothing.params import Mode

FILE = "file"
"""The source that means the visitor's own file."""

TRY_LATER = frozenset({429, 503})
"""Statuses that say nothing against the fields."""

ADVANCED = frozenset({"n", "n0", "alpha", "precision", "bound", "numerics", "family_size"})
BOUNDS = (("top", "top: one bound, on the class"), ("runner-up", "runner-up: both bounded"))
NUMERICS = (("sound", "sound"), ("fast", "fast: a heuristic certificate"))
_NAMES = {
    "image": "Image",
    "n": "Draws n",
    "n0": "Selection draws n0",
    "family_size": "Family size",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A picture to try; `small` where its pixels are to be seen."""

    name: str
    file: str
    small: bool

    @property
    def path(self) -> Path:
        """Where it is."""
        return STATIC / "examples" / self.file


EXAMPLES = (
    *(
        Example(name=name, file=f"{name}.jpg", small=True)
        for name in ("airplane", "automobile", "bird", "cat", "frog", "ship")
    ),
    Example(name="freighter", file="freighter.jpg", small=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """A model that may be chosen.

    Attributes:
        id: Of the model.
        description: What it is.
        labels: Its classes.
        sigmas: Its noise levels.
        draws_per_s: Of its workers together.
        waiting: That there is none, in words; "" where there is one.
    """

    id: str
    description: str
    labels: tuple[str, ...]
    sigmas: tuple[str, ...]
    draws_per_s: float
    waiting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """The form as it is shown.

    Attributes:
        values: Text of each field.
        source: Where the image comes from: "file", an example, or an earlier job.
        again: The earlier job whose image may be taken again, or None.
        errors: What is wrong, by field.
        trouble: What is wrong with the moment rather than with a field, or None.
        summary: (anchor, text) of everything that is wrong.
        file_lost: Whether a file was sent that has to be chosen again.
        models: To choose from.
        sigmas: Of all models.
        default_n: What a mode draws, or may draw, where no n is given.
        expected: How long that takes, in words.
        max_bytes: Longest file.
    """

    values: Mapping[str, str]
    source: str
    again: str | None
    errors: Mapping[str, Sequence[str]]
    trouble: str | None
    summary: Sequence[tuple[str | None, str]]
    file_lost: bool
    models: Sequence[ModelChoice]
    sigmas: Sequence[str]
    default_n: Mapping[Mode, int]
    expected: str
    max_bytes: int
    questions: Sequence[Question] = QUESTIONS
    examples: Sequence[Example] = EXAMPLES
    bounds: Sequence[tuple[str, str]] = BOUNDS
    numerics: Sequence[tuple[str, str]] = NUMERICS

    @property
    def advanced_open(self) -> bool:
        """Whether something in the folded part wants to be seen."""
        return bool(ADVANCED & set(self.errors))

    @property
    def example_radius(self) -> str:
        """A radius that one might ask about."""
        return f"{float(self.sigmas[0]) / 2:g}" if self.sigmas else "0.1"


async def form_view(
    services: Services,
    *,
    entered: Mapping[str, str],
    source: str,
    again: str | None = None,
    problem: Problem | None = None,
    file_lost: bool = False,
) -> FormView:
    """The form with what was entered, or with the defaults.

    Args:
        services: Where the models and their workers are.
        entered: Texts of fields.
        source: Where the image is to come from.
        again: An earlier job, whose image may be taken.
        problem: What was wrong with it.
        file_lost: Whether a file came with it.

    Raises:
        StoreUnavailable: Redis is away.
        ModelNotFound: The store has no model.
    """
    cards, values = readable_cards(services.registry), {"model": services.registry.default().id}
    values |= {name: text for name, text in entered.items() if text}
    crews = {card.id: await services.fleet.crew(card) for card in cards}
    card = next((card for card in cards if card.id == values["model"]), cards[0])
    numbers = _default_numbers(crews[card.id].draws_per_s, services.settings.max_draws)
    filled = dict.fromkeys(CertifyForm.model_fields, "") | _defaults(card) | values
    later = problem is not None and KINDS[problem.kind].status in TRY_LATER
    faults = [] if problem is None or later else list(problem.errors)
    return FormView(
        values=filled,
        source=source,
        again=again,
        errors=_by_field(faults),
        trouble=KINDS[problem.kind].title if problem and not faults else None,
        summary=[(fault.field, _line(fault)) for fault in faults]
        or ([(None, problem.detail)] if problem else []),
        file_lost=file_lost,
        models=[_model(each, crews[each.id]) for each in cards],
        sigmas=[plain(s) for s in sorted({s for each in cards for s in each.sigmas})],
        default_n=numbers,
        expected=_expected(crews[card.id], filled["mode"], numbers),
        max_bytes=services.settings.max_upload_bytes,
    )


def entered_before(job: Job) -> dict[str, str]:
    """What has to be entered to ask what a job was asked."""
    stated = {name: _text(value) for name, value in job.spec.params.stated().items()}
    return {"model": job.spec.model.id, **stated}


def _expected(crew: Crew, mode: str, numbers: Mapping[Mode, int]) -> str:
    """How long a request takes that names no n; the script of the page says the same."""
    question = BY_MODE.get(cast("Mode", mode), BY_MODE[DEFAULT_MODE])
    n, speed = numbers[question.mode], crew.draws_per_s
    time = f"{words.duration(n / speed)} at {words.whole(speed)} draws a second"
    most = f"At most {n:,} draws, {time}; usually far fewer."
    return (most if question.at_most else f"{n:,} draws, about {time}.") + _waiting(crew)


def _waiting(crew: Crew) -> str:
    return "" if crew.ready else " No worker holds this model at the moment: the job would wait."


def _default_numbers(draws_per_s: float, max_draws: int) -> dict[Mode, int]:
    return {
        question.mode: default_n(question.mode, draws_per_s, at_most=max_draws)
        for question in QUESTIONS
    }


def _defaults(card: ModelCard) -> dict[str, str]:
    return {
        "sigma": plain(card.sigmas[0]),
        "mode": DEFAULT_MODE,
        "bound": "top",
        "numerics": "sound",
    }


def _model(card: ModelCard, crew: Crew) -> ModelChoice:
    return ModelChoice(
        id=card.id,
        description=card.description,
        labels=card.labels,
        sigmas=tuple(map(plain, card.sigmas)),
        draws_per_s=round(crew.draws_per_s, 1),
        waiting=_waiting(crew),
    )


def _text(value: str | float) -> str:
    return plain(value) if isinstance(value, float) else str(value)


def _by_field(faults: Sequence[FieldError]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for fault in faults:
        found[fault.field].append(_detail(fault))
    return dict(found)


def _line(fault: FieldError) -> str:
    return f"{_NAMES.get(fault.field, fault.field.capitalize())}: {_detail(fault)}"


def _detail(fault: FieldError) -> str:
    if fault.field == "image" and fault.value is None:
        return "choose a file, or take an example"
    # A fault of an image begins with a code for programs, such as `not_an_image: `.
    detail = re.sub("^[a-z_]+: ", "", fault.detail) if fault.field == "image" else fault.detail
    # With all its digits: a ceiling that is rounded up would be refused in turn.
    return detail if fault.nearest is None else f"{detail}; the nearest is {fault.nearest}"
