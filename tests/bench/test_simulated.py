"""Simulated certificates are those of the procedures, with a multinomial in the model's place."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench import simulated
from bench.simulated import (
    Chances,
    all_votes,
    estimated,
    kept_counts,
    outcome,
    read_counts,
    simulate,
)
from model_store.registry import Registry
from smoothing import SmoothingParams, Votes, replay
from training.evaluation.counts import Counts
from training.evaluation.table import HEADER, Row

SURE = Chances(label=1, votes=1, probabilities=np.array([0.02, 0.97, 0.01]))


@pytest.mark.parametrize(
    "params",
    [
        SmoothingParams(sigma=0.25, n=1_000),
        SmoothingParams(sigma=0.25, mode="adaptive", n=10_000),
        SmoothingParams(sigma=0.25, mode="decide", radius=0.125, n=10_000),
        SmoothingParams(sigma=0.25, mode="anytime", n=1_000),
    ],
    ids=lambda params: params.mode,
)
def test_a_simulated_certificate_is_what_its_votes_prove(params: SmoothingParams):
    certificate = simulate(params, SURE, np.random.default_rng(0))

    assert certificate.predicted == 1
    assert certificate == replay(params, 3, certificate.tally)


def test_votes_follow_the_probabilities():
    params = SmoothingParams(sigma=0.25, n0=1, n=100_000)

    votes = all_votes(simulate(params, SURE, np.random.default_rng(0)))

    assert np.allclose(np.array(votes.counts) / votes.total, SURE.probabilities, atol=0.003)


def test_a_class_that_won_all_draws_is_not_taken_for_certain():
    chances = estimated(Votes(counts=(0, 99, 0, 0)), 1)

    assert chances.probabilities[1] == pytest.approx(99.25 / 100)
    assert chances.probabilities.sum() == pytest.approx(1)


def test_an_outcome_counts_what_is_right_and_far_enough():
    params = SmoothingParams(sigma=0.25, n0=10, n=1_000)
    certificates = [simulate(params, SURE, np.random.default_rng(seed)) for seed in range(2)]
    radius = certificates[0].radius

    assert outcome(certificates[:1], [1], radius=radius).accuracy == 1
    assert outcome(certificates[:1], [1], radius=radius + 1e-6).accuracy == 0
    assert outcome(certificates, [1, 2], radius=0).accuracy == 0.5
    assert outcome(certificates, [1, 2], radius=0).draws == 1_010


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """An evaluation of two images."""
    table = tmp_path / "table.tsv"
    rows = [
        Row(idx=idx, label=label, predict=1, radius=0.1, correct=label == 1, time_s=1)
        for idx, label in ((0, 1), (20, 2))
    ]
    votes = Votes(counts=(1, 8, 1))
    counts = [
        Counts(idx=row.idx, selected=1, p_lower=0.5, selection=votes, estimation=votes)
        for row in rows
    ]
    table.write_text("".join(f"{line}\n" for line in [HEADER, *(row.line() for row in rows)]))
    lines = "".join(f"{each.line()}\n" for each in counts)
    table.with_name("table.tsv.counts.jsonl").write_text(lines)
    return table


def test_images_are_read_from_an_evaluation(table: Path):
    images = read_counts(table.with_name("table.tsv.counts.jsonl"))

    assert [image.label for image in images] == [1, 2]
    assert images[0].votes == 20
    assert images[0].probabilities[1] == pytest.approx((16 + 1 / 3) / 21)


@pytest.mark.parametrize("own", [True, False])
def test_only_counts_of_the_very_weights_are_taken(
    table: Path, monkeypatch: pytest.MonkeyPatch, own: bool
):
    card = Registry().default()
    digest = card.weights.sha256 if own else "0" * 64
    table.with_name("table.tsv.json").write_text(json.dumps({"weights_sha256": digest}))
    monkeypatch.setattr(simulated, "KEPT", table.parent)

    assert (kept_counts(card) is not None) is own
