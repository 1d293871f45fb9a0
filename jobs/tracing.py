"""Spans from the request to the certificate, by OpenTelemetry where it is asked for.

A job carries the W3C trace context of the request that made it, so that what workers do for it is
part of the same trace. Without an endpoint in the environment nothing is loaded or recorded.
"""

import logging

from jobs.settings import TracingSettings
from jobs.spans import Tracing

logger = logging.getLogger(__name__)


def start_tracing(service: str) -> Tracing:
    """What traces this process, as the OTEL_* variables ask.

    Args:
        service: Name of the process among others, unless OTEL_SERVICE_NAME says another.
    """
    settings = TracingSettings()
    if settings.disabled or not settings.endpoint:
        return Tracing()
    try:
        from jobs.otlp import OtlpTracing  # noqa: PLC0415 - an extra, which few install
    except ImportError:
        logger.warning("nothing is traced: OTEL_* is set, the extra `telemetry` is not installed")
        return Tracing()
    return OtlpTracing(settings.service_name or service)
