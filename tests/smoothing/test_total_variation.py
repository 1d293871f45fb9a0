"""How far sound noise may be from its ideal: the sum that the derivation ends with."""

import pytest

from smoothing.noise import total_variation_bound


@pytest.mark.parametrize("size", [1, 3_072, 150_528])
@pytest.mark.parametrize("sigma", [1e-6, 0.001, 0.25, 1.0, 10.0])
def test_the_bound_on_the_rounding_is_the_sum_of_what_was_derived(size: int, sigma: float) -> None:
    """In units of 2^-53 and of s = 255 sigma: each error of s Z by 1 + 1 / s, and of the sum."""
    s = 255 * sigma
    of_s_z = 19.5 * s * (1 + 1 / s)
    of_the_sum, of_the_tail = 512 + 0.8 * s + 205 / s, 4

    exact = size * (of_s_z + of_the_sum + of_the_tail) / 2**53
    assert total_variation_bound(size, sigma) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("size", "sigma"), [(150_528, 1.0), (150_528, 0.05), (3_072, 10.0)])
def test_certificates_pay_enough_for_the_rounding(size: int, sigma: float) -> None:
    assert total_variation_bound(size, sigma) < 1e-7
