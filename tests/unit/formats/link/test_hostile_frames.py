"""Streams that no satellite sent: every byte is accounted for, whatever it is and however it is cut."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import streams
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

TARGETS = {target.name: target for target in streams.TARGETS if target.name in {"cadu", "aos", "code", "detect"}}
SEEDS = {name: list(target.seeds()) for name, target in TARGETS.items()}
NAMED = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())


@NAMED
@settings(max_examples=150)
@given(random=st.integers(0, 2**32).map(Random))
def test_damaged_streams_keep_their_account(target: Target, random: Random) -> None:
    seeds = SEEDS[target.name]
    target.run(mutated(random.choice(seeds), random.choice(seeds), random, target.largest))


@NAMED
@settings(max_examples=100)
@given(data=st.binary(max_size=1500))
def test_noise_keeps_its_account(target: Target, data: bytes) -> None:
    target.run(data)


@NAMED
@settings(max_examples=50)
@given(flags=st.integers(0, 255), chunk=st.integers(0, 255), count=st.integers(0, 400))
def test_nothing_but_markers_keeps_its_account(target: Target, flags: int, chunk: int, count: int) -> None:
    target.run(bytes([flags, chunk]) + streams._MARKER * count)
