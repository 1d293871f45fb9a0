"""What the web process can be told from outside, read once, at its start."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.access.authenticator import KeysMode
from app.errors import InvalidSetting, UnknownSetting
from app.webhooks.allow import AllowList
from jobs.connection import supported_url
from model_store.registry import BUNDLED

PREFIX = "APP_"
MEBIBYTE = 1024 * 1024
LATEST_S = 1e11
"""Some three thousand years: a deadline must be a date."""


class AppSettings(BaseSettings):
    """Settings of one web process.

    A field is read from the variable of its name with `APP_` before it; `redis_url`,
    `model_store_dir` and `dmae_secret` are shared with other processes and have no prefix.

    Attributes:
        redis_url: Server for jobs and queue.
        model_store_dir: Directory with one folder a model.
        dmae_secret: Secret that noise is derived from; None keeps one in Redis.
        default_model: Model of requests that name none; None takes the store's first.
        max_upload_bytes: Longest image file.
        max_image_side: Longest side of an image, in pixels.
        max_image_pixels: Most pixels of an image.
        min_image_side: Shortest side of an image, in pixels.
        max_draws: Largest `n` and `n0` a request may ask for.
        backlog_limit_draws: Queued draws of a model from which on new jobs are refused.
        backlog_limit_jobs: Live jobs of a model from which on new jobs are refused.
        job_deadline_s: A job that is not finished this long after its submission expires.
        max_wait_s: Longest that a request waits for its job.
        body_timeout_s: Longest that a request's body may take to arrive.
        max_held_bytes: Most bytes of bodies, but for evaluations, that are held at a time.
        decode_threads: Images that are decoded at the same time.
        max_evaluation_bytes: Longest body of an evaluation, and most bytes that its archive may
            unpack to.
        max_evaluation_images: Most images of an evaluation.
        max_evaluation_draws: Most draws that all images of an evaluation may take together.
        max_evaluations: Most evaluations of one caller that are under way.
        evaluation_room_bytes: Most bytes of images of all evaluations that wait for their turn.
        evaluation_deadline_s: An evaluation that has not ended this long after its submission
            expires.
        evaluation_body_timeout_s: Longest that the body of an evaluation may take to arrive.
        allowed_hosts: Names in the Host header that are served; "*" for all, "*.example.com" for
            all below a domain. Comma-separated in the environment.
        keys: Who needs an API key: "auto" (nobody on this machine until the first is made, then
            everybody), "required" (everybody), "off" (nobody: for a network that is trusted).
        signing_keys_dir: Directory of the keys that certificates are signed with; None signs none.
        issuer: How the service names itself in certificates; None for not at all.
        webhook_allow: Receivers of messages about jobs, as `[http://]host[:port]`; none turn them
            off. Comma-separated in the environment.
        security_contact: Whom to tell of a vulnerability, as a URI; None serves no security.txt.
        metrics_open: Whether /metrics is shown to everyone, not to admins alone.
        drain_s: Seconds for which the process, asked to stop, answers on while it is not ready.
        log_level: Of the process's log.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    model_store_dir: Path = Field(default=BUNDLED, validation_alias="MODEL_STORE_DIR")
    dmae_secret: SecretStr | None = Field(
        default=None, min_length=32, validation_alias="DMAE_SECRET"
    )
    default_model: str | None = None
    max_upload_bytes: int = Field(default=32 * MEBIBYTE, ge=1)
    max_image_side: int = Field(default=10_000, ge=1)
    max_image_pixels: int = Field(default=32 * MEBIBYTE, ge=1)
    min_image_side: int = Field(default=8, ge=1)
    max_draws: int = Field(default=1_000_000, ge=1)
    backlog_limit_draws: int = Field(default=5_000_000, ge=1)
    backlog_limit_jobs: int = Field(default=1_000, ge=1)
    job_deadline_s: float = Field(default=86_400, gt=0, le=LATEST_S)
    max_wait_s: float = Field(default=60, ge=0, allow_inf_nan=False)
    body_timeout_s: float = Field(default=30, gt=0)
    max_held_bytes: int = Field(default=128 * MEBIBYTE, ge=1)
    decode_threads: int = Field(default=2, ge=1)
    max_evaluation_bytes: int = Field(default=128 * MEBIBYTE, ge=1)
    max_evaluation_images: int = Field(default=500, ge=1, le=10_000)
    max_evaluation_draws: int = Field(default=100_000_000, ge=1)
    max_evaluations: int = Field(default=8, ge=1)
    evaluation_room_bytes: int = Field(default=512 * MEBIBYTE, ge=1)
    evaluation_deadline_s: float = Field(default=604_800, gt=0, le=LATEST_S)
    evaluation_body_timeout_s: float = Field(default=300, gt=0)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("localhost", "127.0.0.1", "[::1]")
    keys: KeysMode = "auto"
    signing_keys_dir: Path | None = None
    issuer: str | None = Field(default=None, min_length=1, max_length=1_000)
    webhook_allow: Annotated[tuple[str, ...], NoDecode] = ()
    security_contact: str | None = Field(
        default=None, pattern=r"^(https://|mailto:|tel:)[!-~]+$", max_length=1_000
    )
    metrics_open: bool = False
    drain_s: float = Field(default=0, ge=0, le=60)
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("redis_url")
    @classmethod
    def _leads_to_one_server(cls, value: str) -> str:
        return supported_url(value)

    @field_validator("allowed_hosts", "webhook_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(host.strip().lower() for host in value.split(",") if host.strip())

    @field_validator("webhook_allow")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        AllowList.parse(value)
        return value


def settings_from_environment(known: Mapping[str, Any] | None = None) -> AppSettings:
    """The settings that the environment asks for.

    Args:
        known: Fields that come before it.

    Raises:
        UnknownSetting: A variable starts with `APP_` and is no setting, which a misspelt one is.
        InvalidSetting: A value is of the wrong type or out of range.
    """
    refuse_unknown(os.environ)
    try:
        return AppSettings(**known or {})
    except ValidationError as error:
        raise InvalidSetting(
            "; ".join(
                f"{_variable(str(fault['loc'][0]))}: {fault['msg']}" for fault in error.errors()
            )
        ) from None


def refuse_unknown(names: Iterable[str]) -> None:
    """Raises UnknownSetting for the first name with the prefix that is no setting."""
    known = variable_names()
    for name in names:
        if name.startswith(PREFIX) and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise UnknownSetting(name, nearest=nearest[0])


def variable_names() -> list[str]:
    """Every environment variable that is a setting of this process."""
    return [_variable(name) for name in AppSettings.model_fields]


def _variable(name: str) -> str:
    field = AppSettings.model_fields.get(name)
    return name if field is None else str(field.validation_alias or PREFIX + name.upper())
