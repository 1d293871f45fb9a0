"""A job's votes drawn again in this process, without queue, batcher or store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.chaos_jobs import SIGMA, Life
from jobs.keys import job_key, model_ref, request_digest, secret_from_text
from jobs.record import ImageRef
from model_store.card import ModelCard
from model_store.decoding import ImageLimits, decode
from model_store.preprocessing import prepare
from model_store.runtimes import Wishes, open_runtime
from smoothing import SmoothingParams
from smoothing.sampler import Sampler, certify

BATCH = 64
"""Of the workers too: beyond that, nothing of theirs is known here but the secret."""


class Redraw:
    """Answers requests as the service should.

    Args:
        card: Of the model.
        directory: Where its weights are.
        secret: The service's, as it is told in DMAE_SECRET.
    """

    def __init__(self, card: ModelCard, directory: Path, secret: str) -> None:
        self._card, self._secret = card, secret_from_text(secret)
        size = card.preprocessing.size
        self._shape = (3, size, size)
        wishes = Wishes(batch_size=BATCH, streams=1, name="eager", threads=1)
        self._sampler = Sampler(
            open_runtime(card, directory, wishes).runtime,
            num_classes=card.num_classes,
            input_shape=self._shape,
            batch_size=BATCH,
        )

    def difference(self, life: Life) -> str | None:
        """What is another in the certificate that a client got; None if nothing is."""
        assert life.certificate is not None  # noqa: S101 - asked of those alone
        served = life.certificate.document
        drawn = self._drawn(life.ask.image, _asked(life.ask.fields, served))
        for name, value in drawn.items():
            if served[name] != value:
                return f"{name}: {served[name]} served, {value} drawn"
        return None

    def _drawn(self, upload: bytes, asked: Mapping[str, Any]) -> dict[str, Any]:
        image = prepare(decode(upload, ImageLimits()), self._card.preprocessing)
        ref = ImageRef(
            upload_sha256="",
            tensor_sha256=image.sha256,
            shape=self._shape,
            original_size=image.original_size,
            spectral_norm=image.spectral_norm,
            rounding_slack=image.rounding_slack,
            preprocessing={},
        )
        params = SmoothingParams(sigma=SIGMA, **asked)
        digest = request_digest(model_ref(self._card), ref, params)
        key = job_key(self._secret, digest)
        certificate = certify(self._sampler, image.tensor, key=key, params=params)
        return {
            "counts": {phase.value: votes.sparse() for phase, votes in certificate.tally.items()},
            "p_lower": certificate.p_lower,
            "decision": certificate.decision,
        }


def _asked(fields: Mapping[str, Any], served: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked; of a job that was stopped, a question for just so many draws."""
    if served["stop_reason"] != "interim":
        return dict(fields)
    return {**fields, "n": sum(served["counts"]["estimation"].values())}
