from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.console import present


@pytest.mark.parametrize(
    ("count", "shown"),
    [(999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (999_600, "1.00 MB"), (4_700_000_000, "4.70 GB")],
)  # fmt: skip
def test_sizes_have_three_digits(count: int, shown: str) -> None:
    assert present.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00:00"), (3725, "1:02:05"), (90_061, "1 d 1:01:01"), (-61, "−0:01:01")]
)
def test_spans_are_clocks(seconds: float, shown: str) -> None:
    assert present.span(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("line", "share"),
    [("42% slices written", 42), ("100%", 100), ("250% done", 100), ("reading", None), (None, None), ("٣% x", None)],
)
def test_progress_begins_with_its_share(line: str | None, share: int | None) -> None:
    assert present.percent(line) == share


def test_a_ring_over_the_dateline_is_drawn_on_both_sides() -> None:
    rings = present.map_rings([(178.0, -17.0), (-179.0, -17.0), (-179.0, -19.0), (178.0, -19.0), (178.0, -17.0)])
    assert [[longitude for _, longitude in ring] for ring in rings] == [
        [178.0, 181.0, 181.0, 178.0, 178.0],
        [-182.0, -179.0, -179.0, -182.0, -182.0],
    ]


@given(
    st.floats(-180, 180), st.floats(-80, 78), st.floats(0.1, 60), st.booleans()
)  # fmt: skip
def test_drawn_rings_never_jump(west: float, south: float, width: float, backwards: bool) -> None:
    corners = [(west, south), (west + width, south), (west + width, south + 2.0), (west, south + 2.0), (west, south)]
    ring = [(((x + 180.0) % 360.0) - 180.0, y) for x, y in (reversed(corners) if backwards else corners)]
    rings = present.map_rings(ring)
    assert rings
    for drawn in rings:
        assert all(abs(a[1] - b[1]) <= 60.001 for a, b in pairwise(drawn))
        assert drawn[0] == pytest.approx(drawn[-1])
