"""The models of the store, looked up on disk at most once a second."""

from collections.abc import Callable
from pathlib import Path

from model_store.card import ModelCard
from model_store.registry import Registry

FRESH_S = 1.0


class Catalogue(Registry):
    """A registry for many requests a second: what was there a moment ago is there.

    Args:
        root: Directory of the store.
        default_id: The model to use where none is named; the alphabetically first if not given.
        clock: Seconds.
    """

    def __init__(self, root: Path, *, default_id: str | None, clock: Callable[[], float]) -> None:
        super().__init__(root, default_id=default_id)
        self._clock = clock
        self._ids: tuple[float, tuple[str, ...]] | None = None
        self._recent: dict[str, tuple[float, ModelCard]] = {}

    def ids(self) -> tuple[str, ...]:
        """As of at most a second ago, see `Registry.ids`."""
        now = self._clock()
        if self._ids is None or now - self._ids[0] > FRESH_S:
            self._ids = (now, super().ids())
        return self._ids[1]

    def get(self, model: str) -> ModelCard:
        """As of at most a second ago, see `Registry.get`; what is missing is looked for again."""
        now = self._clock()
        kept = self._recent.get(model)
        if kept is None or now - kept[0] > FRESH_S:
            kept = self._recent[model] = (now, super().get(model))
        return kept[1]
