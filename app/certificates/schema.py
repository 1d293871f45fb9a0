"""The shape of a certificate document: strictly what the service writes, of all versions."""

from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from jobs.record import ImageRef
from model_store.card import MAX_LABEL_LENGTH
from smoothing.certificate import AbstentionReason, StopReason
from smoothing.limits import MAX_DRAWS, Method
from smoothing.params import Bound, Numerics

SCHEMA_PATH = "/schemas/certificate.json"
MAX_CLASSES = 100_000
MAX_SIDE = 8_192

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Draws = Annotated[int, Field(ge=1, le=MAX_DRAWS)]
_Radius = Annotated[float, Field(ge=0, description="L2, in units of a [0, 1] pixel.")]
_Probability = Annotated[float, Field(ge=0, le=1)]
_Side = Annotated[int, Field(ge=1, le=1_000_000)]
_Winner = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5}|invalid)$")]
_Words = Annotated[str, Field(min_length=1, max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Predicted(_Strict):
    """The class that is claimed."""

    index: int = Field(ge=0, lt=MAX_CLASSES)
    label: str = Field(max_length=MAX_LABEL_LENGTH)


class Abstention(_Strict):
    """Why no class is claimed."""

    reason: AbstentionReason
    explanation: _Words


class Image(_Strict):
    """The image: the upload, and the tensor that the claim is about."""

    upload_sha256: _Digest = Field(description="Of the uploaded file, byte for byte.")
    tensor_sha256: _Digest = Field(
        description='Of the text "float32 little-endian (3, S, S)", a newline, and the certified '
        "tensor's bytes."
    )
    shape: list[Annotated[int, Field(ge=1, le=MAX_SIDE)]] = Field(min_length=3, max_length=3)
    original_size: list[_Side] = Field(min_length=2, max_length=2)
    spectral_norm: float = Field(gt=1e-9, description="The most that preprocessing stretches.")
    rounding_slack: float = Field(ge=0, lt=1e9)
    preprocessing: dict[str, str | int | float | bool | list[int] | None]

    def ref(self) -> ImageRef:
        """The same, as a job has it."""
        channels, height, width = self.shape
        return ImageRef(
            upload_sha256=self.upload_sha256,
            tensor_sha256=self.tensor_sha256,
            shape=(channels, height, width),
            original_size=(self.original_size[0], self.original_size[1]),
            spectral_norm=self.spectral_norm,
            rounding_slack=self.rounding_slack,
            preprocessing=dict(self.preprocessing),
        )


class Model(_Strict):
    """The base classifier, and what ran it."""

    id: str = Field(min_length=1, max_length=100)
    weights_sha256: _Digest
    function_sha256: _Digest
    num_classes: int = Field(ge=2, le=MAX_CLASSES)
    precision: _Words
    runtime: _Words


class Noise(_Strict):
    """How the noise was made."""

    scheme: _Words
    commitment: _Digest = Field(description="SHA-256 of the secret key of the noise.")
    total_variation: _Probability


class Signature(_Strict):
    """A JWS whose payload is the canonical JSON (RFC 8785) of all other members."""

    protected: str = Field(description="The header, base64url: alg, kid and typ.")
    signature: str = Field(description="Ed25519, base64url.")


class Document(_Strict):
    """What every certificate says; each mode adds its parameters."""

    schema_version: Literal[1, 2, 3]
    verdict: Literal["certified", "not_certified", "predicted", "abstained"]
    decision: Literal["yes", "no"] | None
    predicted: Predicted | None
    radius: _Radius
    radius_255: float = Field(ge=0, description="The radius in units of a 0..255 pixel.")
    radius_original: _Radius = Field(
        description="For the pixels of the upload; over one channel where that is grey."
    )
    radius_ceiling: _Radius = Field(description="The most that these parameters could have given.")
    radius_linf: float = Field(ge=0, description="What the radius implies for the largest change.")
    l0_pixels: int = Field(ge=0, description="Pixels that may change by up to 1 in every channel.")
    p_lower: _Probability
    p_runner_up_upper: _Probability | None
    counts: dict[Literal["selection", "estimation"], dict[_Winner, _Draws]]
    sigma: float = Field(gt=0)
    alpha: float = Field(gt=0, lt=1)
    numerics: Numerics
    n: _Draws
    family_size: int = Field(default=1, ge=2)
    method: Method
    stop_reason: StopReason
    abstention: Abstention | None
    image: Image
    model: Model
    noise: Noise
    statement: _Words
    issued_at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
    duration_s: float = Field(gt=0)
    draws_per_s: float = Field(ge=0)
    versions: dict[str, str]
    attempts: int = Field(
        default=0,
        ge=1,
        description="Different questions that the service had been asked about this image and "
        "model, this one included; at least so many: up to 1,000, and none before a break of 30 "
        "days.",
    )
    issuer: str = Field(default="", min_length=1, max_length=1_000)

    @model_validator(mode="after")
    def _of_its_version(self) -> Self:
        if self.schema_version == 1 and self.model_fields_set & {"attempts", "issuer"}:
            raise ValueError("schema 1 has neither attempts nor issuer")
        if self.schema_version > 1 and "attempts" not in self.model_fields_set:
            raise ValueError("attempts is missing")
        return self


class Fixed(Document):
    """Mode fixed."""

    mode: Literal["fixed"]
    n0: _Draws
    bound: Bound


class Adaptive(Document):
    """Mode adaptive."""

    mode: Literal["adaptive"]
    bound: Bound
    precision: float = Field(gt=0, lt=1)


class Decide(Document):
    """Mode decide."""

    mode: Literal["decide"]
    radius_asked: float = Field(gt=0)


class Anytime(Document):
    """Mode anytime."""

    mode: Literal["anytime"]


class Predict(Document):
    """Mode predict."""

    mode: Literal["predict"]


AnyDocument = Annotated[Fixed | Adaptive | Decide | Anytime | Predict, Field(discriminator="mode")]
DOCUMENTS: TypeAdapter[Fixed | Adaptive | Decide | Anytime | Predict] = TypeAdapter(AnyDocument)


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a certificate document, signed or not."""
    schema = DOCUMENTS.json_schema()
    definitions = schema["$defs"]
    definitions["Signature"] = Signature.model_json_schema()
    for name in ("Fixed", "Adaptive", "Decide", "Anytime", "Predict"):
        document = definitions[name]
        votes = document["properties"]["counts"]["additionalProperties"]
        votes["additionalProperties"] = False  # beside the names that its patterns allow
        document["properties"]["signature"] = {"$ref": "#/$defs/Signature"}
        for optional in ("family_size", "attempts", "issuer"):
            document["properties"][optional].pop("default", None)
        document["if"] = {"properties": {"schema_version": {"const": 1}}}
        document["then"] = {"properties": {"attempts": False, "issuer": False}}
        document["else"] = {"required": ["attempts"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_PATH,
        "title": "Certificate of a smoothed classifier",
        **schema,
    }
