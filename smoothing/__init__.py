"""Randomized smoothing: from votes under noise to a certified radius.

This surface loads no torch. Noise and sampling are in `smoothing.noise` and
`smoothing.sampler`.
"""

from smoothing.bounds import (
    certified_radius,
    lower_confidence_bound,
    minimum_draws,
    radius_ceiling,
    upper_confidence_bound,
)
from smoothing.certificate import (
    MAX_DRAWS,
    TOTAL_VARIATION,
    AbstentionReason,
    Bound,
    Certificate,
    Mode,
    Numerics,
    Phase,
    SmoothingParams,
    Tally,
    Votes,
)
from smoothing.errors import InvalidCounts, InvalidParams, SmoothingError, UnsoundClassifier
from smoothing.procedures import DrawMore, FixedProcedure, Procedure, procedure_for

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
    "Mode",
    "Numerics",
    "Phase",
    "Procedure",
    "SmoothingError",
    "SmoothingParams",
    "Tally",
    "UnsoundClassifier",
    "Votes",
    "certified_radius",
    "lower_confidence_bound",
    "minimum_draws",
    "procedure_for",
    "radius_ceiling",
    "upper_confidence_bound",
]
