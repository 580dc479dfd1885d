"""TOPS annotation: bursts are timed, numbered and bounded as the product definition has it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.formats.l0.manifest import OrbitReference
from s1pdgs.processors.l1.describe.bursts import burst_number, swath_merging, swath_timing
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.focus_plan import Window
from s1pdgs.processors.l1.looks import LookParameters
from s1pdgs.processors.l1.merge import SwathBursts, plan_merge
from s1pdgs.processors.l1.tops_plan import BurstStack

from .conftest import EPOCH
from .tops_acquisition import acquire_burst

REPEAT = timedelta(days=12)
CYCLE_S = {"IW": 2.758273, "EW": 3.038376}


def reference(orbit: int, relative: int, node: datetime) -> OrbitReference:
    return OrbitReference(orbit, orbit, relative, relative, 1, 1, "ASCENDING", node)


def test_bursts_of_a_swath_are_annotated_where_they_lie(orbit) -> None:
    plans = [acquire_burst(orbit, "IW1", 4600, centre_s=centre).plan() for centre in (0.0, 2.758)]
    stack = BurstStack.of(plans)
    node = EPOCH - timedelta(seconds=600)
    sensing = [EPOCH, EPOCH + timedelta(seconds=2.758)]
    timing = swath_timing(
        stack, orbit, reference(52_000, 37, node), mode="IW", sensing=sensing, line_offset=lambda line: 900 + 7 * line
    )
    assert (timing.lines_per_burst, timing.samples_per_burst) == (stack.lines_per_burst, stack.samples)
    first, second = timing.burst_list
    assert second.byte_offset - first.byte_offset == 7 * stack.lines_per_burst
    assert [burst.sensing_time for burst in timing.burst_list] == sensing
    lines = (second.azimuth_time - first.azimuth_time).total_seconds() / plans[0].image.line_interval_s
    assert lines == pytest.approx(plans[1].first_line - plans[0].first_line, abs=1e-3)
    assert first.azimuth_anx_time == pytest.approx((first.azimuth_time - node).total_seconds(), abs=1e-6)
    assert first.first_valid_sample.size == first.last_valid_sample.size == stack.lines_per_burst
    assert second.burst_id.relative - first.burst_id.relative == 1


@given(st.sampled_from(["IW", "EW"]), st.integers(1, 175), st.integers(0, 300), st.floats(3.0, 5900.0))
def test_a_burst_has_the_same_number_whenever_the_ground_track_repeats(
    mode: str, relative: int, cycles: int, since_node_s: float
) -> None:
    node = datetime(2024, 1, 5, 10, 0, tzinfo=UTC)
    first = burst_number(node + timedelta(seconds=since_node_s), reference(relative, relative, node), mode)
    again = reference(relative + 175 * cycles, relative, node + cycles * REPEAT)
    later = burst_number(node + cycles * REPEAT + timedelta(seconds=since_node_s), again, mode)
    assert later.relative == first.relative
    assert (later.absolute - first.absolute) == pytest.approx(cycles * 12 * 86400 / CYCLE_S[mode], abs=1.0)
    assert first.absolute == first.relative


def test_swaths_of_one_cycle_share_the_number_and_cycles_count_on(l1_annotations: Path) -> None:
    """On the bursts of a real slice of IW: cycles begin with IW1, a third of a cycle before IW2."""
    numbers = {}
    for path in sorted(l1_annotations.glob("S1B_IW_SLC*/annotation/s1b-iw?-slc-v?-*.xml")):
        root = etree.parse(path).getroot()
        node = utc(root.findtext("imageAnnotation/imageInformation/ascendingNodeTime"))
        middles = [
            utc(burst.findtext("sensingTime")) + timedelta(seconds=0.41 if "iw1" in path.name else 0.53)
            for burst in root.iterfind("swathTiming/burstList/burst")
        ]
        numbers[path.name[4:7]] = [burst_number(middle, reference(26_269, 168, node), "IW") for middle in middles]
    assert set(numbers) == {"iw1", "iw2"}
    for found in numbers.values():
        assert set(np.diff([number.relative for number in found])) == {1}
        assert set(np.diff([number.absolute for number in found])) == {1}
    assert numbers["iw1"][0].relative - numbers["iw2"][0].relative == 1  # IW2 of the cycle before comes first


def utc(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def l1_annotations(testdata: Path) -> Path:
    return testdata / "l1_annotations"


def test_other_modes_have_no_burst_ids() -> None:
    with pytest.raises(ProcessingError, match="mode WV has no bursts"):
        burst_number(EPOCH, reference(1, 1, EPOCH), "WV")


def test_merged_swaths_tile_the_image(orbit) -> None:
    looks = (
        LookParameters(Window(0.75, 56.5e6), Window(0.70, 14.1e6), 5),
        LookParameters(Window(0.70, 327.0), Window(0.70, 327.0), 1),
    )
    burst = acquire_burst(orbit, "IW1", 4600).plan()
    plan = plan_merge([SwathBursts("IW1", (burst,), *looks)], orbit, 10.0)
    (merged,) = swath_merging(plan, orbit).swath_merge_list
    (bounds,) = merged.swath_bounds_list
    assert merged.swath == "IW1"
    assert (bounds.first_range_sample, bounds.last_range_sample) == (0, plan.samples - 1)
    assert (bounds.first_azimuth_line, bounds.last_azimuth_line) == (0, plan.lines - 1)
