"""The jobs of evaluations, submitted a few at a time while there is room for more.

Whoever comes first submits: the request that began the evaluation, one that reads it, or the task
that each web process runs. Each job has the id that its image gives it, so a process may die
between any two steps, and another one goes on without doing anything twice.
"""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from app import certifications
from app.access.errors import OverQuota
from app.certify_form import CertifyForm
from app.errors import BadImage, IdempotencyConflict, InvalidRequest, QueueFull
from app.evaluations.intake import refusal_of
from app.new_job import Naming
from app.parameters import CertifyRequest
from app.services import Services
from jobs import evaluations, keys, store
from jobs.caller import Caller
from jobs.errors import JobNotFound, StoreUnavailable
from jobs.evaluation_record import EvaluationSpec, ItemError
from model_store.card import ModelCard
from model_store.errors import ModelStoreError

logger = logging.getLogger(__name__)

WINDOW = 64
"""Jobs of one evaluation that are live at a time: as many as share a model's workers."""

AT_ONCE = 16
IDLE_S = 1.0
BUSY_S = 0.05
SHARE = 0.5
"""Of a caller's quota and of the queue, what evaluations may fill: single images still pass."""


async def submit_all(services: Services) -> None:
    """Submits the jobs of all evaluations as there is room, for ever."""
    while True:
        placed = 0
        try:
            for evaluation_id in await services.runner.run(evaluations.live()):
                placed += await _try_to_submit(services, evaluation_id)
        except StoreUnavailable:
            logger.debug("evaluations wait for the store")
        except Exception:  # the edge of a background task, which must not end
            logger.exception("evaluations could not go on")
        await asyncio.sleep(BUSY_S if placed else IDLE_S)


async def _try_to_submit(services: Services, evaluation_id: str) -> int:
    try:
        return await submit_some(services, evaluation_id)
    except StoreUnavailable:
        raise
    except Exception:  # one that cannot go on must not hold up those behind it
        logger.exception("an evaluation could not go on", extra={"evaluation_id": evaluation_id})
        return 0


async def submit_some(services: Services, evaluation_id: str) -> int:
    """Submits the next few jobs of an evaluation; how many images got one, or will get none.

    Raises:
        StoreUnavailable: Redis is away; what was submitted is not submitted again.
    """
    claimer = keys.new_job_id()
    turn = await services.runner.run(
        evaluations.take(
            evaluation_id, claimer=claimer, window=WINDOW, most=AT_ONCE, now=time.time()
        )
    )
    if turn is None:
        return 0
    submitter = _Submitter(services, turn.spec)
    done = 0
    try:
        for index in turn.indices:
            if not await submitter.settle(index):
                break
            done += 1
    finally:
        let_go = evaluations.let_go(evaluation_id, claimer=claimer, now=time.time())
        await services.runner.run(let_go)
    return done


@dataclass(slots=True)
class _Submitter:
    """Submits jobs of one evaluation."""

    services: Services
    spec: EvaluationSpec

    async def settle(self, index: int) -> bool:
        """Gives an image its job, or says why it gets none; False when it has to wait."""
        try:
            card = self._card()
            if not await self._fits(card):
                return False
            return await self._submit(index, card)
        except (QueueFull, OverQuota):
            return False
        except BadImage as error:
            await self._refuse(index, *refusal_of(error))
        except (InvalidRequest, ModelStoreError) as error:
            await self._refuse(index, "model-changed", str(error))
        except StoreUnavailable:
            raise
        except Exception:
            logger.exception("an image could not be submitted")
            await self._refuse(index, "internal-error", "an unexpected error; it was logged")
        return True

    def _card(self) -> ModelCard:
        card = self.services.registry.get(self.spec.model.id)
        if keys.model_ref(card) != self.spec.model:
            raise ModelStoreError(f"{card.id} is another model than when this was asked")
        return card

    async def _fits(self, card: ModelCard) -> bool:
        ahead = store.ahead(
            card.id,
            tenant=self.spec.caller.tenant,
            planned=self.spec.draws_each,
            now=time.time(),
        )
        waiting, settings = await self.services.runner.run(ahead), self.services.settings
        draws_fit = waiting.draws <= SHARE * settings.backlog_limit_draws
        jobs_fit = waiting.jobs + 1 <= SHARE * settings.backlog_limit_jobs
        return waiting.jobs == 0 or (draws_fit and jobs_fit)

    async def _submit(self, index: int, card: ModelCard) -> bool:
        run = self.services.runner.run
        image = await run(evaluations.image(self.spec.id, index))
        if image is None:  # another process was faster, or else it is lost
            await self._refuse(index, "image-lost", "the image is no longer kept")
            return True
        job_id = evaluations.child_id(self.spec.id, index)
        request = CertifyRequest(image=image, card=card, form=_form(self.spec), limits={})
        naming = Naming(job_id=job_id, group=self.spec.id)
        caller = _sharing(self.spec.caller, self.spec.draws_each)
        try:
            accepted = await certifications.submit(request, self.services, caller, naming)
            found = accepted.expected.job.spec.id
        except (IdempotencyConflict, JobNotFound):  # it was submitted, and deleted since
            found = job_id
        placed = evaluations.placed(
            self.spec.id, index, job_id=found, own=found == job_id, now=time.time()
        )
        if not await run(placed) and found == job_id:
            await self._erase(job_id)
        return True

    async def _erase(self, job_id: str) -> None:
        """Nobody waits for it: the evaluation ended while it was submitted."""
        delete = store.delete(job_id, tenant=self.spec.caller.tenant, now=time.time())
        with suppress(JobNotFound):
            await self.services.runner.run(delete)

    async def _refuse(self, index: int, code: str, message: str) -> None:
        error = ItemError(code=code, message=message)
        refused = evaluations.refused(self.spec.id, index, error=error, now=time.time())
        await self.services.runner.run(refused)


def _form(spec: EvaluationSpec) -> CertifyForm:
    asked = {**asdict(spec.params), "model": spec.model.id, "priority": "batch"}
    return CertifyForm.model_validate(asked)


def _sharing(caller: Caller, draws_each: int) -> Caller:
    """The caller with a part of its quota; the whole was one request, so none is counted here."""
    quota = caller.quota
    return replace(
        caller,
        quota=replace(
            quota,
            live_jobs=_part(quota.live_jobs, 1),
            draws_queued=_part(quota.draws_queued, draws_each),
            requests_per_minute=None,
        ),
    )


def _part(limit: int | None, at_least: int) -> int | None:
    return None if limit is None else min(max(int(SHARE * limit), at_least), limit)
