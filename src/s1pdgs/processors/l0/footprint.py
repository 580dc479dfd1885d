"""The outline of Level-0 data on the ground."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType, duration_s, echo_start_delay_s, sampling_frequency_hz
from s1pdgs.processors.l0.records import sensing_times_us
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Orbit, ground_point

LINE_MODES = ("WV", "RF", "ZS", "ZI", "ZE", "ZW")
_EDGE_US = 3_000_000


def footprint(
    records: NDArray[np.void], mode: str, orbit: Orbit, start: datetime, stop: datetime
) -> tuple[tuple[float, float], ...]:
    """(latitude, longitude) in degrees as Level-0 manifests list them, for packets in sensing order.

    Two points along the middle of the swath for modes that make no image strip (`LINE_MODES`); else a ring: far range
    at start and at stop, near range at stop and at start, and the first point again. Data without echoes give the
    track below the satellite.
    """
    times = orbit.seconds(start), orbit.seconds(stop)
    edges = _edges(records)
    if not all(part.size for part in edges):
        return ground_track(orbit, start, stop)
    near, far = zip(*(_ranges_m(part) for part in edges), strict=True)
    if mode in LINE_MODES:
        middle = [(a + b) / 2 for a, b in zip(near, far, strict=True)]
        return _geodetic(ground_point(orbit, np.array(times), np.array(middle)))
    corner_times = np.array([times[0], times[1], times[1], times[0]])
    corners = _geodetic(ground_point(orbit, corner_times, np.array([far[0], far[1], near[1], near[0]])))
    return (*corners, corners[0])


def ground_track(orbit: Orbit, start: datetime, stop: datetime) -> tuple[tuple[float, float], ...]:
    """(latitude, longitude) in degrees below the satellite at start and at stop."""
    return _geodetic(np.stack([orbit.position(orbit.seconds(moment)) for moment in (start, stop)]))


def _edges(records: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """The echoes at the start and at the stop, enough of them to meet every swath of a burst cycle."""
    echo = np.flatnonzero(records["signal_type"] == SignalType.ECHO)
    if not echo.size:
        return records[:0], records[:0]
    times = sensing_times_us(records)[echo]
    return records[echo[times <= times[0] + _EDGE_US]], records[echo[times >= times[-1] - _EDGE_US]]


def _ranges_m(echoes: NDArray[np.void]) -> tuple[float, float]:
    """The nearest and the farthest slant range of which a whole pulse was received."""
    near, far = [], []
    settings = echoes[["rank", "pri", "swst", "tx_pulse_length", "range_decimation", "number_of_quads"]]
    for setting in np.unique(settings):
        delay_s = float(echo_start_delay_s(setting["rank"], setting["pri"], setting["swst"]))
        window_s = 2 * int(setting["number_of_quads"]) / sampling_frequency_hz(int(setting["range_decimation"]))
        pulse_s = float(duration_s(setting["tx_pulse_length"]))
        near.append(delay_s)
        far.append(delay_s + max(window_s - pulse_s, 0.0))
    return min(near) * SPEED_OF_LIGHT_M_S / 2, max(far) * SPEED_OF_LIGHT_M_S / 2


def _geodetic(points_m: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    latitude, longitude, _ = ecef_to_geodetic(points_m)
    return tuple(zip(np.round(latitude, 4).tolist(), np.round(longitude, 4).tolist(), strict=True))
