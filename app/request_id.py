"""The name of the request that is being answered, for its log lines and its problems."""

import re
import secrets
from contextvars import ContextVar

from jobs.logs import begin_concern

HEADER = b"x-request-id"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current_request_id() -> str | None:
    """The id of the request of this task; None outside of any."""
    return _current.get()


def begin_request(offered: str | None) -> str:
    """Names the current request: as its sender did, where that is safe to log, else afresh."""
    request_id = offered if offered and _SAFE.fullmatch(offered) else secrets.token_hex(16)
    _current.set(request_id)
    begin_concern(request_id=request_id)
    return request_id
