"""The table of an evaluation, tab-separated, in the format that the literature's tools read."""

from collections.abc import Sequence

from app.evaluations.figures import Answer
from smoothing.digits import unrounded

HEADER = "idx\tlabel\tpredict\tradius\tcorrect\ttime"
ABSTAINED = -1


def table(answers: Sequence[Answer]) -> str:
    """One row an image that has a certificate; -1 is an abstention.

    Source:
        The output of `certify.py` of Cohen et al. (2019), github.com/locuslab/smoothing.
    """
    return "".join(f"{line}\n" for line in (HEADER, *map(_row, answers)))


def _row(answer: Answer) -> str:
    result = answer.result
    predicted = ABSTAINED if result.predicted is None else result.predicted
    return (
        f"{answer.index}\t{answer.label}\t{predicted}\t{unrounded(result.radius)}\t"
        f"{int(answer.correct)}\t{_clock(result.seconds)}"
    )


def _clock(seconds: float) -> str:
    minutes, microseconds = divmod(round(seconds * 1e6), 60_000_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{microseconds / 1e6:09.6f}"
