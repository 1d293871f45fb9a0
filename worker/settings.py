"""What a worker reads from its environment."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.connection import supported_url
from model_store.registry import BUNDLED, Registry

PREFIX = "WORKER_"


class UnknownSetting(Exception):
    """The environment has a WORKER_ name that means nothing."""


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dmae"


class WorkerSettings(BaseSettings):
    """Settings of one worker process; each WORKER_ name is a field in capitals.

    Attributes:
        redis_url: REDIS_URL. redis://, rediss://, unix:// or redis+socket://.
        model_store_dir: MODEL_STORE_DIR. Where the models are.
        models: Ids to serve, separated by commas; all of the store where empty.
        threads: Chunks taken on at once; they wait for batches, so many cost little.
        device: "auto" is the first CUDA device, else the CPU.
        runtime: What runs the models; "auto" is the fastest that computes the card's function.
        torch_threads: CPU threads of all that is computed; torch's own choice where empty.
        streams: Batches computed at once; measured where empty.
        batch_size: Rows of a batch; measured where empty.
        warm_up_s: Seconds to measure for.
        cache_dir: Folder that keeps what was measured.
        stuck_s: The process ends when one batch takes longer; its supervisor starts another.
        max_rss_mb: The process ends, its chunks finished, when it holds more MiB of memory; any
            amount where empty.
        patience_s: Seconds for which votes are kept while Redis is away.
        log_level: Of all loggers.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0", validation_alias=AliasChoices("redis_url", "REDIS_URL")
    )
    model_store_dir: Path = Field(
        default=BUNDLED, validation_alias=AliasChoices("model_store_dir", "MODEL_STORE_DIR")
    )
    models: Annotated[tuple[str, ...], NoDecode] = ()
    threads: int = Field(default=8, ge=1, le=64)
    device: str = "auto"
    runtime: Literal["auto", "eager", "compiled", "cuda", "openvino"] = "auto"
    torch_threads: int | None = Field(default=None, ge=1)
    streams: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    warm_up_s: float = Field(default=2, gt=0, le=60)
    cache_dir: Path = Field(default_factory=_user_cache)
    stuck_s: float = Field(default=60, gt=0)
    max_rss_mb: int | None = Field(default=None, ge=1)
    patience_s: float = Field(default=30, ge=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("redis_url")
    @classmethod
    def _leads_to_one_server(cls, value: str) -> str:
        return supported_url(value)

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    def model_ids(self) -> tuple[str, ...]:
        """The models to serve."""
        return self.models or Registry(self.model_store_dir).ids()


def load_settings() -> WorkerSettings:
    """The settings of this process.

    Raises:
        UnknownSetting: A misspelt name would silently leave a default in place.
    """
    known = {f"{PREFIX}{name.upper()}" for name in WorkerSettings.model_fields}
    known -= {f"{PREFIX}REDIS_URL", f"{PREFIX}MODEL_STORE_DIR"}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise UnknownSetting(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return WorkerSettings()
