"""The votes behind a table: one JSON line an image, from which every radius follows again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smoothing import (
    Certificate,
    InvalidCounts,
    InvalidParams,
    Phase,
    SmoothingParams,
    Votes,
    replay,
)
from training.evaluation.table import ABSTAINED, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an image's certificate rests on.

    Attributes:
        idx: Index in the data set's order.
        selected: The class that the bound is about; None where every selection draw was invalid.
        p_lower: Confidence bound on its probability, before numerics are paid for.
        selection: Votes that selected the class.
        estimation: Votes that the bound is from.
        runtime: What ran the model; "" in older files.
        image_sha256: Of the image's file or pixels; "" in older files.
    """

    idx: int
    selected: int | None
    p_lower: float
    selection: Votes
    estimation: Votes
    runtime: str = ""
    image_sha256: str = ""

    @property
    def draws(self) -> int:
        """All draws, of both phases."""
        return self.selection.total + self.estimation.total

    @classmethod
    def of(
        cls, idx: int, certificate: Certificate, *, runtime: str = "", image_sha256: str = ""
    ) -> "Counts":
        """The counts of a certificate."""
        none = Votes.none(max(len(votes.counts) for votes in certificate.tally.values()))
        return cls(
            idx=idx,
            selected=certificate.selected,
            p_lower=certificate.p_lower,
            selection=certificate.tally.get(Phase.SELECTION, none),
            estimation=certificate.tally.get(Phase.ESTIMATION, none),
            runtime=runtime,
            image_sha256=image_sha256,
        )

    def line(self) -> str:
        """The counts as JSON, without the newline; votes only where there are any."""
        return json.dumps(
            {
                "idx": self.idx,
                "num_classes": len(self.selection.counts),
                "n0": self.selection.total,
                "n": self.estimation.total,
                "invalid": self.selection.invalid + self.estimation.invalid,
                "selected": self.selected,
                "p_lower": self.p_lower,
                "selection": self.selection.sparse(),
                "estimation": self.estimation.sparse(),
                **({"runtime": self.runtime} if self.runtime else {}),
                **({"image_sha256": self.image_sha256} if self.image_sha256 else {}),
            }
        )


def parse_counts(line: str) -> Counts:
    """The counts in a line.

    Raises:
        ValueError: The line is not whole, or its totals are not those of its votes.
    """
    try:
        record: Mapping[str, Any] = json.loads(line)
        classes = record["num_classes"]
        counts = Counts(
            idx=record["idx"],
            selected=record["selected"],
            p_lower=record["p_lower"],
            selection=Votes.from_sparse(record["selection"], classes),
            estimation=Votes.from_sparse(record["estimation"], classes),
            runtime=record.get("runtime", ""),
            image_sha256=record.get("image_sha256", ""),
        )
        told = (record["n0"], record["n"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the counts of an image: {error!r}") from error
    totals = (counts.selection.total, counts.estimation.total)
    if told != totals:
        raise ValueError(f"n0 and n are told as {told}, the votes add up to {totals}")
    return counts


def certified_again(counts: Counts, params: SmoothingParams) -> Certificate:
    """The certificate that these votes give, at the alpha and sigma of the parameters.

    Another alpha is fair as long as it was not chosen by looking at these votes.

    Raises:
        ValueError: The votes are not those of a whole run with these parameters.
    """
    tally = {Phase.SELECTION: counts.selection, Phase.ESTIMATION: counts.estimation}
    try:
        return replay(params, len(counts.selection.counts), tally)
    except (InvalidCounts, InvalidParams) as error:
        raise ValueError(f"image {counts.idx}: {error}") from error


def row_of(idx: int, label: int, certificate: Certificate, seconds: float) -> Row:
    """The table's row of a certificate."""
    predicted = ABSTAINED if certificate.predicted is None else certificate.predicted
    return Row(
        idx=idx,
        label=label,
        predict=predicted,
        radius=certificate.radius,
        correct=predicted == label,
        time_s=seconds,
    )
