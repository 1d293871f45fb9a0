"""The consistency term against its formula, written out."""

import math

import pytest
import torch

from training.objectives.consistency import consistency
from training.streams import stream


def by_hand(logits: torch.Tensor, weight: float, entropy: float) -> float:
    p = torch.softmax(logits.double(), dim=-1).tolist()
    views, batch, classes = len(p), len(p[0]), len(p[0][0])
    total = 0.0
    for b in range(batch):
        mean = [sum(p[i][b][c] for i in range(views)) / views for c in range(classes)]
        divergences = [
            sum(mean[c] * math.log(mean[c] / p[i][b][c]) for c in range(classes))
            for i in range(views)
        ]
        total += weight * sum(divergences) / views
        total -= entropy * sum(m * math.log(m) for m in mean)
    return total / batch


@pytest.mark.parametrize(("weight", "entropy"), [(2.0, 0.5), (10.0, 0.1), (0.0, 1.0)])
@pytest.mark.parametrize("views", [1, 2, 4])
def test_the_term_is_the_formula(views: int, weight: float, entropy: float):
    logits = 3 * torch.randn(views, 5, 4, generator=stream(0, "logits"))

    value = consistency(logits, weight=weight, entropy=entropy).item()

    assert value == pytest.approx(by_hand(logits, weight, entropy), rel=1e-5)


def test_agreeing_views_pay_for_their_entropy_only():
    logits = torch.zeros(2, 3, 10)

    value = consistency(logits, weight=100.0, entropy=0.5).item()

    assert value == pytest.approx(0.5 * math.log(10), rel=1e-6)


def test_a_certain_answer_has_a_finite_term():
    logits = torch.tensor([[[1e4, 0.0]], [[1e4, 0.0]]], requires_grad=True)

    consistency(logits, weight=2.0, entropy=0.5).backward()

    assert logits.grad is not None
    assert logits.grad.isfinite().all()
