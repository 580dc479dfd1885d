"""Orbit, attitude and temperatures that the packets relay (S1-IF-ASD-PL-0007, section 3.2.2), as values and rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.subcom import FRAME_WORDS, TILES, AncillaryData, decode_frame, frame_starts
from s1pdgs.model.time import gps_to_utc, micros
from s1pdgs.sar.earth import ecef_to_geodetic

_SENSORS = ("efe_h", "efe_v", "ta")
_LATEST_GPS_S = 0xFFFFFFFF


@frozen(eq=False)
class State:
    """What one complete frame relays, and the packet (its index) at which the frame begins.

    Times are microseconds since 1970-01-01 UTC, None where the relayed time is none.
    """

    packet: int
    data: AncillaryData
    position_us: int | None
    attitude_us: int | None


def relayed_states(headers: NDArray[np.void]) -> list[State]:
    """The states in the packets of one receive channel, each once, in the order in which they were relayed."""
    starts = frame_starts(headers["subcom_index"])
    words = headers["subcom_word"]
    states: list[State] = []
    for start in starts.tolist():
        data = decode_frame(words[start : start + FRAME_WORDS])
        if not states or data != states[-1].data:
            states.append(State(start, data, _micros(data.position_time), _micros(data.attitude_time)))
    return states


def orbit_row(state: State) -> dict[str, Any]:
    """Position and velocity, Earth-fixed, and the point below."""
    data = state.data
    latitude, longitude, height = ecef_to_geodetic(np.array(data.position_m))
    position = dict(zip(("x_m", "y_m", "z_m"), data.position_m, strict=True))
    velocity = dict(zip(("vx_m_s", "vy_m_s", "vz_m_s"), data.velocity_m_s, strict=True))
    place = {"latitude_deg": float(latitude), "longitude_deg": float(longitude), "height_m": float(height)}
    return {"packet": state.packet, "time": state.position_us, **position, **velocity, **place}


def attitude_row(state: State) -> dict[str, Any]:
    """Quaternion (inertial to body, real part first), rates in body axes, and the pointing status."""
    data = state.data
    return {
        "packet": state.packet,
        "time": state.attitude_us,
        **dict(zip(("q0", "q1", "q2", "q3"), data.quaternion, strict=True)),
        **dict(zip(("wx_rad_s", "wy_rad_s", "wz_rad_s"), data.angular_rate_rad_s, strict=True)),
        "aocs_mode": data.aocs_mode,
        "roll_error": int(data.roll_error),
        "pitch_error": int(data.pitch_error),
        "yaw_error": int(data.yaw_error),
    }


def temperature_row(state: State) -> dict[str, Any]:
    """Temperatures in degrees Celsius: the timing unit and three sensors of each of the 14 tiles; None if undefined."""
    values = state.data.tile_temperatures_celsius
    tiles = {
        f"tile{tile + 1:02d}_{name}_degc": _number(values[tile, sensor])
        for tile in range(TILES)
        for sensor, name in enumerate(_SENSORS)
    }
    return {
        "packet": state.packet,
        "time": state.attitude_us,
        "update_mask": state.data.temperature_update_mask,
        "tgu_degc": _number(state.data.tgu_temperature_celsius),
        **tiles,
    }


ROWS: dict[str, Callable[[State], dict[str, Any]]] = {
    "orbit": orbit_row,
    "attitude": attitude_row,
    "temperatures": temperature_row,
}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _micros(time: tuple[int, float]) -> int | None:
    seconds, fraction = time
    return micros(gps_to_utc(seconds, fraction)) if 0 < seconds < _LATEST_GPS_S else None
