"""The receiver that a form names."""

from app.errors import FieldError, InvalidRequest, Limit, echo
from app.prompt_runner import PromptRunner
from app.webhooks.allow import AllowList
from app.webhooks.errors import TargetRefused, WebhooksOff
from app.webhooks.messages import EVENTS
from jobs import deliveries
from jobs.record import WebhookRef


def receiver_of(
    url: str | None,
    events: str | None,
    receivers: AllowList,
    *,
    known: tuple[str, ...] = EVENTS,
) -> WebhookRef | None:
    """The receiver of messages; None where nobody is named.

    Args:
        url: As sent.
        events: As sent, comma-separated; None for all.
        receivers: Who may be named.
        known: All events that there are.

    Raises:
        InvalidRequest: Nobody may be named, this one may not, or there is no such event.
    """
    if url is None:
        if events is not None:
            raise _invalid(
                "webhook_events", events, "needs webhook_url", limit={"supported": list(known)}
            )
        return None
    if not receivers:
        raise _invalid("webhook_url", url, str(WebhooksOff()))
    try:
        receivers.check(url)
    except TargetRefused as error:
        raise InvalidRequest(
            [FieldError(field="webhook_url", value=echo(url), detail=str(error), limit=error.limit)]
        ) from error
    return WebhookRef(url=url, events=_events(events, known))


async def add_receiver(
    runner: PromptRunner, job_id: str, *, tenant: str, receiver: WebhookRef
) -> None:
    """Tells a receiver too of a job that was there before.

    Args:
        runner: The job store.
        job_id: The job, which may have ended.
        tenant: Whose it is.
        receiver: Whom to tell.

    Raises:
        InvalidRequest: So many are told already that no more may be.
    """
    subscribed = await runner.run(deliveries.subscribe(job_id, tenant=tenant, webhook=receiver))
    if not subscribed:
        detail = f"job {job_id} has {deliveries.MAX_RECEIVERS} receivers already, or is gone"
        limit = {"max_receivers": deliveries.MAX_RECEIVERS}
        raise InvalidRequest(
            [FieldError(field="webhook_url", value=None, detail=detail, limit=limit)]
        )


def _events(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return known
    named = {name.strip() for name in text.split(",")}
    if not named <= set(known):
        detail = f"must be some of {', '.join(known)}"
        raise _invalid("webhook_events", text, detail, limit={"supported": list(known)})
    return tuple(event for event in known if event in named)


def _invalid(field: str, sent: str, detail: str, *, limit: Limit | None = None) -> InvalidRequest:
    return InvalidRequest([FieldError(field=field, value=echo(sent), detail=detail, limit=limit)])
