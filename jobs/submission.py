"""Submitting a job, and what is left of the caller's quota."""

import hashlib
import math
from typing import Any, cast

from jobs.answers import Allowance, Limit, Outcome, Submitted
from jobs.caller import Caller, Idempotency, Quota
from jobs.codec import dump_object, dump_spec
from jobs.command import Command, script
from jobs.keys import document_name, question_digest, subject
from jobs.record import JobSpec, WebhookRef
from jobs.view import decode
from smoothing.procedures import opening

MAX_BACKLOG_DRAWS = 20_000_000
MAX_BACKLOG_JOBS = 1_000

_DAY_S = 86_400
_MINUTE_S = 60


def submit(
    spec: JobSpec,
    *,
    caller: Caller,
    job_key: bytes,
    tensor: bytes,
    now: float,
    idempotency: Idempotency | None = None,
    draws_per_s: float = 1_000.0,
    max_backlog_draws: int = MAX_BACKLOG_DRAWS,
    max_backlog_jobs: int = MAX_BACKLOG_JOBS,
) -> Command[Submitted]:
    """Queue a job, unless its certificate is known, its twin is in flight, or it is refused.

    Only a job that is created costs draws; what was submitted before, under the same name or id,
    costs nothing at all. Sending the same command again changes nothing, and gives the same answer.

    Args:
        spec: What is asked; `spec.request_digest` must be that of its parts. Its id may be one
            that the client chose: another submission under it is a replay or a conflict, told
            apart by its payload where `idempotency` gives one, else by what is asked.
        caller: Who asks; of the same tenant.
        job_key: 32 bytes, see `keys.job_key`.
        tensor: The certified tensor, float32 little-endian, channels first.
        now: Current time.
        idempotency: The client's name for this submission; kept for a day.
        draws_per_s: Of all workers of the model together, to tell when to come again.
        max_backlog_draws: Refuse when the model's outstanding draws would exceed this, but not
            whom that would leave below an equal part of it.
        max_backlog_jobs: The same for the model's live jobs.

    Raises:
        ValueError: The spec is another tenant's.
    """
    if spec.tenant != caller.tenant:
        raise ValueError(f"a job of {spec.tenant!r} cannot be submitted by {caller.tenant!r}")
    begins = opening(spec.params, spec.model.num_classes)
    document = document_name(spec)
    asked: dict[str, str | int | float] = {
        "id": spec.id,
        "tenant": spec.tenant,
        "model": spec.model.id,
        "document": document,
        "key": job_key.hex(),
        "phase": begins.first.phase.value,
        "start": begins.first.start,
        "stop": begins.first.stop,
        "chunk": spec.chunk_size,
        "planned": begins.draws_planned,
        "most": max(begins.draws_planned, spec.params.n),
        "now": now,
        "deadline": spec.deadline_at,
        "priority": spec.priority,
        "webhook": _receiver(spec.webhook),
        "subject": subject(spec),
        "question": question_digest(spec),
        "idempotency": "" if idempotency is None else _short(idempotency.key),
        "payload": document if idempotency is None else idempotency.payload_sha256,
        "max_draws": max_backlog_draws,
        "max_jobs": max_backlog_jobs,
        **_limits(caller.quota),
    }
    return Command(
        call=script("submit", "quota"),
        # Few arguments: each costs the client as much as many bytes.
        args=(dump_object(asked), dump_spec(spec), tensor),
        parse=lambda answer: _submitted(answer, caller.quota, now=now, draws_per_s=draws_per_s),
    )


def usage(caller: Caller, *, now: float) -> Command[tuple[Allowance, ...]]:
    """The limits of a caller's quota, and what is left of each."""
    return Command(
        call=script("usage", "quota"),
        args=(caller.tenant, now),
        parse=lambda answer: _allowances(answer, caller.quota, now=now),
    )


def _receiver(webhook: WebhookRef | None) -> str:
    if webhook is None:
        return ""
    return dump_object({"url": webhook.url, "events": list(webhook.events)}).decode()


def _short(key: str) -> str:
    """A client's key at a length of our own."""
    return hashlib.sha256(key.encode()).hexdigest()


def _limits(quota: Quota) -> dict[str, str | int | float]:
    limits = {
        "live_jobs": quota.live_jobs,
        "draws_queued": quota.draws_queued,
        "draws_per_day": quota.draws_per_day,
        "per_minute": quota.requests_per_minute,
    }
    named = {name: "" if limit is None else limit for name, limit in limits.items()}
    return {**named, "weight": quota.weight}


def _submitted(answer: Any, quota: Quota, *, now: float, draws_per_s: float) -> Submitted:
    outcome, job_id, draws, limit, seconds, wait_draws, standing = answer
    told = cast(Outcome, decode(outcome))
    refused = told in ("over_quota", "full")
    wait = float(seconds)
    limited_by = cast(Limit, decode(limit)) if limit else None
    return Submitted(
        outcome=told,
        job_id=decode(job_id) or None,
        backlog_draws=int(draws),
        limit=limited_by,
        allowed=None if limited_by is None else getattr(quota, limited_by),
        retry_after_s=wait + float(wait_draws) / draws_per_s if refused and wait >= 0 else None,
        remaining=_allowances(standing, quota, now=now),
    )


def _allowances(standing: Any, quota: Quota, *, now: float) -> tuple[Allowance, ...]:
    jobs, draws, spent, metered = standing
    used: dict[Limit, float] = {"live_jobs": jobs, "draws_queued": draws, "draws_per_day": spent}
    told = [
        Allowance(
            limit=limit,
            allowed=allowed,
            remaining=max(allowed - used[limit], 0),
            reset_s=_DAY_S - now % _DAY_S if limit == "draws_per_day" else None,
        )
        for limit in used
        if (allowed := getattr(quota, limit)) is not None
    ]
    rate = quota.requests_per_minute
    if rate is not None:
        left = math.floor((_MINUTE_S - float(metered)) * rate / _MINUTE_S + 1e-6)
        told.append(
            Allowance(
                limit="requests_per_minute",
                allowed=rate,
                remaining=max(left, 0),
                reset_s=float(metered),
            )
        )
    return tuple(told)
