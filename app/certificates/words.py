"""A certificate's figures, named for people who did not make it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smoothing import Votes
from smoothing.digits import plain, unrounded
from smoothing.votes import INVALID

SHOWN_CLASSES = 5

_METHODS = {
    "clopper_pearson": "Clopper-Pearson bound on the class, against all others together",
    "clopper_pearson_runner_up": "Clopper-Pearson bounds on the class and on the strongest rival",
    "truncated_mixture": "truncated-mixture bound, which may be read at any number of draws",
    "binomial_test": "two-sided binomial test of the two leading classes",
}
_STOPS = {
    "complete": "all planned draws were made",
    "hopeless": "the pilot left no radius worth more draws",
    "shown": "the radius was shown",
    "futile": "more draws were not expected to show the radius",
    "interim": "it was read before all draws were made, which this mode allows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of two columns.

    Attributes:
        title: Its heading.
        columns: Their names.
        rows: A name and a value each.
        digests: Whether the values are for machines.
    """

    title: str
    columns: tuple[str, str]
    rows: tuple[tuple[str, str], ...]
    digests: bool = False


def headline(document: dict[str, Any]) -> str:
    """The outcome in a line."""
    predicted = document["predicted"]
    if predicted is None:
        asked = document.get("radius_asked")
        if asked is None:
            return "No class could be certified"
        return f"Radius {plain(asked)} was not shown"
    label, heuristic = predicted["label"], document["numerics"] == "fast"
    if document["mode"] == "predict":
        verb = "Heuristically classified" if heuristic else "Classified"
        return f"{verb} {label!r}, without a radius"
    verb = "Heuristically certified" if heuristic else "Certified"
    return f"{verb} {label!r} within an L2 radius of {unrounded(document['radius'])}"


def with_labels(text: str, labels: Sequence[str]) -> str:
    """A text that names classes by number, with their labels instead, as far as they are known."""

    def label(found: re.Match[str]) -> str:
        index = int(found[1])
        return labels[index] if index < len(labels) else found[0]

    return re.sub(r"\bclass (\d+)", label, text)


def not_claimed(document: dict[str, Any]) -> list[str]:
    """What must not be read into it."""
    predicted = document["predicted"]
    lines = [
        "Anything about the model without the noise, or another noise level, model or precision.",
        "What a system answers that does not classify by the smoothed classifier itself.",
        "A statement about several certificates together, or about the best of several attempts.",
    ]
    if predicted is None:
        return ["That the image is easy to attack: it was not shown to be robust.", *lines]
    lines.insert(0, f"That {predicted['label']!r} is right: a wrong answer can be certified too.")
    if document["mode"] != "predict":
        lines.append(
            "Anything outside the ball: rotations, crops, patches or changes of what is shown."
        )
    return lines


def tables(document: dict[str, Any], labels: tuple[str, ...]) -> list[Table]:
    """The figures of a certificate.

    Args:
        document: The certificate.
        labels: Names of the classes, in order.
    """
    return [
        Table(title="Figures", columns=("Figure", "Value"), rows=tuple(_figures(document))),
        *(
            Table(
                title=f"Votes of the {phase} draws",
                columns=("Class", "Draws"),
                rows=tuple(_votes(sparse, labels)),
            )
            for phase, sparse in document["counts"].items()
            if sparse
        ),
        Table(
            title="What it was made of",
            columns=("Part", "Identified by"),
            rows=tuple(_parts(document)),
            digests=True,
        ),
    ]


def _figures(document: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("Mode", document["mode"]),
        ("Noise level (sigma), pixels in 0..1", plain(document["sigma"])),
        ("Probability of being wrong (alpha)", plain(document["alpha"])),
    ]
    if "family_size" in document:
        rows.append(("Certificates that share alpha", f"{document['family_size']:,}"))
    if document["predicted"] is not None and document["mode"] != "predict":
        rows += [
            ("Certified L2 radius, pixels in 0..1", unrounded(document["radius"])),
            ("The same, pixels in 0..255", repr(document["radius_255"])),
            ("For the pixels of the upload, in 0..1", f"{document['radius_original']:.6f}"),
            (
                "Largest change of all pixels at once that it covers, in 0..1",
                repr(document["radius_linf"]),
            ),
            ("Most that these parameters could show", f"{document['radius_ceiling']:.6f}"),
        ]
    if document["p_lower"]:
        rows.append(("Probability of the class under the noise, at least", _share(document)))
    if "attempts" in document:
        rows.append(
            ("Questions about this image and model by then, at least", f"{document['attempts']:,}")
        )
    return [
        *rows,
        ("Proof", _METHODS[document["method"]]),
        ("Draws ended because", _STOPS[document["stop_reason"]]),
    ]


def _share(document: dict[str, Any]) -> str:
    return f"{int(document['p_lower'] * 1e6) / 1e6:.6f}"


def _votes(sparse: dict[str, int], labels: tuple[str, ...]) -> list[tuple[str, str]]:
    votes = Votes.from_sparse(sparse, len(labels))
    order = sorted(range(len(labels)), key=lambda index: -votes.counts[index])
    shown = [index for index in order[:SHOWN_CLASSES] if votes.counts[index]]
    rows = [(labels[index], f"{votes.counts[index]:,}") for index in shown]
    rest = sum(votes.counts[index] for index in order[SHOWN_CLASSES:])
    if rest:
        rows.append(("all other classes", f"{rest:,}"))
    if INVALID in sparse:
        rows.append(("none, for the logits were not finite", f"{votes.invalid:,}"))
    return [*rows, ("together", f"{votes.total:,}")]


def _parts(document: dict[str, Any]) -> list[tuple[str, str]]:
    image, model, noise = document["image"], document["model"], document["noise"]
    width, height = image["original_size"]
    return [
        ("Upload (SHA-256)", image["upload_sha256"]),
        ("Size of the upload", f"{width} x {height} pixels"),
        ("Certified tensor (SHA-256)", image["tensor_sha256"]),
        ("Model", model["id"]),
        ("Weights (SHA-256)", model["weights_sha256"]),
        ("Precision and runtime", f"{model['precision']}; {model['runtime']}"),
        ("Noise", f"{document['numerics']}; {noise['scheme']}"),
        ("Commitment to the noise key (SHA-256)", noise["commitment"]),
    ]
