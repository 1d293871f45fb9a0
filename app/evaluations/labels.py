"""From what an image is labelled with to the index of a class."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from app.errors import echo
from jobs.evaluation_record import ItemError

_NUMBER = re.compile(r"[0-9]{1,9}")


class Labels:
    """The classes of a model, by name and by number.

    Args:
        names: One per class, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(map(_composed, names))
        self._indices = {name: index for index, name in enumerate(self._names)}
        self._ambiguous = {name for name, count in Counter(self._names).items() if count > 1}
        self._known: dict[str, int | ItemError] = {}

    def index(self, text: str) -> int | ItemError:
        """The class of a name or a number; a name that is a number means the name.

        Names that several classes share do not tell which is meant; their numbers do.
        """
        if text not in self._known:  # what a wrong name may have meant takes milliseconds to find
            self._known[text] = self._look_up(_composed(text))
        return self._known[text]

    def _look_up(self, text: str) -> int | ItemError:
        if text in self._ambiguous:
            same = [str(index) for index, name in enumerate(self._names) if name == text]
            return _unknown(f"{text!r} is the name of classes {', '.join(same)}: give the number")
        if text in self._indices:
            return self._indices[text]
        if _NUMBER.fullmatch(text) and int(text) < len(self._names):
            return int(text)
        near = get_close_matches(text, self._names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        most = len(self._names) - 1
        return _unknown(f"{echo(text)!r} is no label of the model, nor a number up to {most}{hint}")


def _composed(name: str) -> str:
    """A name in one form: macOS packs a folder `Bär` with the dots behind the a."""
    return unicodedata.normalize("NFC", name)


def _unknown(message: str) -> ItemError:
    return ItemError(code="unknown-label", message=message)
