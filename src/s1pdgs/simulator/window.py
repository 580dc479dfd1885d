"""Sampling windows that follow the height of the satellite, so that the swath stays within them."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import F_REF_HZ
from s1pdgs.sar.attitude import REFERENCE_HEIGHT_M, ROLL_SENSITIVITY_DEG_PER_M
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Array
from s1pdgs.simulator.commanding import COMMANDED_HEIGHT_M, SwathSettings
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.program import Program

STEP = 50
"""Codes by which a window start moves, at the beginning of a run; IW of real annotations moves by about as much."""

_EARTH_RADIUS_M = 6_371_000.0
_GUARD = 60


def window_starts(program: Program, trajectory: Trajectory, start: datetime) -> NDArray[np.int64]:
    """The SWST code of each run, `start` being the latch of PRI 0 (UTC)."""
    seconds = trajectory.seconds(start) + program.first_code / F_REF_HZ
    height = ecef_to_geodetic(trajectory.earth_fixed(seconds)[0])[2]
    starts = np.empty(program.swath.size, np.int64)
    for number, settings in enumerate(program.swaths):
        chosen = program.swath == number
        moved = _near_delay(settings, height[chosen]) - _near_delay(settings, np.array([COMMANDED_HEIGHT_M]))
        wanted = settings.swst + np.rint(moved * F_REF_HZ / STEP).astype(np.int64) * STEP
        starts[chosen] = np.clip(wanted, settings.tx_pulse_length + _GUARD, settings.pri - settings.swl - _GUARD)
    return starts


def swap_flags(program: Program, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The swap flag of each run: it toggles whenever the window start of the swath is another."""
    flags = np.zeros(program.swath.size, np.int64)
    for number in range(len(program.swaths)):
        chosen = np.flatnonzero(program.swath == number)
        if chosen.size:
            changed = np.diff(starts[chosen], prepend=starts[chosen[0]]) != 0
            flags[chosen] = np.cumsum(changed) % 2
    return flags


def _near_delay(settings: SwathSettings, height_m: Array) -> Array:
    """Two-way delay of the near edge of the beam, which rolls with the height, on a spherical Earth."""
    roll = ROLL_SENSITIVITY_DEG_PER_M * (REFERENCE_HEIGHT_M - height_m)
    angle, radius = np.radians(settings.near_angle_deg + roll), _EARTH_RADIUS_M + height_m
    slant = radius * np.cos(angle) - np.sqrt(_EARTH_RADIUS_M**2 - (radius * np.sin(angle)) ** 2)
    return np.asarray(2.0 * slant / SPEED_OF_LIGHT_M_S)
