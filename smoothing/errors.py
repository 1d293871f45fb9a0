"""Everything this package raises on purpose.

* SmoothingError
  - InvalidParams       a parameter outside the range the guarantee is proved for
  - InvalidCounts       vote counts that no run with these parameters can produce
  - UnsoundClassifier   a classifier for which the votes would not be independent

An abstention is none of these: it is a result.
"""


class SmoothingError(Exception):
    """Base class, so that a caller can catch all of them at its own edge."""


class InvalidParams(SmoothingError, ValueError):
    """A parameter lies outside the range for which the guarantee is proved.

    Attributes:
        field: Name of the parameter, such as "sigma", "n" or "alpha".
        nearest: The value nearest to the refused one that would do, where there is such a one.
    """

    def __init__(self, message: str, *, field: str, nearest: int | float | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.nearest = nearest


class InvalidCounts(SmoothingError, ValueError):
    """Vote counts that no run with these parameters can produce."""


class UnsoundClassifier(SmoothingError):
    """The rows of a batch influence each other, or the classifier is not what was declared."""
