"""FastAPI's own spans, where traces are asked for."""

from collections.abc import Set as AbstractSet

from fastapi.telemetry import TelemetryConfig

from jobs.spans import Tracing


def fastapi_telemetry(tracing: Tracing, *, but_for: AbstractSet[str]) -> TelemetryConfig:
    """What FastAPI records: one span a request, and never a body.

    Args:
        tracing: Of the process.
        but_for: Paths of probes and scrapes.
    """
    return {
        "tracing": tracing.provider is not None,
        "tracer_provider": tracing.provider,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "exclude": lambda scope: scope.get("path") in but_for,
    }
