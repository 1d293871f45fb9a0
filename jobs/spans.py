"""What a process may record of what it does for a job; here nothing, see `jobs.otlp`."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

Attribute = str | int | float | bool
_NOTHING = nullcontext()


class Tracing:
    """The spans of one process: none.

    Attributes:
        provider: What makes spans, for libraries that trace; None where nothing is traced.
    """

    provider: "TracerProvider | None" = None

    def span(
        self,
        name: str,  # noqa: ARG002 - for those who trace
        traceparent: str | None,  # noqa: ARG002
        **attributes: Attribute,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """A span in the trace of a job; nothing where the job has none, or nothing is traced.

        Args:
            name: What is done.
            traceparent: Of the job.
            **attributes: What to say of it; nothing secret.
        """
        return _NOTHING

    def traceparent(self) -> str | None:
        """The trace context of what this task is doing, to be carried by a job."""
        return None

    def close(self) -> None:
        """Send what was recorded, and give up soon."""


NOT_TRACED = Tracing()
"""Of a process that traces nothing."""
