"""docs/settings.md and the code name the same settings, with the same defaults."""

import re
from pathlib import Path

from app.settings import PREFIX as APP
from app.settings import AppSettings, variable_names
from worker.settings import PREFIX as WORKER
from worker.settings import WorkerSettings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE))
SHARED = {
    "REDIS_URL",
    "MODEL_STORE_DIR",
    "DMAE_SECRET",
    "DMAE_STATE_DIR",
    "DMAE_URL",
    "DMAE_API_KEY",
}


def test_every_setting_is_documented_and_nothing_else() -> None:
    of_workers = {f"{WORKER}{name.upper()}" for name in WorkerSettings.model_fields}
    of_workers -= {f"{WORKER}{name}" for name in SHARED}

    assert set(ROWS) == set(variable_names()) | of_workers | SHARED


def test_the_documented_numbers_are_the_defaults() -> None:
    numbers = {name: value for name, value in ROWS.items() if re.fullmatch(r"[\d.]+", value)}
    prefixes = {APP: AppSettings, WORKER: WorkerSettings}

    defaults = {
        f"{prefix}{name.upper()}": float(field.default)
        for prefix, settings in prefixes.items()
        for name, field in settings.model_fields.items()
        if isinstance(field.default, int | float) and not isinstance(field.default, bool)
    }
    assert {name: float(value) for name, value in numbers.items()} == defaults
