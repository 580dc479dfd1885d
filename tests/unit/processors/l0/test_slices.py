from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.processors.l0.slices import number_of_slices, slice_grid

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration_s", "count"), [(5.0, 1), (32.4, 1), (39.7, 1), (39.9, 2), (57.4, 2), (64.9, 3), (503.58, 20)]
)
def test_a_tail_shorter_than_the_overlap_joins_the_slice_before(duration_s, count):
    assert number_of_slices(duration_s, 25.0, 7.4) == count


@given(
    duration_s=st.floats(0.1, 2000, allow_nan=False),
    grid=st.sampled_from([(25.0, 7.7), (25.0, 7.4), (60.0, 8.2)]),
)
def test_slices_cover_the_data_take_with_their_overlap(duration_s, grid):
    length_s, overlap_s = grid
    stop = START + timedelta(seconds=duration_s)
    slices = slice_grid(START, stop, length_s, overlap_s)
    assert [each.number for each in slices] == list(range(1, len(slices) + 1))
    assert slices[0].interval.start == START
    assert slices[-1].interval.stop == stop
    for one, other in pairwise(slices):
        assert other.interval.start - one.interval.start == timedelta(seconds=length_s)
        assert one.interval.stop - other.interval.start == timedelta(seconds=overlap_s)
    assert slices[-1].interval.duration >= timedelta(seconds=min(duration_s, overlap_s) - 1e-5)
