"""A job as its page shows it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from app.certifications import Expected, expected
from app.fleet import readable_cards
from app.pages import words
from app.pages.answer import Answer, answer
from app.pages.modes import BY_MODE, Question
from app.pages.snippets import Snippet, snippets
from app.services import Services
from jobs.record import Job, JobState
from model_store.card import ModelCard
from model_store.errors import ModelStoreError
from smoothing.digits import plain
from smoothing.votes import Phase

_PHASES = {
    Phase.SELECTION: "A first look at noisy draws, to choose the class and plan the rest.",
    Phase.ESTIMATION: "Counting which class wins under fresh noise, draw by draw.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as its page shows it.

    Attributes:
        job: As read.
        heading: State, in words.
        phase: What is being done, in a sentence.
        percent: How far it is, a whole number.
        figures: How far it is, and how fast, in words; one a line.
        question: Its mode.
        asked: (name, value) of what was asked.
        answer: The certificate, or an interim one.
        snippets: The same request as code.
        refresh_s: Seconds after which a page without JavaScript looks again.
    """

    job: Job
    heading: str
    phase: str
    percent: int
    figures: Sequence[str]
    question: Question
    asked: Sequence[tuple[str, str]]
    answer: Answer | None
    snippets: Sequence[Snippet]
    refresh_s: int

    @property
    def live(self) -> bool:
        """Whether the job may still change."""
        return not self.job.state.terminal

    def again(self, **fields: str) -> str:
        """Query of a form that asks the same, but for some fields."""
        return urlencode({"from": self.job.spec.id, **fields})


async def job_view(job: Job, services: Services, *, url: str, with_key: bool) -> JobView:
    """A job, with all that its page shows.

    Args:
        job: As read.
        services: Where models and workers are.
        url: Of the service, for code to copy.
        with_key: Whether the visitor has an API key.

    Raises:
        DoesNotVerify: Its certificate says what its counts do not prove.
        StoreUnavailable: Redis is away.
    """
    card = _card(services, job)
    estimate = await expected(job, services)
    speed = (await services.fleet.crew(card)).draws_per_s if card else job.progress.draws_per_s
    document = job.certificate or job.interim
    progress = job.progress
    return JobView(
        job=job,
        heading=words.STATES[job.state],
        phase=_phase(job),
        percent=math.floor(100 * progress.draws_done / max(progress.draws_planned, 1)),
        figures=_figures(estimate),
        question=BY_MODE[job.spec.params.mode],
        asked=_asked(job),
        answer=None
        if document is None
        else answer(
            job.spec,
            services.signer.presented(document),
            card=card,
            cards=readable_cards(services.registry),
            draws_per_s=speed or 1.0,
            max_draws=services.settings.max_draws,
        ),
        snippets=snippets(job.spec, url=url, with_key=with_key),
        refresh_s=_refresh_s(estimate),
    )


def _card(services: Services, job: Job) -> ModelCard | None:
    try:
        return services.registry.get(job.spec.model.id)
    except ModelStoreError:  # the model has left the store since
        return None


def _phase(job: Job) -> str:
    if job.state is JobState.RUNNING:
        return _PHASES[job.progress.phase]
    return "It starts as soon as a worker is free."


def _figures(estimate: Expected) -> list[str]:
    job, progress = estimate.job, estimate.job.progress
    most = "of" if job.spec.params.mode in ("fixed", "anytime", "predict") else "of about"
    lines = [f"{progress.draws_done:,} {most} {progress.draws_planned:,} draws"]
    if progress.draws_per_s:
        lines.append(f"{words.whole(progress.draws_per_s)} draws a second")
    left = estimate.seconds if progress.eta_s is None else progress.eta_s
    if left is not None:
        lines.append(f"about {words.duration(left)} left")
    if progress.queue_position is not None:
        lines.append(f"place {progress.queue_position} in your queue for this model")
    return lines


def _asked(job: Job) -> list[tuple[str, str]]:
    stated = job.spec.params.stated()
    texts = {
        name: f"{value:,}"
        if isinstance(value, int)
        else plain(value)
        if isinstance(value, float)
        else value
        for name, value in stated.items()
    }
    return [("model", job.spec.model.id), *texts.items()]


def _refresh_s(estimate: Expected) -> int:
    left = estimate.job.progress.eta_s or estimate.seconds or 0.0
    return min(max(math.ceil(left / 4), 2), 15)
