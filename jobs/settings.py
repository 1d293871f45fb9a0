"""Where traces go, as OpenTelemetry's own variables say; every process reads them alike."""

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class TracingSettings(BaseSettings):
    """What decides whether a process traces at all; the exporter reads the rest by itself.

    Attributes:
        endpoint: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT.
        service_name: OTEL_SERVICE_NAME.
        disabled: OTEL_SDK_DISABLED.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    endpoint: str = Field(
        default="",
        validation_alias=AliasChoices(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
        ),
    )
    service_name: str | None = Field(default=None, validation_alias="OTEL_SERVICE_NAME")
    disabled: bool = Field(default=False, validation_alias="OTEL_SDK_DISABLED")
