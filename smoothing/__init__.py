"""Randomized smoothing: from votes under noise to a certified radius.

This surface loads no torch. Noise and sampling are in `smoothing.noise` and
`smoothing.sampler`.
"""

from smoothing.bounds import (
    certified_radius,
    leading_by_chance,
    lower_confidence_bound,
    upper_confidence_bound,
)
from smoothing.certificate import AbstentionReason, Certificate, StopReason
from smoothing.errors import InvalidCounts, InvalidParams, SmoothingError, UnsoundClassifier
from smoothing.limits import MAX_DRAWS, Method
from smoothing.params import TOTAL_VARIATION, Bound, Mode, Numerics, SmoothingParams
from smoothing.procedures import DrawMore, FixedProcedure, Procedure, procedure_for, replay
from smoothing.sequential import sequential_lower_bound
from smoothing.votes import Phase, Tally, Votes

__all__ = [
    "MAX_DRAWS",
    "TOTAL_VARIATION",
    "AbstentionReason",
    "Bound",
    "Certificate",
    "DrawMore",
    "FixedProcedure",
    "InvalidCounts",
    "InvalidParams",
    "Method",
    "Mode",
    "Numerics",
    "Phase",
    "Procedure",
    "SmoothingError",
    "SmoothingParams",
    "StopReason",
    "Tally",
    "UnsoundClassifier",
    "Votes",
    "certified_radius",
    "leading_by_chance",
    "lower_confidence_bound",
    "procedure_for",
    "replay",
    "sequential_lower_bound",
    "upper_confidence_bound",
]
