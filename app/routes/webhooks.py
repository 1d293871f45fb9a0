"""Webhooks: the secret that signs them, and what became of each message."""

import time
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.access.caller import CallerOf, require
from app.openapi import problems
from app.routes.answers import JobId, ServicesOf, json_answer, own_job
from app.routes.own_evaluation import EvaluationId, own_evaluation
from app.services import Services
from app.webhooks import secret
from app.webhooks.errors import DeliveryNotFound, WebhooksOff
from app.webhooks.schemas import DeliveriesBody, DeliveryBody, SecretBody
from app.webhooks.secret import Generation, valid_secrets
from jobs import deliveries
from jobs.caller import Caller

router = APIRouter(tags=["webhooks"])

Number = Annotated[int, Path(ge=1, le=10_000, description="Of the delivery, from 1.", examples=[1])]
Owner = Annotated[Caller, require("certify")]
"""Who may submit may also know what its messages are signed with."""

_AGAIN = ("webhooks-off", "cross-site-request", "delivery-not-found", "invalid-parameter")


@router.get(
    "/webhooks/secret",
    response_model=SecretBody,
    summary="What messages are signed with",
    responses=problems("webhooks-off"),
)
async def get_secret(caller: Owner, services: ServicesOf) -> Response:
    """Your secret, for a library of Standard Webhooks to verify messages with."""
    _require_webhooks(services)
    generation = await services.runner.run(secret.newest(caller.tenant))
    return json_answer(await _secret_body(generation, caller, services))


@router.post(
    "/webhooks/secret/rotate",
    response_model=SecretBody,
    summary="Renew the secret",
    responses=problems("webhooks-off", "cross-site-request"),
)
async def rotate_secret(caller: Owner, services: ServicesOf) -> Response:
    """A new secret. For 24 hours the one before it signs too; one before that no more."""
    _require_webhooks(services)
    generation = await services.runner.run(secret.rotate(caller.tenant, now=time.time()))
    return json_answer(await _secret_body(generation, caller, services))


@router.get(
    "/jobs/{job_id}/deliveries",
    response_model=DeliveriesBody,
    summary="What became of a job's messages",
    responses=problems("job-not-found", "job-gone"),
)
async def get_deliveries(job_id: JobId, caller: CallerOf, services: ServicesOf) -> Response:
    """Every message about the job, with its attempts, the latest hundred."""
    await own_job(services, caller, job_id)
    return await _deliveries(services, job_id)


@router.get(
    "/evaluations/{evaluation_id}/deliveries",
    response_model=DeliveriesBody,
    summary="What became of an evaluation's message",
    responses=problems("evaluation-not-found", "evaluation-gone"),
)
async def get_evaluation_deliveries(
    evaluation_id: EvaluationId, caller: CallerOf, services: ServicesOf
) -> Response:
    """The message about the evaluation, with its attempts, the latest hundred."""
    await own_evaluation(services, caller, evaluation_id, items=False)
    return await _deliveries(services, deliveries.of_evaluation(evaluation_id))


@router.post(
    "/jobs/{job_id}/deliveries/{number}/redeliver",
    status_code=202,
    response_model=DeliveryBody,
    summary="Deliver a message again",
    responses=problems("job-not-found", "job-gone", *_AGAIN),
)
async def redeliver(
    job_id: JobId, number: Number, caller: CallerOf, services: ServicesOf
) -> Response:
    """The same message under the same id, now, with as many attempts as a new one has."""
    _require_webhooks(services)
    await own_job(services, caller, job_id)
    return await _redelivered(services, job_id, number)


@router.post(
    "/evaluations/{evaluation_id}/deliveries/{number}/redeliver",
    status_code=202,
    response_model=DeliveryBody,
    summary="Deliver an evaluation's message again",
    responses=problems("evaluation-not-found", "evaluation-gone", *_AGAIN),
)
async def redeliver_of_evaluation(
    evaluation_id: EvaluationId, number: Number, caller: CallerOf, services: ServicesOf
) -> Response:
    """As for the message of a job."""
    _require_webhooks(services)
    await own_evaluation(services, caller, evaluation_id, items=False)
    return await _redelivered(services, deliveries.of_evaluation(evaluation_id), number)


async def _deliveries(services: Services, ended: str) -> Response:
    found = await services.runner.run(deliveries.read(ended))
    return json_answer(DeliveriesBody(deliveries=[DeliveryBody.of(each) for each in found]))


async def _redelivered(services: Services, ended: str, number: int) -> Response:
    await services.runner.run(deliveries.again(ended, number, now=time.time()))
    found = await services.runner.run(deliveries.read(ended))
    if number > len(found):
        raise DeliveryNotFound(ended, number)
    return json_answer(DeliveryBody.of(found[number - 1]), status=202)


def _require_webhooks(services: Services) -> None:
    if not services.receivers:
        raise WebhooksOff


async def _secret_body(generation: Generation, caller: Caller, services: Services) -> SecretBody:
    server = await services.secret.read()
    valid = valid_secrets(server, caller.tenant, generation, now=time.time())
    overlaps = len(valid) > 1
    return SecretBody.model_validate(
        {
            "secret": valid[0],
            "previous": valid[1] if overlaps else None,
            "previous_until": generation.previous_until if overlaps else None,
        }
    )
