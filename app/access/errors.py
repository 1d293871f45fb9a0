"""Why somebody may not do what they ask for.

AccessError
+-- KeyNeeded        no API key, where one is needed
+-- KeyRefused       a key that was never made, or was revoked, or has expired
+-- TooManyGuesses   so many wrong keys that no more are looked at
+-- ScopeMissing     a key that may do other things
+-- OverQuota        more than this caller may have at once
"""

from collections.abc import Mapping

from app.errors import AppError, FieldError
from jobs.caller import Scope


def _challenge(*fault: str) -> dict[str, str]:
    return {"WWW-Authenticate": ", ".join(['Bearer realm="dmae-certify"', *fault])}


class AccessError(AppError):
    """Root of this room's errors."""


class KeyNeeded(AccessError):
    """No API key, where one is needed."""

    headers = _challenge()

    def __init__(self) -> None:
        super().__init__(
            "send an API key as `Authorization: Bearer dmae_...` or `X-API-Key: dmae_...`; "
            "`dmae keys create --name NAME`, where the service runs, makes one"
        )


class KeyRefused(AccessError):
    """A key that opens nothing. Why is not said: that would help to guess."""

    headers = _challenge('error="invalid_token"')

    def __init__(self) -> None:
        super().__init__("this API key was never made, or was revoked, or has expired")


class TooManyGuesses(AccessError):
    """So many wrong keys came from one address that no more are looked at for a while.

    Args:
        limit: Wrong keys a minute.
        retry_after_s: When they are again.
    """

    def __init__(self, *, limit: int, retry_after_s: int) -> None:
        self.errors = (
            FieldError(
                field="Authorization",
                value=None,
                detail="too many wrong API keys came from this address",
                limit={"wrong_keys_per_minute": limit},
            ),
        )
        self.retry_after_s = retry_after_s
        super().__init__(
            f"over {limit} wrong API keys a minute from this address; "
            f"try again in {retry_after_s} s"
        )


class ScopeMissing(AccessError):
    """The key may do other things.

    Args:
        scope: What it would take.
        has: What it may do.
    """

    def __init__(self, scope: Scope, *, has: frozenset[Scope]) -> None:
        self.headers = _challenge('error="insufficient_scope"', f'scope="{scope}"')
        held = ", ".join(sorted(has)) or "none"
        super().__init__(f"this needs the scope {scope!r}; the key has: {held}")


class OverQuota(AccessError):
    """More than this caller may have.

    Args:
        limit: The part of the quota that is used up, by its name there.
        allowed: How much of it there is.
        retry_after_s: When a request like this one should fit; None if it never will.
        headers: Limits and what is left of them, for the answer.
    """

    def __init__(
        self,
        *,
        limit: str,
        allowed: float,
        retry_after_s: int | None,
        headers: Mapping[str, str],
    ) -> None:
        when = "no waiting helps" if retry_after_s is None else f"try again in {retry_after_s} s"
        detail = f"your quota of {limit} is {allowed:,.0f}, which this exceeds; {when}"
        field = "n" if limit.startswith("draws") else "body"
        self.errors = (FieldError(field=field, value=None, detail=detail, limit={limit: allowed}),)
        self.retry_after_s = retry_after_s
        self.headers = headers
        super().__init__(detail)
