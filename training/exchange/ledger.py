"""Facts with where they are from: stated, found in a file, assumed; or missing, and asked for."""

from typing import TypeVar, cast

from training.errors import BadConfig

T = TypeVar("T")

# Longer tuples, such as the labels of ImageNet, are shown by their ends.
LONG = 3


class Ledger:
    """Collects what is known and where it is from, and what has to be asked for.

    Attributes:
        lines: One for each known fact, for the user to read.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._missing: list[str] = []

    def settle(
        self,
        option: str,
        stated: T | None,
        *,
        found: T | None = None,
        assumed: T | None = None,
        ask: str = "",
    ) -> T:
        """The stated value, that of the file's args, or the assumed one.

        Where there is none it is noted as missing, and `demand` has to be called before the
        result is used.

        Args:
            option: Name of the fact and, after two dashes, of the option that states it.
            stated: What the user says.
            found: What the file says.
            assumed: What holds where nobody says anything.
            ask: What the user is asked for.

        Raises:
            BadConfig: The stated value contradicts the file.
        """
        if stated is not None and found is not None and stated != found:
            raise BadConfig(
                f"the file's args say {option} {_shown(found)}, --{option} says {_shown(stated)}"
            )
        sources = ((stated, "as stated"), (found, "from the file's args"), (assumed, "assumed"))
        for value, source in sources:
            if value is not None:
                self.lines.append(f"{option} {_shown(value)}: {source}")
                return value
        self._missing.append(f"--{option} ({ask})")
        return cast(T, None)

    def demand(self) -> None:
        """Asks for all that is missing at once.

        Raises:
            BadConfig: Names the options.
        """
        if self._missing:
            raise BadConfig(
                f"the file does not say these, so state them: {'; '.join(self._missing)}"
            )


def _shown(value: object) -> str:
    if isinstance(value, tuple) and len(value) > LONG:
        return f"{len(value)} ({value[0]}, {value[1]}, ..., {value[-1]})"
    return str(value)
