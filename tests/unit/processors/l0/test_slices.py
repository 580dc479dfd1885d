from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.formats.isp.codes import F_REF_HZ, packet_time_codes
from s1pdgs.model.time import utc_to_gps
from s1pdgs.processors.l0.records import PACKET_RECORD
from s1pdgs.processors.l0.slices import SLICE_LENGTH_AND_OVERLAP_S, data_take_start, number_of_slices, slice_grid
from s1pdgs.simulator.program import build_program

START = datetime(2026, 1, 1, tzinfo=UTC)
GRIDS = st.sampled_from(sorted(SLICE_LENGTH_AND_OVERLAP_S.values()))
DURATIONS = st.floats(0.1, 2000, allow_nan=False)


def test_the_grids_are_the_operational_ones():
    assert SLICE_LENGTH_AND_OVERLAP_S == {"SM": (25.0, 7.7), "IW": (25.0, 7.4), "EW": (60.0, 8.2)}


@pytest.mark.parametrize(
    ("duration_s", "count"), [(5.0, 1), (32.4, 1), (39.7, 1), (39.9, 2), (57.4, 2), (64.9, 3), (503.58, 20)]
)
def test_a_tail_shorter_than_the_overlap_joins_the_slice_before(duration_s, count):
    assert number_of_slices(duration_s, 25.0, 7.4) == count


@pytest.mark.parametrize(("duration_s", "count"), [(5.0, 1), (32.4, 1), (32.5, 2), (57.3, 2), (57.5, 3)])
def test_while_the_end_may_still_come_every_packet_past_a_slice_begins_the_next(duration_s, count):
    assert number_of_slices(duration_s, 25.0, 7.4, ended=False) == count


@given(duration_s=DURATIONS, grid=GRIDS, ended=st.booleans())
def test_slices_cover_the_data_take_with_their_overlap(duration_s, grid, ended):
    length_s, overlap_s = grid
    stop = START + timedelta(seconds=duration_s)
    slices = slice_grid(START, stop, length_s, overlap_s, ended=ended)
    assert [each.number for each in slices] == list(range(1, len(slices) + 1))
    assert slices[0].interval.start == START
    assert slices[-1].interval.stop == stop
    for one, other in pairwise(slices):
        assert other.interval.start - one.interval.start == timedelta(seconds=length_s)
        assert one.interval.stop - other.interval.start == timedelta(seconds=overlap_s)
    for each in slices[:-1]:
        assert each.interval.duration == timedelta(seconds=length_s + overlap_s)


@given(duration_s=DURATIONS, grid=GRIDS)
def test_no_slice_is_a_ghost(duration_s, grid):
    """RS-908 of the reference system: last slices of milliseconds. The shortest last slice is two overlaps long."""
    length_s, overlap_s = grid
    last = slice_grid(START, START + timedelta(seconds=duration_s), length_s, overlap_s)[-1]
    assert last.interval.duration >= timedelta(seconds=min(duration_s, 2 * overlap_s) - 1e-5)
    assert last.interval.duration < timedelta(seconds=length_s + 2 * overlap_s + 1e-5)


@given(duration_s=DURATIONS, later_s=DURATIONS, grid=GRIDS)
def test_slices_that_are_whole_stay_as_they_are_when_more_comes(duration_s, later_s, grid):
    length_s, overlap_s = grid
    now, then = START + timedelta(seconds=duration_s), START + timedelta(seconds=duration_s + later_s)
    before = slice_grid(START, now, length_s, overlap_s, ended=False)
    after = slice_grid(START, then, length_s, overlap_s, ended=False)
    assert before[:-1] == after[: len(before) - 1]
    assert before[-1].interval.start == after[len(before) - 1].interval.start


def _records(ecc_number: int, imaging_s: float) -> np.ndarray:
    """What is known of all packets of a data take that follows the timeline of its mode, PRI 0 at START."""
    program = build_program(ecc_number, imaging_s, samples=64)
    packet = np.arange(program.packet_count)
    run = program.run_of(packet)
    records = np.zeros(packet.size, PACKET_RECORD)
    records["space_packet_count"] = packet
    records["pri_count"] = program.first_pri[run] + packet - program.first_packet[run]
    records["pri"] = program.pri[run]
    records["ecc_number"] = ecc_number
    records["swath_number"] = np.array([each.swath_number for each in program.swaths])[program.swath[run]]
    whole, fraction = utc_to_gps(START)
    seconds = program.codes_at(packet) / F_REF_HZ + fraction
    records["coarse_time"], records["fine_time"] = packet_time_codes(whole, seconds)
    return records


@settings(max_examples=12)
@given(ecc_number=st.sampled_from([1, 3, 6, 8, 11, 17, 20, 32]), cut=st.floats(0.0, 1.0))
def test_the_start_of_a_data_take_is_known_from_any_of_its_packets(ecc_number, cut):
    records = _records(ecc_number, 8.0)
    later = records[int(cut * (records.size - 2000)) :]
    assert abs(data_take_start(later) - data_take_start(records)) < timedelta(microseconds=50)


def test_counts_that_contradict_the_timeline_are_taken_as_packets_of_usual_length():
    records = _records(3, 4.0)
    records["pri_count"] = records["space_packet_count"]
    later = records[1000:]
    elapsed = timedelta(seconds=1000 * int(records["pri"][0]) / F_REF_HZ)
    first = data_take_start(_zeroed(later))
    assert abs(data_take_start(later) - (first - elapsed)) < timedelta(microseconds=1)


def _zeroed(records: np.ndarray) -> np.ndarray:
    """The same records, as if the data take began with them."""
    zeroed = records.copy()
    zeroed["space_packet_count"] -= zeroed["space_packet_count"][0]
    return zeroed
