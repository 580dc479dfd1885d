"""Chance that repeats itself: a seed hits the same of a sequence of things, however the sequence is cut."""

import numpy as np
from numpy.typing import NDArray

_DRAWS = 256


def generator(seed: int, channel: int, purpose: str) -> np.random.Generator:
    """A generator of its own for every purpose, so that one fault does not change what another one hits."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(channel, *purpose.encode())))


class Hits:
    """A `share` of a sequence is hit, in runs of a mean length; a run of 1 hits each thing by its own."""

    def __init__(self, random: np.random.Generator, share: float, run: float = 1.0) -> None:
        self._random, self._share, self._run = random, share, run
        self._position = 0
        self._starts = self._stops = np.zeros(1, np.int64)

    def take(self, count: int) -> NDArray[np.int64]:
        """The places int64 (k,) of those hit among the next `count`, ascending, counted from the first of these."""
        if self._share <= 0.0:
            return np.empty(0, np.int64)
        begin, end = self._position, self._position + count
        while self._stops[-1] < end:
            self._draw()
        firsts = np.clip(self._starts, begin, end)
        lengths = np.clip(self._stops, begin, end) - firsts
        places: NDArray[np.int64] = np.repeat(firsts - begin - np.cumsum(lengths) + lengths, lengths) + np.arange(
            int(lengths.sum())
        )
        pending = self._stops >= end
        self._starts, self._stops, self._position = self._starts[pending], self._stops[pending], end
        return places

    def _draw(self) -> None:
        """More runs: between two of them as many things are spared as make the share come true."""
        start_chance = self._share / (self._share + self._run * (1.0 - self._share))
        spared = self._random.geometric(start_chance, _DRAWS) - 1
        lengths = self._random.geometric(1.0 / self._run, _DRAWS)
        stops = self._stops[-1] + np.cumsum(spared + lengths)
        self._starts = np.concatenate((self._starts, stops - lengths))
        self._stops = np.concatenate((self._stops, stops))
