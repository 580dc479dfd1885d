"""Lengths of transforms: with factors of 7 and 11 scipy takes up to twice as long as with 2, 3 and 5 alone."""

import functools
import math

_WEIGHTS = {2: 0.17, 3: 0.35, 5: 0.5, 7: 0.65, 11: 1.6, 13: 2.0, 17: 2.7, 19: 3.0}
_MOVES = 2.0
"""Nanoseconds a point on one core (Zen 3): of each factor of a length, from 13 on extrapolated, and of the moves before
and after a transform. Only their proportions matter.
"""
_MARGIN = 0.05


@functools.lru_cache(maxsize=4096)
def transform_cost(length: int) -> float:
    """What a complex transform of a length takes, for comparisons; infinite with a prime factor above 19."""
    left, per_point = length, _MOVES
    for factor, weight in _WEIGHTS.items():
        while left % factor == 0:
            left //= factor
            per_point += weight
    return length * per_point if left == 1 else math.inf


@functools.lru_cache(maxsize=256)
def fast_length(least: int) -> int:
    """The cheapest length of at least so many points, and of at most a twentieth more."""
    return min(range(least, math.floor(least * (1.0 + _MARGIN)) + 9), key=transform_cost)
