"""Why a message is not sent, or did not arrive.

WebhookError
+-- InvalidAllowEntry   an entry of APP_WEBHOOK_ALLOW that cannot be read; at start only
+-- TargetRefused       a URL that messages may not go to; `.limit` says to which they may
+-- DeliveryFailed      the receiver could not be reached, or did not answer with 2xx
+-- WebhooksOff         this service sends no webhooks
+-- DeliveryNotFound    the job or evaluation has no delivery of this number
"""

from app.errors import AppError, Limit


class WebhookError(AppError):
    """Root of this package's errors."""


class InvalidAllowEntry(WebhookError, ValueError):
    """An entry of the allow-list that cannot be read."""

    def __init__(self, entry: str, reason: str) -> None:
        super().__init__(f"{entry!r} {reason}")


class TargetRefused(WebhookError):
    """A URL that messages may not go to.

    Attributes:
        limit: The rule it broke, as an error names it.
    """

    def __init__(self, detail: str, *, limit: Limit) -> None:
        self.limit = limit
        super().__init__(detail)


class DeliveryFailed(WebhookError):
    """One attempt failed.

    Attributes:
        reason: Stable code: "refused", "unresolved", "unreachable", "timeout" or "status".
        status: What the receiver answered, where it did.
        final: Whether trying again is of no use.
    """

    def __init__(
        self, detail: str, *, reason: str, status: int | None = None, final: bool = False
    ) -> None:
        self.reason = reason
        self.status = status
        self.final = final
        super().__init__(detail)


class WebhooksOff(WebhookError):
    """APP_WEBHOOK_ALLOW names nobody."""

    def __init__(self) -> None:
        super().__init__("this service sends no webhooks: APP_WEBHOOK_ALLOW is not set")


class DeliveryNotFound(WebhookError):
    """The job or evaluation has no delivery of this number."""

    def __init__(self, ended: str, number: int) -> None:
        super().__init__(f"of {ended} there is no delivery {number}")
