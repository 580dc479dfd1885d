"""Annotation and index components of any content are read whole or refused."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import streams
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target

TARGETS = {target.name: target for target in streams.TARGETS if target.name in {"annot", "index"}}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@settings(max_examples=60)
@given(random=st.integers(0, 2**32).map(Random))
def test_damaged_components_are_read_or_refused(target: Target, random: Random) -> None:
    (seed,) = target.seeds()
    target.run(mutated(seed, seed, random, target.largest))
