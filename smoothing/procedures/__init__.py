"""Procedures: pure state machines that turn votes into more draws, or into a certificate.

One a mode: `fixed`, `adaptive`, `decide`, `anytime`, `predict`.
"""

from collections.abc import Callable, Mapping

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
    "PredictProcedure",
    "Procedure",
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
