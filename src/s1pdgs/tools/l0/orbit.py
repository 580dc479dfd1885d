"""The orbit of a product from what its packets relay, and the outline that its echoes have on the ground."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType, duration_s, echo_start_delay_s, sampling_frequency_hz
from s1pdgs.model.time import from_micros
from s1pdgs.sar.constants import EARTH_ROTATION_RAD_S, SPEED_OF_LIGHT_M_S, WGS84_SEMI_MAJOR_M
from s1pdgs.sar.orbit import Array, Orbit, OrbitError, StateVector, fit_orbit, ground_point
from s1pdgs.tools.l0.packets import Packets, sensing_times_us
from s1pdgs.tools.l0.subcom import State

_GM_M3_S2 = 3.986004418e14
_STEP_S = 1.0
_LONGEST_REACH_S = 30.0
_MARGIN_S = 5.0
_SPACING_S = 2.0
_EDGE_US = 3_000_000
_LOWEST_M, _HIGHEST_M = 500e3, 900e3


def relayed_orbit(states: Sequence[State], start: datetime, stop: datetime) -> Orbit:
    """The orbit from `start` to `stop`; states up to 30 s away are carried there.

    Raises `OrbitError` when the packets relay no state so near, or none at the height of the satellite.
    """
    vectors = [
        StateVector(from_micros(state.position_us), np.array(state.data.position_m), np.array(state.data.velocity_m_s))
        for state in states
        if state.position_us is not None and _is_plausible(state)
    ]
    if not vectors:
        raise OrbitError("the packets relay no position of the satellite")
    begin, end = start - timedelta(seconds=_MARGIN_S), stop + timedelta(seconds=_MARGIN_S)
    count = max(int((end - begin).total_seconds() / _SPACING_S), 4)
    times = [begin + (end - begin) * (k / count) for k in range(count + 1)]
    return fit_orbit([_carried(_nearest(vectors, time), time) for time in times], start, stop)


def outline(packets: Packets, orbit: Orbit, start: datetime, stop: datetime, *, line: bool) -> Array:
    """The corners (4, 3), Earth-fixed, of the echoes between `start` and `stop`; the ends (2, 3) of the middle of the
    swath when `line` is wanted (WV and RF). Raises `OrbitError` where there are no echoes or their window misses.
    """
    echoes = packets.headers[packets.kind(SignalType.ECHO)]
    if not echoes.size:
        raise OrbitError("there are no echoes")
    times = sensing_times_us(echoes)
    edges = echoes[times <= times[0] + _EDGE_US], echoes[times >= times[-1] - _EDGE_US]
    (near, far), (last_near, last_far) = (_ranges_m(part) for part in edges)
    first, last = orbit.seconds(start), orbit.seconds(stop)
    if line:
        middle = np.array([near + far, last_near + last_far]) / 2
        return ground_point(orbit, np.array([first, last]), middle)
    return ground_point(orbit, np.array([first, last, last, first]), np.array([far, last_far, last_near, near]))


def _ranges_m(echoes: NDArray[np.void]) -> tuple[float, float]:
    """Nearest and farthest slant range of which a whole pulse is received."""
    near, far = [], []
    fields = ["rank", "pri", "swst", "tx_pulse_length", "range_decimation", "number_of_quads"]
    for one in np.unique(echoes[fields]):
        delay_s = float(echo_start_delay_s(one["rank"], one["pri"], one["swst"]))
        window_s = 2 * int(one["number_of_quads"]) / sampling_frequency_hz(int(one["range_decimation"]))
        near.append(delay_s)
        far.append(delay_s + max(window_s - float(duration_s(one["tx_pulse_length"])), 0.0))
    return min(near) * SPEED_OF_LIGHT_M_S / 2, max(far) * SPEED_OF_LIGHT_M_S / 2


def _is_plausible(state: State) -> bool:
    height_m = float(np.linalg.norm(state.data.position_m)) - WGS84_SEMI_MAJOR_M
    return _LOWEST_M < height_m < _HIGHEST_M and bool(np.all(np.isfinite(state.data.velocity_m_s)))


def _nearest(vectors: Sequence[StateVector], time: datetime) -> StateVector:
    nearest = min(vectors, key=lambda vector: abs(vector.time - time))
    if abs((nearest.time - time).total_seconds()) > _LONGEST_REACH_S:
        raise OrbitError(f"the packets relay no position within {_LONGEST_REACH_S:.0f} s of {time.isoformat()}")
    return nearest


def _carried(vector: StateVector, time: datetime) -> StateVector:
    """The state at another time under central gravity in the rotating frame (Runge-Kutta; below 20 m in 30 s)."""
    left = (time - vector.time).total_seconds()
    steps = max(1, int(np.ceil(abs(left) / _STEP_S)))
    step = left / steps
    state = np.concatenate((vector.position_m, vector.velocity_m_s))
    for _ in range(steps):
        half = _slope(state + 0.5 * step * _slope(state))
        state = state + step * half
    return StateVector(time, state[:3], state[3:])


def _slope(state: Array) -> Array:
    position, velocity = state[:3], state[3:]
    spin = np.array([0.0, 0.0, EARTH_ROTATION_RAD_S])
    gravity = -_GM_M3_S2 / float(np.linalg.norm(position)) ** 3 * position
    inertial = -2.0 * np.cross(spin, velocity) - np.cross(spin, np.cross(spin, position))
    return np.concatenate((velocity, gravity + inertial))
