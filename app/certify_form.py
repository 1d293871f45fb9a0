"""The text fields of a request for a certificate."""

from pydantic import BaseModel, ConfigDict, Field

from jobs.record import Priority
from smoothing.params import DEFAULT_N0, MAX_ALPHA, MAX_SIGMA, MIN_ALPHA, Bound, Mode, Numerics
from smoothing.ranges import DEFAULT_PRECISION

DEFAULT_MODE: Mode = "adaptive"


class CertifyForm(BaseModel):
    """The text fields of a request for a certificate.

    Ranges that depend on other fields are left to `SmoothingParams`.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    sigma: float = Field(
        gt=0,
        le=MAX_SIGMA,
        description="Standard deviation of the noise, in units of a [0, 1] pixel; one of the "
        "model's `sigmas`.",
        examples=[0.25],
    )
    model: str | None = Field(
        None, description="Id of a model, see `GET /models`; the default model if not given."
    )
    mode: Mode = Field(
        DEFAULT_MODE,
        description="`adaptive`: class and radius, with as few draws as the precision takes. "
        "`fixed`: class and radius with exactly n draws, comparable with the literature (Cohen et "
        "al., CERTIFY). `decide`: is the radius at least `radius`? `anytime`: the best radius so "
        "far, at any moment. `predict`: the class of this image alone, without a radius.",
    )
    n: int | None = Field(
        None,
        ge=1,
        description="Draws that answer: exactly so many for `fixed` and `predict`, at most so many "
        "else. If not given: at most 100,000; for `predict` 1,000; for `fixed` 10,000 where the "
        "model's workers need at most two minutes for that, else 1,000.",
        examples=[100_000],
    )
    n0: int = Field(DEFAULT_N0, ge=1, description="Draws that select the class, for `fixed`.")
    alpha: float = Field(
        0.001, ge=MIN_ALPHA, le=MAX_ALPHA, description="Probability that the certificate is wrong."
    )
    precision: float | None = Field(
        None,
        description="The share of the radius of n draws that may be lost, for `adaptive`; "
        f"{DEFAULT_PRECISION} if not given.",
        examples=[DEFAULT_PRECISION],
        json_schema_extra={"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    )
    radius: float | None = Field(
        None,
        description="The L2 radius that is asked about, in units of a [0, 1] pixel: for `decide`, "
        "which needs it.",
        examples=[0.125],
        json_schema_extra={"exclusiveMinimum": 0},
    )
    bound: Bound = Field(
        "top",
        description="For `fixed` and `adaptive`. `top` bounds the class's probability, and takes "
        "the rest for the runner-up's; `runner-up` bounds that too, for a radius that is often "
        "larger.",
    )
    family_size: int = Field(
        1,
        ge=1,
        description="Certificates of a set that are to hold together, except with probability "
        "alpha: each of them gets alpha / family_size.",
    )
    numerics: Numerics = Field(
        "sound", description="`sound` noise pays for its rounding; `fast` is heuristic."
    )
    priority: Priority = Field(
        "normal",
        description="Which of your own jobs come first; it changes nothing else, and nobody "
        "else's turn.",
    )
    webhook_url: str | None = Field(
        None,
        description="Where to post to when the job has ended; only receivers on the service's list "
        "(APP_WEBHOOK_ALLOW).",
        examples=["https://hooks.example.com/certificates"],
    )
    webhook_events: str | None = Field(
        None,
        description="Which ends to tell of, comma-separated; all if not given.",
        examples=["job.succeeded,job.failed"],
    )


NO_PARAMETERS = frozenset({"model", "priority", "webhook_url", "webhook_events"})
"""Fields that say nothing of what is computed for an image."""
