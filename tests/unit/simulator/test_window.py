"""Windows follow the height of the satellite, run by run, and stay between two pulses."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from s1pdgs.formats.isp.codes import F_REF_HZ
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.simulator.commanding import COMMANDED_HEIGHT_M
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.program import build_program
from s1pdgs.simulator.window import STEP, swap_flags, window_starts

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    return Trajectory.spanning(START - timedelta(hours=1), START + timedelta(hours=2))


@pytest.mark.parametrize("ecc", [1, 4, 5, 6, 8, 10, 32, 9])
def test_windows_lie_between_pulses_all_around_the_orbit(trajectory: Trajectory, ecc: int) -> None:
    program = build_program(ecc, 30.0)
    for minutes in range(0, 100, 9):
        starts = window_starts(program, trajectory, START + timedelta(minutes=minutes))
        for number, settings in enumerate(program.swaths):
            mine = starts[program.swath == number]
            assert (mine > settings.tx_pulse_length).all()
            assert (mine + settings.swl < settings.pri).all()


def test_a_higher_satellite_opens_its_windows_later(trajectory: Trajectory) -> None:
    program = build_program(8, 600.0)
    starts = window_starts(program, trajectory, START)
    seconds = trajectory.seconds(START) + program.first_code / F_REF_HZ
    height = ecef_to_geodetic(trajectory.earth_fixed(seconds)[0])[2]
    for number, settings in enumerate(program.swaths):
        mine = program.swath == number
        steps = np.diff(starts[mine])
        assert set(np.abs(steps)) <= {0, STEP}
        assert np.count_nonzero(steps) > 4
        assert np.corrcoef(height[mine], starts[mine])[0, 1] > 0.95
        above = height[mine] - COMMANDED_HEIGHT_M
        far = np.abs(above) > 1000.0
        np.testing.assert_array_equal(np.sign(starts[mine] - settings.swst)[far], np.sign(above)[far])


def test_the_swap_flag_toggles_when_the_window_of_its_swath_moves(trajectory: Trajectory) -> None:
    program = build_program(8, 100.0)
    starts = window_starts(program, trajectory, START)
    flags = swap_flags(program, starts)
    for number in range(3):
        mine = program.swath == number
        np.testing.assert_array_equal(np.diff(flags[mine]) != 0, np.diff(starts[mine]) != 0)
    assert set(flags.tolist()) == {0, 1}
