"""Spans that are sent by OTLP; needs the extra `telemetry`. See `jobs.tracing`."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobs.spans import Attribute, Tracing

QUERY = "url.query"
FLUSH_S = 2.0
"""Longest that the end of a process waits for its last spans to be taken."""


class _WithoutQueries(SpanProcessor):
    """Leaves out what a request's query says: the address of a webhook may hold a secret."""

    def on_start(
        self,
        span: Span,
        parent_context: Context | None = None,  # noqa: ARG002 - as is asked for
    ) -> None:
        """Before anything else hears of the span."""
        if QUERY in (span.attributes or {}):
            span.set_attribute(QUERY, "REDACTED")


class OtlpTracing(Tracing):
    """The spans of one process, sent in batches by a thread to where OTEL_EXPORTER_OTLP_* say.

    Args:
        service: Name of the process among others.
    """

    def __init__(self, service: str) -> None:
        # At the end of the process it would wait for a receiver that is away.
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(_WithoutQueries())
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.provider = self._provider
        self._tracer = self._provider.get_tracer("dmae")
        self._context = TraceContextTextMapPropagator()

    def span(
        self, name: str, traceparent: str | None, **attributes: Attribute
    ) -> AbstractContextManager[None]:
        """A span in the trace of a job, if it has one."""
        if traceparent is None:
            return super().span(name, traceparent)
        return self._span(name, traceparent, attributes)

    @contextmanager
    def _span(
        self, name: str, traceparent: str, attributes: dict[str, Attribute]
    ) -> Generator[None]:
        parent = self._context.extract({"traceparent": traceparent})
        with self._tracer.start_as_current_span(
            name, context=parent, kind=SpanKind.CONSUMER, attributes=attributes
        ):
            yield

    def traceparent(self) -> str | None:
        """The trace context of what this task is doing."""
        carrier: dict[str, str] = {}
        self._context.inject(carrier)
        return carrier.get("traceparent")

    def close(self) -> None:
        """Send what was recorded, and give up soon."""
        self._provider.force_flush(int(1000 * FLUSH_S))
