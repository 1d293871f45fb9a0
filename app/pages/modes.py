"""The five questions, as people are asked to choose between them."""

from dataclasses import dataclass

from smoothing.params import Mode, SmoothingParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One mode, in words.

    Attributes:
        mode: Its name.
        title: What it answers.
        about: In a sentence.
        at_most: Whether n is the most that may be drawn, else exactly what is.
    """

    mode: Mode
    title: str
    about: str
    at_most: bool


QUESTIONS = (
    Question(
        mode="adaptive",
        title="Class and radius",
        about="A short pilot plans how many draws are worth it. Best for most images.",
        at_most=True,
    ),
    Question(
        mode="anytime",
        title="Best radius so far",
        about="A radius that holds at every moment and mostly grows. Stop it when you like.",
        at_most=True,
    ),
    Question(
        mode="decide",
        title="Is it at least r?",
        about="Name a radius. Draws end as soon as it is shown, or out of reach.",
        at_most=True,
    ),
    Question(
        mode="fixed",
        title="A fixed number of draws",
        about="Class and radius from exactly n draws, comparable with published figures.",
        at_most=False,
    ),
    Question(
        mode="predict",
        title="The class alone",
        about="The class of this very image, without a radius. The quickest.",
        at_most=False,
    ),
)
BY_MODE = {question.mode: question for question in QUESTIONS}

_OF_SOME_MODES = frozenset({"n0", "bound", "precision", "radius"})


def unread_by(mode: str) -> frozenset[str]:
    """The parameters that a mode would refuse; none where there is no such mode."""
    if mode not in BY_MODE:
        return frozenset()
    radius = 0.1 if mode == "decide" else None
    read = SmoothingParams(sigma=1.0, mode=BY_MODE[mode].mode, radius=radius).stated()
    return _OF_SOME_MODES.difference(read)
