"""Procedures: pure state machines that turn votes into more draws, or into a certificate.

One a mode: `fixed`, `adaptive`, `decide`, `anytime`, `predict`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from smoothing.certificate import Certificate
from smoothing.errors import InvalidCounts, InvalidParams
from smoothing.params import Mode, SmoothingParams
from smoothing.procedures.adaptive import AdaptiveProcedure
from smoothing.procedures.anytime import AnytimeProcedure
from smoothing.procedures.decide import DecideProcedure
from smoothing.procedures.fixed import FixedProcedure
from smoothing.procedures.predict import PredictProcedure
from smoothing.procedures.protocol import DrawMore, Procedure
from smoothing.votes import Tally

__all__ = [
    "AdaptiveProcedure",
    "AnytimeProcedure",
    "DecideProcedure",
    "DrawMore",
    "FixedProcedure",
    "Opening",
    "PredictProcedure",
    "Procedure",
    "opening",
    "procedure_for",
    "replay",
]

_PROCEDURES: Mapping[Mode, Callable[..., Procedure]] = {
    "fixed": FixedProcedure,
    "adaptive": AdaptiveProcedure,
    "decide": DecideProcedure,
    "anytime": AnytimeProcedure,
    "predict": PredictProcedure,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known of a run before its first draw.

    Attributes:
        first: The draws that it asks for.
        draws_planned: How many it takes, or in most modes at most.
    """

    first: DrawMore
    draws_planned: int


@lru_cache(maxsize=256)
def opening(params: SmoothingParams, num_classes: int) -> Opening:
    """What a procedure says before it has seen any votes; of most requests the same.

    Raises:
        InvalidParams: `num_classes` is less than 2.
    """
    procedure = procedure_for(params, num_classes)
    first = procedure.step({})
    if not isinstance(first, DrawMore):
        raise TypeError("a procedure must ask for draws before it has seen any")
    return Opening(first=first, draws_planned=procedure.draws_planned({}))


def procedure_for(params: SmoothingParams, num_classes: int) -> Procedure:
    """The procedure of a mode: the only place that tells modes apart.

    Raises:
        InvalidParams: `num_classes` is less than 2, where there is nothing to certify.
    """
    if num_classes < 2:
        message = f"num_classes must be at least 2, got {num_classes}"
        raise InvalidParams(message, field="num_classes")
    return _PROCEDURES[params.mode](params=params, num_classes=num_classes)


def replay(params: SmoothingParams, num_classes: int, tally: Tally) -> Certificate:
    """The certificate that a tally proves, however it came about: how a certificate is verified.

    Args:
        params: What it claims to be made with.
        num_classes: The number of classes that were voted on.
        tally: All its votes.

    Raises:
        InvalidCounts: No run of the procedure ends with this tally.
        InvalidParams: `num_classes` is less than 2.
    """
    procedure = procedure_for(params, num_classes)
    answer = procedure.step(tally)
    proved = procedure.interim(tally) if isinstance(answer, DrawMore) else answer
    if proved is None:
        raise InvalidCounts(f"votes are missing: the next would be {answer}")
    return proved
