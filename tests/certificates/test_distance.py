"""Distances are bounded from both sides, and coverage follows from the larger bound."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.certificates.coverage import coverage
from app.certificates.distance import Distance, distance

PIXELS = st.floats(min_value=-2, max_value=2, width=32)
TENSORS = arrays(np.float32, 12, elements=PIXELS)


def exact_square(one: Any, other: Any) -> Fraction:
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    return sum(((Fraction(a) - Fraction(b)) ** 2 for a, b in pairs), Fraction(0))


@given(one=TENSORS, other=TENSORS)
def test_the_truth_is_between_the_bounds(one: Any, other: Any) -> None:
    found, truth = distance(one, other), exact_square(one, other)

    assert Fraction(found.at_least) ** 2 <= truth <= Fraction(found.at_most) ** 2
    assert found.at_most - found.at_least <= 1e-14 * found.at_most


def test_tiny_differences_do_not_vanish() -> None:
    one = np.zeros(4, np.float32)
    other = np.array([1e-45, 0, 0, 0], np.float32)

    assert distance(one, other).at_least > 0
    assert distance(one, one) == Distance(at_least=0.0, at_most=0.0)


def test_a_large_tensor_is_summed_without_loss() -> None:
    one = np.zeros(3 * 224 * 224, np.float32)
    other = np.full(3 * 224 * 224, np.float32(0.1))

    assert Fraction(distance(one, other).at_most) ** 2 >= exact_square(one, other)


@pytest.mark.parametrize(
    ("name", "apart", "same", "reason"),
    [
        ("fixed", 0.0, True, "same_tensor"),
        ("fixed", 0.1, False, "inside"),
        ("fixed", 5.0, False, "outside"),
        ("decide, yes", 0.0999, False, "inside"),
        ("decide, yes", 0.1, False, "outside"),
        ("anytime, early", 0.1, False, "inside"),
        ("predict", 0.0, True, "same_tensor"),
        ("predict", 1e-6, False, "no_radius"),
        ("fixed, abstained", 0.0, True, "no_claim"),
        ("decide, no", 0.01, False, "no_claim"),
    ],
)
def test_what_follows_depends_on_the_claim(
    make_document: Callable[..., Any], name: str, apart: float, same: bool, reason: str
) -> None:
    found = Distance(at_least=apart, at_most=apart)

    answer = coverage(make_document(name), found, same=same)

    assert answer.reason == reason
    assert answer.covered == (reason in {"same_tensor", "inside"})
    assert ("nothing follows" in answer.explanation) == (not answer.covered)


@pytest.mark.parametrize(
    ("name", "apart", "called"),
    [
        ("fixed, fast", 0.0, True),
        ("fixed, fast", 0.1, True),
        ("fixed, fast", 5.0, False),
        ("fixed", 0.0, False),
        ("fixed", 0.1, False),
    ],
)
def test_what_follows_from_a_heuristic_certificate_is_called_heuristic(
    make_document: Callable[..., Any], name: str, apart: float, *, called: bool
) -> None:
    found = Distance(at_least=apart, at_most=apart)

    answer = coverage(make_document(name), found, same=apart == 0)

    assert ("heuristic" in answer.explanation) == called


def test_the_radius_itself_is_not_within_it(make_document: Callable[..., Any]) -> None:
    document = make_document("fixed")
    edge = Distance(at_least=document["radius"], at_most=document["radius"])

    assert not coverage(document, edge, same=False).covered
