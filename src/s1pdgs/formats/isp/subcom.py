"""The sub-commutated ancillary data: 64 words, one per packet, that carry orbit, attitude and temperatures.

Source: S1-IF-ASD-PL-0007, section 3.2.2 (sub-commutation ancillary data service). The words of one receive channel
follow each other from packet to packet; index 0 says that the frame is being refreshed (at 1 Hz).
"""

import struct
from collections.abc import Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import tgu_temperatures_celsius, tile_temperatures_celsius

FRAME_WORDS = 64
TILES = 14
TICKS_PER_SECOND = 1 << 24
AOCS_NORMAL_POINTING = 5
AOCS_ORBIT_CONTROL = 6
_TIME_MASK = (1 << 56) - 1
_TGU_MASK = 0x7F
_SENSORS = 3
_NO_TEMPERATURES = ((0,) * _SENSORS,) * TILES
# position, velocity, position time | quaternion, angular rate, attitude time | pointing, mask | tiles | TGU
_LAYOUT = struct.Struct(">3d3fQ4f3fQBBH42sH")


def ticks(gps_seconds: int, fraction_s: float) -> int:
    """A GPS time, whole seconds since 1980-01-06 and a fraction, as the nearest multiple of 2^-24 s."""
    return gps_seconds * TICKS_PER_SECOND + round(fraction_s * TICKS_PER_SECOND)


def split_ticks(count: int) -> tuple[int, float]:
    """A multiple of 2^-24 s as whole GPS seconds and an exact fraction in [0, 1)."""
    return count >> 24, (count & (TICKS_PER_SECOND - 1)) / TICKS_PER_SECOND


def encode_frame(data: "AncillaryData") -> NDArray[np.uint16]:
    """The 64 words of a frame, uint16 (64,), word 1 first; `PacketError` naming the value that does not fit."""
    for name, code, largest in (
        ("position time", data.position_time_ticks, _TIME_MASK),
        ("attitude time", data.attitude_time_ticks, _TIME_MASK),
        ("TGU temperature code", data.tgu_temperature_code, _TGU_MASK),
    ):
        if not 0 <= code <= largest:
            raise PacketError(f"{name} {code} is not in 0..{largest}")
    if [len(tile) for tile in data.tile_temperature_codes] != [_SENSORS] * TILES:
        raise PacketError(f"temperatures must be {_SENSORS} codes for each of {TILES} tiles")
    try:
        octets = _LAYOUT.pack(
            *data.position_m,
            *data.velocity_m_s,
            data.position_time_ticks,
            *data.quaternion,
            *data.angular_rate_rad_s,
            data.attitude_time_ticks,
            data.aocs_mode,
            data.roll_error << 2 | data.pitch_error << 1 | data.yaw_error,
            data.temperature_update_mask,
            bytes(code for tile in data.tile_temperature_codes for code in tile),
            data.tgu_temperature_code,
        )
    except (struct.error, ValueError) as error:
        raise PacketError(f"ancillary data do not fit their words: {error}") from None
    return np.frombuffer(octets, ">u2").astype(np.uint16)


def decode_frame(words: NDArray[np.uint16]) -> "AncillaryData":
    """The contents of a frame's 64 words, uint16 (64,), word 1 first."""
    if words.shape != (FRAME_WORDS,):
        raise PacketError(f"a sub-commutated frame has {FRAME_WORDS} words, not shape {words.shape}")
    values = _LAYOUT.unpack(words.astype(">u2").tobytes())
    tiles = values[18]
    return AncillaryData(
        position_m=values[0:3],
        velocity_m_s=values[3:6],
        position_time_ticks=values[6] & _TIME_MASK,
        quaternion=values[7:11],
        angular_rate_rad_s=values[11:14],
        attitude_time_ticks=values[14] & _TIME_MASK,
        aocs_mode=values[15],
        roll_error=bool(values[16] & 4),
        pitch_error=bool(values[16] & 2),
        yaw_error=bool(values[16] & 1),
        temperature_update_mask=values[17],
        tile_temperature_codes=tuple(tuple(tiles[k : k + _SENSORS]) for k in range(0, len(tiles), _SENSORS)),
        tgu_temperature_code=values[19] & _TGU_MASK,
    )


