"""What the stack on one machine reads from its environment, once, at its start."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_store.registry import BUNDLED


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """Where the stack keeps things, and what it is given instead of starting it.

    Attributes:
        state_dir: DMAE_STATE_DIR, else `dmae` in the user's XDG state directory.
        runtime_dir: For a socket whose path would be too long in the state directory.
        model_store_dir: MODEL_STORE_DIR, else the models that come with the code.
        redis_url: REDIS_URL. A server to use instead of an own one; None starts one.
        signing_keys_dir: APP_SIGNING_KEYS_DIR; None for one in the state directory.
    """

    state_dir: Path
    runtime_dir: Path
    model_store_dir: Path
    redis_url: str | None
    signing_keys_dir: Path | None

    @property
    def signing_dir(self) -> Path:
        """Where the keys are that sign here."""
        return self.signing_keys_dir or self.state_dir / "signing"


def settings_from_environment(
    *, state_dir: Path | None = None, model_store_dir: Path | None = None
) -> EmbeddedSettings:
    """The settings that the environment asks for; arguments come before it.

    Paths are made absolute, since the parts of the stack run in another directory.
    """
    state = state_dir or os.environ.get("DMAE_STATE_DIR") or _of_the_user()
    signing = os.environ.get("APP_SIGNING_KEYS_DIR")
    models = model_store_dir or os.environ.get("MODEL_STORE_DIR") or BUNDLED
    return EmbeddedSettings(
        state_dir=Path(state).expanduser().absolute(),
        runtime_dir=Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()).absolute(),
        model_store_dir=Path(models).expanduser().absolute(),
        redis_url=os.environ.get("REDIS_URL") or None,
        signing_keys_dir=Path(signing).expanduser().absolute() if signing else None,
    )


def _of_the_user() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dmae"


def environment_with(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment for a child, with changes."""
    return {**os.environ, **changes}
