"""Schedules of data takes."""

import numpy as np
import pytest

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.timeline import build_schedule


def test_the_preamble_counts_pris_as_real_s3_packets_do() -> None:
    """The real noise, TxCal and echo packets of S1B are the packets 0, 8 and 408, in PRIs 3899, 3917 and 4427."""
    schedule = build_schedule(13, 1000, rank=10)
    chosen = [0, 8, 408]
    assert schedule.pri_count[chosen].tolist() == [3899, 3917, 4427]
    assert schedule.signal[chosen].tolist() == [SignalType.NOISE, SignalType.TX_CAL, SignalType.ECHO]


def test_calibration_interrupts_echoes_and_the_next_echoes_are_empty_for_a_rank() -> None:
    schedule = build_schedule(3, 4000, rank=10)
    assert schedule.echo_runs() == [(10, 1905), (1935, 3830), (3860, 4000)]
    assert schedule.lines == 4000
    inside = schedule.interleaved & (schedule.signal != SignalType.ECHO)
    assert schedule.line[inside].tolist() == [*range(1905, 1925), *range(3830, 3850)]
    assert np.all(schedule.full_bandwidth[inside])


def test_calibration_at_the_very_end_is_left_out() -> None:
    assert build_schedule(3, 1910, rank=10).lines == 1905


def test_without_interleaved_calibration_echoes_are_one_run() -> None:
    assert build_schedule(13, 4000, rank=10).echo_runs() == [(10, 4000)]


def test_a_data_take_without_echoes_is_refused() -> None:
    with pytest.raises(SimulatorError, match="no echoes"):
        build_schedule(3, 0, rank=10)