def frame_starts(subcom_index: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The packets, int64, of one receive channel at which unbroken runs of the word indices 1..64 start."""
    candidates = np.flatnonzero(np.asarray(subcom_index) == 1)
    candidates = candidates[candidates + FRAME_WORDS <= len(subcom_index)]
    if not candidates.size:
        return candidates
    runs = np.asarray(subcom_index)[candidates[:, None] + np.arange(FRAME_WORDS)]
    unbroken: NDArray[np.int64] = candidates[(runs == np.arange(1, FRAME_WORDS + 1)).all(axis=1)]
    return unbroken


def decode_frames(subcom_index: NDArray[np.uint8], subcom_word: NDArray[np.uint16]) -> list["AncillaryData"]:
    """The contents of every complete frame in the packets of one receive channel, in their order.

    Only unbroken runs of the indices 1..64 count: a run cut by a refresh (index 0), a lost packet or the end of the
    data mixes two states and is skipped. `frame_starts` tells the first packet of each.
    """
    words = np.asarray(subcom_word)
    if len(words) != len(subcom_index):
        raise PacketError(f"{len(subcom_index)} word indices need as many words, not {len(words)}")
    return [decode_frame(words[start : start + FRAME_WORDS]) for start in frame_starts(subcom_index)]


def _float32(values: Sequence[float]) -> tuple[float, ...]:
    with np.errstate(over="ignore"):
        return tuple(np.asarray(values, np.float64).astype(np.float32).tolist())


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@frozen
class AncillaryData:
    """One state of the satellite as the instrument relays it.

    `position_m`, `velocity_m_s`: Earth-fixed (ITRF) x, y, z. `quaternion`: real part first, inertial (J2000) to body.
    `angular_rate_rad_s`: body axes, relative to inertial. Times are multiples of 2^-24 s since 1980-01-06 GPS
    (`split_ticks`). Velocity, quaternion and rate are rounded to float32, as they are sent.
    `tile_temperature_codes`: for each of the 14 tiles EFE-H, EFE-V and TA. `temperature_update_mask`: 16 bits; 0x4000
    TGU, 0x2000 .. 0x0001 tiles 1 .. 14.
    """

    position_m: tuple[float, ...] = field(converter=_floats)
    velocity_m_s: tuple[float, ...] = field(converter=_float32)
    position_time_ticks: int
    quaternion: tuple[float, ...] = field(converter=_float32)
    angular_rate_rad_s: tuple[float, ...] = field(converter=_float32)
    attitude_time_ticks: int
    aocs_mode: int = AOCS_NORMAL_POINTING
    roll_error: bool = False
    pitch_error: bool = False
    yaw_error: bool = False
    temperature_update_mask: int = 0
    tile_temperature_codes: tuple[tuple[int, ...], ...] = _NO_TEMPERATURES
    tgu_temperature_code: int = 0

    @property
    def position_time(self) -> tuple[int, float]:
        """When position and velocity hold: whole GPS seconds and the exact fraction."""
        return split_ticks(self.position_time_ticks)

    @property
    def attitude_time(self) -> tuple[int, float]:
        """When quaternion and angular rate hold: whole GPS seconds and the exact fraction."""
        return split_ticks(self.attitude_time_ticks)

    @property
    def tile_temperatures_celsius(self) -> NDArray[np.float64]:
        """Temperatures of EFE-H, EFE-V and TA of each tile, float64 (14, 3), NaN where the code is undefined."""
        return np.take(tile_temperatures_celsius(), np.array(self.tile_temperature_codes))

    @property
    def tgu_temperature_celsius(self) -> float:
        """Temperature of the timing and generation unit (S-1A and S-1B only: `codes.has_tgu_temperature`)."""
        return float(tgu_temperatures_celsius()[self.tgu_temperature_code])
