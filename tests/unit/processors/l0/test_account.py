from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.formats.l0.report import GapCause
from s1pdgs.model.time import from_micros
from s1pdgs.processors.l0.account import MOST_GAPS, Losses, gaps_of, losses_of, missing_between, with_beginning
from s1pdgs.processors.l0.records import PACKET_RECORD

START_US = 1_700_000_000_000_000
STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40)


def _stream(rows, spacing_us=600):
    """Times of packets between which as many packets are lost (downlink, instrument) and PRIs silent as told."""
    steps = np.array(rows, np.int64).reshape(-1, 3)
    times = START_US + np.concatenate(([0], np.cumsum((1 + steps.sum(axis=1)) * spacing_us)))
    at = np.flatnonzero(steps[:, 0] + steps[:, 1])
    return times, Losses(at, steps[at, 0], steps[at, 1], int(steps[:, 2].sum()))


def test_losses_are_found_in_long_streams_as_in_short_ones():
    records = np.zeros(200_000, PACKET_RECORD)
    number = np.arange(records.size)
    lost = np.isin(number, [1, 65_535, 65_536, 65_537, 131_072, 199_998])
    records["space_packet_count"] = number
    records["pri_count"] = number + (number > 70_000) * 5
    records["sequence_count"] = number % 16384
    losses = losses_of(records[~lost])
    assert (losses.at + 1 + np.cumsum(losses.missing) - losses.missing).tolist() == [1, 65_535, 131_072, 199_998]
    assert losses.downlink.tolist() == [1, 3, 1, 1]
    assert (losses.instrument.sum(), losses.suppressed_pris) == (0, 5)
    assert losses_of(records[:1]).at.size == losses_of(records[:0]).at.size == 0


@given(rows=STEPS)
def test_every_loss_is_told_once_with_its_cause_and_its_times(rows):
    times, losses = _stream(rows)
    gaps = gaps_of(times, losses)
    told = [(gap.start, gap.stop, gap.packets, gap.cause) for gap in gaps]
    expected = [
        (from_micros(int(times[n])), from_micros(int(times[n + 1])), row[column], cause)
        for n, row in enumerate(rows)
        for column, cause in ((0, GapCause.DOWNLINK), (1, GapCause.INSTRUMENT))
        if row[column]
    ]
    assert told == expected


def test_very_many_gaps_are_told_together_without_losing_a_packet():
    rows = [(1 + n % 3, n % 2, 0) for n in range(20_000)]
    times, losses = _stream(rows, spacing_us=200_000)
    gaps = gaps_of(times, losses)
    assert len(gaps) <= MOST_GAPS
    for cause, lost in ((GapCause.DOWNLINK, losses.downlink), (GapCause.INSTRUMENT, losses.instrument)):
        assert sum(gap.packets for gap in gaps if gap.cause is cause) == lost.sum()
    assert (gaps[0].start, gaps[-1].stop) == (from_micros(int(times[0])), from_micros(int(times[-1])))


@given(rows=STEPS, cuts=st.lists(st.integers(0, 300_000), max_size=5))
def test_missing_packets_of_neighbouring_intervals_add_up(rows, cuts):
    times, losses = _stream(rows)
    edges = sorted({START_US, int(times[-1]) + 1, *(START_US + cut for cut in cuts)})
    edges = [edge for edge in edges if edge <= times[-1] + 1]
    counted = [missing_between(times, losses, begin, end - 1) for begin, end in pairwise(edges)]
    assert sum(counted) == losses.missing.sum()
    assert missing_between(times, losses, edges[0], edges[-1]) == losses.missing.sum()


def test_a_gap_at_the_edge_of_an_interval_counts_by_its_share():
    times, losses = _stream([(9, 0, 0)])
    middle = START_US + 5 * 600
    assert missing_between(times, losses, START_US, middle) == 5
    assert missing_between(times, losses, middle, int(times[-1])) == 5  # the packet at the edge is in both
    before = START_US - int(timedelta(seconds=1) / timedelta(microseconds=1))
    assert missing_between(times, losses, before, START_US) == 0


@given(rows=STEPS, first_packet=st.integers(0, 5000), before_us=st.integers(1, 10_000_000))
def test_what_is_missing_before_the_first_packet_here_is_missing_from_the_start_on(rows, first_packet, before_us):
    times, losses = _stream(rows)
    start_us = int(times[0]) - before_us
    longer, all_losses = with_beginning(times, losses, first_packet, start_us)
    assert all_losses.missing.sum() == losses.missing.sum() + first_packet
    assert missing_between(longer, all_losses, int(times[0]), int(times[-1])) == losses.missing.sum()
    assert missing_between(longer, all_losses, start_us - 6000, int(times[0])) == first_packet
    told = gaps_of(longer, all_losses)
    assert [gap for gap in told if gap.start >= from_micros(int(times[0]))] == list(gaps_of(times, losses))
    assert sum(gap.packets for gap in told if gap.start < from_micros(int(times[0]))) == first_packet
