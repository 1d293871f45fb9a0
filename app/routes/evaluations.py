"""/evaluations: labelled images in; certified accuracy, a table and a plot out."""

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from app.access.caller import CallerOf, caller_of
from app.evaluations.admission import draws_per_s
from app.evaluations.documentation import EXAMPLE, LOCATION, SVG, TSV, evaluation_body
from app.evaluations.figures import answers_of, figures_of
from app.evaluations.intake import begin
from app.evaluations.plot import plot
from app.evaluations.reading import wait_for_evaluation
from app.evaluations.schemas import EvaluationBody, EvaluationsBody, EvaluationSummaryBody
from app.evaluations.submission import submit_some
from app.evaluations.table import table
from app.openapi import problems
from app.openapi_parts import APPLIED, ETAG, IDEMPOTENCY_KEY, LINK, REPLAYED, RETRY_AFTER
from app.pacing import poll_after_s
from app.routes.answers import (
    Cursor,
    Prefer,
    ServicesOf,
    etag,
    following,
    has_news,
    json_answer,
    names_tag,
    page_answer,
    prefix_of,
)
from app.routes.own_evaluation import EvaluationId, checked_evaluation_id, own_evaluation
from app.services import Services
from app.waiting import preferred_wait, while_connected
from jobs import evaluations
from jobs.caller import Caller
from jobs.evaluation_record import Evaluation

router = APIRouter(prefix="/evaluations", tags=["evaluations"])
LARGEST_PAGE = 50

Wait = Annotated[
    float,
    Query(
        ge=0,
        allow_inf_nan=False,
        description="Seconds to hold the answer back until the evaluation has ended, or, with "
        "If-None-Match, until it has changed. Cut to the service's limit.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The ETag of an earlier answer; 304 if the evaluation is as it was.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Most evaluations of a page.")]
_MISSING = ("evaluation-not-found", "evaluation-gone", "store-unavailable")
_JSON = {"application/json": {"example": EXAMPLE}}


@router.post(
    "",
    status_code=202,
    response_model=EvaluationBody,
    summary="Evaluate a model on labelled images",
    responses={
        202: {
            "description": "The evaluation is under way.",
            "headers": {
                "Location": LOCATION,
                "Retry-After": RETRY_AFTER,
                "ETag": ETAG,
                "Idempotency-Replayed": REPLAYED,
            },
            "content": _JSON,
        },
        **problems(
            "malformed-form",
            "cross-site-request",
            "model-not-found",
            "body-timeout",
            "evaluation-too-large",
            "unsupported-media-type",
            "invalid-parameter",
            "invalid-archive",
            "idempotency-conflict",
            "evaluation-gone",
            "over-quota",
            "too-many-evaluations",
            "evaluations-full",
            "store-unavailable",
        ),
    },
    openapi_extra={"requestBody": evaluation_body(), "parameters": [IDEMPOTENCY_KEY]},
)
async def post_evaluation(request: Request, services: ServicesOf, caller: CallerOf) -> Response:
    """One certificate an image, and what they say together: certified accuracy by radius.

    Send a zip with a folder for each class, or `image` and `label` parts by turns. A folder or
    label is a label of the model or the number of a class. An image that cannot be read, or whose
    label is unknown, is an item with an error; the others go on. Jobs are submitted as there is
    room, behind your single images; nothing is lost if the service stops meanwhile.
    """
    services.refusals.check(caller)
    begun = await begin(request, services, caller)
    answer = await _answer(request, services, caller, begun.evaluation_id, status=202)
    answer.headers["Location"] = f"{prefix_of(request)}/evaluations/{begun.evaluation_id}"
    if begun.replayed:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


