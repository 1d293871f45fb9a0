"""What the service tells those who run it: figures for Prometheus, spans for OpenTelemetry."""
