"""A certificate in words, for a terminal."""

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from app.certificates.words import with_labels
from app.client import Client, ClientError
from app.commands.common import WIDTH, folded
from smoothing.digits import plain, unrounded


def known_labels(client: Client, certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes; none where the service or the model has gone: numbers do as well."""
    with suppress(ClientError):
        return client.model(certificate["model"]["id"]).labels
    return ()


def describe(certificate: Mapping[str, Any], labels: Sequence[str] = ()) -> str:
    """What a certificate says.

    Args:
        certificate: The certificate document.
        labels: Names of the classes, where they are known; their numbers are shown otherwise.
    """
    rows = [*_body(certificate, labels), ("votes", _votes(certificate, labels))]
    rows += [("model", _model(certificate))]
    width = max(len(name) for name, _ in rows)
    lines = [
        textwrap.fill(
            value,
            WIDTH,
            initial_indent=f"  {name:<{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_on_hyphens=False,
        )
        for name, value in rows
    ]
    return "\n".join([_headline(certificate), *lines, "", folded(certificate["statement"])])


def _headline(certificate: Mapping[str, Any]) -> str:
    mode, predicted = certificate["mode"], certificate["predicted"]
    if predicted is None:
        if mode == "decide":
            return f"no: a radius of {unrounded(certificate['radius_asked'])} was not shown"
        return f"abstained: no class can be {'told' if mode == 'predict' else 'certified'}"
    how = "heuristically " if certificate["numerics"] == "fast" else ""
    if mode == "predict":
        return f"{how}predicted {predicted['label']!r}, without a radius"
    yes = "yes: " if mode == "decide" else ""
    radius = unrounded(certificate["radius"])
    return f"{yes}{how}certified {predicted['label']!r} within L2 radius {radius}"


def _body(certificate: Mapping[str, Any], labels: Sequence[str]) -> list[tuple[str, str]]:
    if certificate["predicted"] is None:
        return [("why", with_labels(certificate["abstention"]["explanation"], labels))]
    return [] if certificate["mode"] == "predict" else _certified(certificate)


def _certified(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    width, height = certificate["image"]["original_size"]
    radius, radius_255 = certificate["radius"], certificate["radius_255"]
    original, ceiling = certificate["radius_original"], certificate["radius_ceiling"]
    upload = f"{original:.6f}, over the {width} x {height} pixels of the uploaded picture (0..1)"
    most = f"{ceiling:.6f} is the most that n = {certificate['n']:,} draws can show"
    early = certificate["stop_reason"] == "interim"
    return [
        (
            "radius",
            f"{unrounded(radius)} with pixels in 0..1, {unrounded(radius_255)} in 0..255",
        ),
        ("in the upload", upload),
        ("ceiling", most),
        *([("read early", "more draws may show a larger radius")] if early else []),
    ]


def _votes(certificate: Mapping[str, Any], labels: Sequence[str]) -> str:
    def name(key: str) -> str:
        known = key.isdecimal() and int(key) < len(labels)
        return labels[int(key)] if known else key

    counts: Mapping[str, Mapping[str, int]] = certificate["counts"]
    votes = counts.get("estimation") or counts.get("selection") or {}
    ranked = sorted(votes.items(), key=lambda vote: -vote[1])
    shown = ", ".join(f"{name(key)} {count:,}" for key, count in ranked[:4])
    more = f", {len(ranked) - 4} more classes" if len(ranked) > 4 else ""
    sigma = plain(certificate["sigma"])
    return f"{shown}{more} of {sum(votes.values()):,}, under noise of sigma {sigma}"


def _model(certificate: Mapping[str, Any]) -> str:
    seconds, speed = certificate["duration_s"], certificate["draws_per_s"]
    return f"{certificate['model']['id']}, {seconds:.1f} s at {speed:,.0f} draws/s"