@router.get(
    "",
    response_model=EvaluationsBody,
    summary="One's own evaluations, newest first",
    responses={
        200: {"headers": {"Link": LINK}},
        **problems("invalid-parameter", "store-unavailable"),
    },
)
async def list_evaluations(
    request: Request,
    services: ServicesOf,
    caller: CallerOf,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Response:
    """A page of evaluations without their images; `next`, and the header `Link`, name the next."""
    page, next_cursor = await services.runner.run(
        evaluations.list_evaluations(caller.tenant, now=time.time(), cursor=cursor, limit=limit)
    )
    prefix = prefix_of(request)
    speeds = {
        model: await draws_per_s(services, model) for model in {each.spec.model.id for each in page}
    }
    bodies = [
        EvaluationSummaryBody.summary(each, draws_per_s=speeds[each.spec.model.id], prefix=prefix)
        for each in page
    ]
    path = following(request, "/evaluations", next_cursor, ("limit", limit))
    return page_answer(EvaluationsBody(evaluations=bodies, next=path))


@router.get(
    "/{evaluation_id}.tsv",
    summary="The table of an evaluation",
    response_class=Response,
    responses={200: TSV, **problems(*_MISSING)},
)
async def get_table(
    evaluation_id: EvaluationId, services: ServicesOf, caller: CallerOf
) -> Response:
    """The images that have a result so far, in the format of Cohen et al. (2019)."""
    evaluation = await own_evaluation(services, caller, evaluation_id)
    return Response(
        table(answers_of(evaluation)),
        media_type="text/tab-separated-values",
        headers={"Content-Disposition": f'attachment; filename="{evaluation_id}.tsv"'},
    )


@router.get(
    "/{evaluation_id}/plot.svg",
    summary="The curve of an evaluation",
    response_class=Response,
    responses={200: SVG, **problems(*_MISSING)},
)
async def get_plot(evaluation_id: EvaluationId, services: ServicesOf, caller: CallerOf) -> Response:
    """Certified accuracy by radius, of the images that have a result so far."""
    evaluation = await own_evaluation(services, caller, evaluation_id)
    spec = evaluation.spec
    picture = plot(
        figures_of(answers_of(evaluation), spec.params),
        spec.params,
        name=spec.name,
        model=spec.model.id,
        provisional=not evaluation.state.terminal,
    )
    return Response(picture, media_type="image/svg+xml")


@router.get(
    "/{evaluation_id}",
    response_model=EvaluationBody,
    summary="Where an evaluation stands",
    responses={
        200: {"headers": {"ETag": ETAG, "Preference-Applied": APPLIED}, "content": _JSON},
        304: {"description": "The evaluation is as it was.", "headers": {"ETag": ETAG}},
        **problems("invalid-parameter", *_MISSING),
    },
)
async def get_evaluation(
    request: Request,
    evaluation_id: EvaluationId,
    services: ServicesOf,
    caller: CallerOf,
    wait: Wait = 0,
    prefer: Prefer = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Figures and images; with a wait, as soon as there is something to say."""
    now = await own_evaluation(services, caller, evaluation_id, items=False)
    preferred = preferred_wait(prefer)
    seconds = min(max(wait, preferred or 0), services.settings.max_wait_s)
    headers = {} if preferred is None else {"Preference-Applied": f"wait={int(seconds)}"}
    if seconds > 0:
        enough = partial(has_news, if_none_match=if_none_match)
        waiting = wait_for_evaluation(services, now, seconds=seconds, enough=enough)
        now = await while_connected(waiting, request.receive)
        await caller_of(request)  # its key may have been revoked meanwhile
    if names_tag(if_none_match, etag(now.version)):
        return Response(
            status_code=304,
            headers={"ETag": etag(now.version), **headers},
            background=_going_on(services, now),
        )
    answer = await _answer(request, services, caller, evaluation_id)
    answer.headers.update(headers)
    return answer


@router.post(
    "/{evaluation_id}/cancel",
    response_model=EvaluationBody,
    summary="Cancel an evaluation",
    responses=problems("cross-site-request", "evaluation-already-finished", *_MISSING),
)
async def cancel_evaluation(
    request: Request, evaluation_id: EvaluationId, services: ServicesOf, caller: CallerOf
) -> Response:
    """Stops all its jobs; what they had found by then stays. Again, it changes nothing."""
    cancel = evaluations.cancel(
        checked_evaluation_id(evaluation_id), tenant=caller.tenant, now=time.time()
    )
    await services.runner.run(cancel)
    return await _answer(request, services, caller, evaluation_id)


@router.delete(
    "/{evaluation_id}",
    status_code=204,
    summary="Erase an evaluation",
    responses=problems("cross-site-request", *_MISSING),
)
async def delete_evaluation(
    evaluation_id: EvaluationId, services: ServicesOf, caller: CallerOf
) -> Response:
    """Erases it, its images and its jobs now, and cancels what runs."""
    delete = evaluations.delete(
        checked_evaluation_id(evaluation_id), tenant=caller.tenant, now=time.time()
    )
    await services.runner.run(delete)
    return Response(status_code=204)


async def _answer(
    request: Request, services: Services, caller: Caller, evaluation_id: str, *, status: int = 200
) -> Response:
    evaluation = await own_evaluation(services, caller, evaluation_id)
    speed = await draws_per_s(services, evaluation.spec.model.id)
    body = EvaluationBody.of(evaluation, draws_per_s=speed, prefix=prefix_of(request))
    answer = json_answer(body, status=status, headers={"ETag": etag(evaluation.version)})
    if not evaluation.state.terminal:
        answer.headers["Retry-After"] = str(poll_after_s(body.progress.eta_s))
    answer.background = _going_on(services, evaluation)
    return answer


def _going_on(services: Services, evaluation: Evaluation) -> BackgroundTask | None:
    """What is done once the answer is on its way: whoever looks at an evaluation moves it on."""
    if evaluation.num_pending == 0:
        return None
    return BackgroundTask(submit_some, services, evaluation.spec.id)
