"""Figures of answers: how many of each status, and how long they took."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from bench.load_client import BROKEN, Answer


def milliseconds(answers: Sequence[Answer], percentile: float) -> float:
    """Time of an answer that so many per cent did not exceed."""
    return float(np.percentile([1e3 * answer.seconds for answer in answers], percentile))


def failures(answers: Iterable[Answer]) -> int:
    """Answers that are the service's fault: 5xx but 503 with Retry-After, and none at all."""
    return sum(
        answer.status == BROKEN or (answer.status >= 500 and not refuses(answer))
        for answer in answers
    )


def refuses(answer: Answer) -> bool:
    """Whether it is a refusal as it should be: 429 or 503 that says when to come again."""
    return answer.status in {429, 503} and (answer.retry_after or "").isdecimal()


def statuses(answers: Iterable[Answer]) -> str:
    """How many of each status, in words."""
    counts = Counter(answer.status for answer in answers)
    named = {status: "no answer" if status == BROKEN else str(status) for status in counts}
    return ", ".join(f"{counts[status]:,} x {named[status]}" for status in sorted(counts))
