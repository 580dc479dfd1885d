"""The sub-commutated ancillary words of a packet stream: orbit, attitude and temperatures, refreshed at 1 Hz."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.subcom import FRAME_WORDS, TILES, AncillaryData, encode_frame, ticks
from s1pdgs.formats.isp.tables import tgu_temperatures_celsius, tile_temperatures_celsius
from s1pdgs.model.time import utc_to_gps
from s1pdgs.sar.attitude import Mispointing, body_rates_rad_s, quaternion_of_body_axes, steered_body_axes
from s1pdgs.sar.orbit import Orbit
from s1pdgs.simulator.datatake import DataTake

_REFRESH_PACKETS = 2
_TILE_CELSIUS, _TGU_CELSIUS = 22.0, 30.0


def gps_time(take: DataTake, time_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Whole GPS seconds and fractions of seconds after the epoch of the orbit."""
    whole, fraction = utc_to_gps(take.orbit.epoch)
    total = np.asarray(time_s, dtype=np.float64) + fraction
    carry = np.floor(total)
    return whole + carry.astype(np.int64), total - carry


def ancillary_words(take: DataTake, latch_s: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Word index and word of each packet (n,) of one receive channel, latched at `latch_s` (n,).

    A frame of 64 words repeats until the second changes: then two packets carry index 0 and the new frame begins.
    """
    second, _ = gps_time(take, latch_s)
    starts = np.flatnonzero(np.diff(second, prepend=second[0] - 1))
    frame = np.searchsorted(starts, np.arange(second.size), side="right") - 1
    index = word_index(np.arange(second.size) - starts[frame], second > second[0])
    scenario = take.scenario
    frames = np.stack(
        [
            encode_frame(ancillary_data(take.orbit, int(second[start]), scenario.mispointing, scenario.seed))
            for start in starts
        ]
    )
    words = np.where(index == 0, 0, frames[frame, index - 1])
    return index.astype(np.uint8), words.astype(np.uint16)


def word_index(age: NDArray[np.int64], refreshed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The word index of the `age`-th packet (from 0) of its second; the buffer is `refreshed` as the second begins."""
    refresh = np.where(refreshed, _REFRESH_PACKETS, 0)
    return np.where(age < refresh, 0, (age - refresh) % FRAME_WORDS + 1)


def ancillary_data(
    orbit: Orbit, gps_second: int, mispointing: Mispointing, seed: int, *, has_tgu: bool = True
) -> AncillaryData:
    """The state of the satellite at a whole GPS second; S-1C and S-1D tell no temperature of the TGU."""
    whole, fraction = utc_to_gps(orbit.epoch)
    time = float(gps_second - whole) - fraction
    stamp = ticks(gps_second, 0.0)
    axes = steered_body_axes(orbit, np.asarray(time, dtype=np.float64), mispointing)
    return AncillaryData(
        position_m=tuple(orbit.position(time)),
        velocity_m_s=tuple(orbit.velocity(time)),
        position_time_ticks=stamp,
        quaternion=tuple(quaternion_of_body_axes(orbit.epoch, time, axes)),
        angular_rate_rad_s=tuple(body_rates_rad_s(orbit, time, mispointing)),
        attitude_time_ticks=stamp,
        temperature_update_mask=0x7FFF if has_tgu else 0x3FFF,
        tile_temperature_codes=_tile_codes(seed),
        tgu_temperature_code=_code(tgu_temperatures_celsius(), _TGU_CELSIUS) if has_tgu else 0,
    )


@lru_cache(maxsize=8)
def _tile_codes(seed: int) -> tuple[tuple[int, ...], ...]:
    rng = np.random.default_rng(seed)
    return tuple(
        tuple(_code(tile_temperatures_celsius(), _TILE_CELSIUS + offset) for offset in rng.uniform(-2.0, 2.0, 3))
        for _ in range(TILES)
    )


def _code(celsius_of_code: NDArray[np.float64], celsius: float) -> int:
    return int(np.nanargmin(np.abs(celsius_of_code - celsius)))
