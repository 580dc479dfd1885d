"""Lengths of transforms are long enough and made of small factors."""

import math

from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.processors.l1.lengths import fast_length, transform_cost


@given(st.integers(1, 60_000))
def test_the_length_found_is_the_cheapest_that_is_hardly_longer(least: int) -> None:
    found = fast_length(least)
    assert least <= found <= 1.05 * least + 8
    assert transform_cost(found) == min(transform_cost(length) for length in range(least, found + 1)) < math.inf


def test_factors_of_two_are_cheaper_than_large_ones() -> None:
    assert transform_cost(18_816) < transform_cost(18_634)
    assert fast_length(18_634) != 18_634


def test_a_prime_cannot_be_transformed_fast() -> None:
    assert transform_cost(10_007) == math.inf
