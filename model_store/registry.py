"""The models in a directory: one folder each, with a card and the weights beside it."""

from pathlib import Path

from model_store.card import ModelCard, is_model_id, load_card
from model_store.errors import CardInvalid, ModelNotFound

BUNDLED = Path(__file__).parent / "models"
"""The store that comes with the code."""

CARD_FILE = "card.json"


class Registry:
    """A store of models on disk. Nothing is read until it is asked for.

    Cards are kept after the first reading and read again when their file changes.

    Args:
        root: Directory of the store.
        default_id: The model to use where none is named; the alphabetically first if not given.
    """

    def __init__(self, root: Path = BUNDLED, *, default_id: str | None = None) -> None:
        self._root = root
        self._default_id = default_id
        self._cards: dict[str, tuple[tuple[int, int], ModelCard]] = {}

    def ids(self) -> tuple[str, ...]:
        """Ids of the folders that have a card, in alphabetical order; () if there is no store."""
        return tuple(
            sorted(
                card.parent.name
                for card in self._root.glob(f"*/{CARD_FILE}")
                if is_model_id(card.parent.name)
            )
        )

    def get(self, model: str) -> ModelCard:
        """The card of a model.

        Raises:
            ModelNotFound: No such model; also for anything that is not an id, such as a path.
            CardInvalid: Its card breaks the schema, or is the card of another id.
        """
        path = self.path(model) / CARD_FILE
        try:
            status = path.stat()
        except OSError as error:
            raise ModelNotFound(model, self.ids()) from error
        version = (status.st_mtime_ns, status.st_size)
        kept = self._cards.get(model)
        if kept is None or kept[0] != version:
            kept = (version, _load_own_card(path))
            self._cards[model] = kept
        return kept[1]

    def default(self) -> ModelCard:
        """The card of the model to use where none is named.

        Raises:
            ModelNotFound: The store is empty, or does not have the named default.
            CardInvalid: Its card breaks the schema.
        """
        if self._default_id is not None:
            return self.get(self._default_id)
        ids = self.ids()
        if not ids:
            raise ModelNotFound(None, ids)
        return self.get(ids[0])

    def path(self, model: str) -> Path:
        """Directory of a model: its card and its weights.

        Raises:
            ModelNotFound: `model` is not an id, or names no folder with a card.
        """
        directory = self._root / model if is_model_id(model) else None
        if directory is None or not (directory / CARD_FILE).is_file():
            raise ModelNotFound(model, self.ids())
        return directory


def _load_own_card(path: Path) -> ModelCard:
    card = load_card(path)
    if card.id != path.parent.name:
        raise CardInvalid(
            f"must be the name of its folder, {path.parent.name!r}, got {card.id!r}",
            field="id",
            file=path,
        )
    return card
