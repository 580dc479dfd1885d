"""Physical values of header codes, and codes of physical values (S1-IF-ASD-PL-0007, sections 3.2 and 4).

Functions of codes take integers or integer arrays and give floats or float64 arrays of the same shape.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.tables import RangeDecimation, document, range_decimations

F_REF_HZ = 37534722.24
ECHO_START_DELAY_S = 320 / (8 * F_REF_HZ)
_RAMP_RATE_LSB = F_REF_HZ**2 / 2**21
_START_FREQUENCY_LSB = F_REF_HZ / 2**14
_SIGN = 0x8000
_FILTER_TRANSIENT = 17


NEWER_SATELLITES = ("S1C", "S1D")


class SignalType(IntEnum):
    """What a packet holds; 11 is TA calibration on S-1A/B and TxCalIso on S-1C/D, 12 and 15 are S-1A/B only."""

    ECHO = 0
    NOISE = 1
    TX_CAL = 8
    RX_CAL = 9
    EPDN_CAL = 10
    TA_CAL = 11
    APDN_CAL = 12
    TX_H_CAL_ISO = 15


_COMMON_CALIBRATION: dict[int, str] = {
    SignalType.TX_CAL: "TxCal",
    SignalType.RX_CAL: "RxCal",
    SignalType.EPDN_CAL: "EpdnCal",
}
_CALIBRATION: dict[int, str] = {
    **_COMMON_CALIBRATION,
    SignalType.TA_CAL: "TaCal",
    SignalType.APDN_CAL: "ApdnCal",
    SignalType.TX_H_CAL_ISO: "TxHCalIso",
}
_NEWER_CALIBRATION: dict[int, str] = {**_COMMON_CALIBRATION, SignalType.TA_CAL: "TxCalIso"}


class BaqMode(IntEnum):
    """How user data are quantised."""

    BYPASS = 0
    BAQ3 = 3
    BAQ4 = 4
    BAQ5 = 5
    FDBAQ0 = 12
    FDBAQ1 = 13
    FDBAQ2 = 14


class TestMode(IntEnum):
    """Receive module states other than normal measurement."""

    NORMAL = 0
    GROUND_OPERATIONAL = 4
    GROUND_BYPASS = 5
    OPERATIONAL = 6
    BYPASS = 7

    __test__ = False  # pytest: not a test class


class Polarisation(IntEnum):
    """What is transmitted and received in a PRI: transmit letter, then the receive letters."""

    H = 0
    HH = 1
    HV = 2
    H_HV = 3
    V = 4
    VH = 5
    VV = 6
    V_HV = 7

    @property
    def tx(self) -> str:
        """The transmitted polarisation: H or V."""
        return "V" if self.value & 4 else "H"

    @property
    def rx(self) -> str:
        """The received polarisations: none, H, V or HV."""
        return ("", "H", "V", "HV")[self.value & 3]


@frozen
class Swath:
    """What a swath number says: the swath (S1..S6, IW1.., EW1.., WV1.., EN, RF) and the kind of packet it marks.

    `notch_name` is the swath's name in the noise-characterisation modes (N1..N6), None where there is none.
    """

    name: str
    notch_name: str | None
    full_bandwidth: bool
    tx_calibration: bool


def duration_s(count: ArrayLike) -> Any:
    """Seconds of a PRI, SWST, SWL or Tx pulse length code: count / f_ref."""
    return np.asarray(count, np.float64)[()] / F_REF_HZ


pri_s = swst_s = swl_s = tx_pulse_length_s = duration_s


def duration_code(seconds: ArrayLike) -> Any:
    """The PRI, SWST, SWL or Tx pulse length code nearest to a duration in seconds; `PacketError` beyond 24 bits."""
    return _rounded_code(np.asarray(seconds, np.float64) * F_REF_HZ, (1 << 24) - 1, "duration")


def signed_magnitude(code: ArrayLike) -> Any:
    """The signed integer of a 16-bit sign-magnitude code whose set msb means plus (TXPRR, TXPSF)."""
    codes = np.asarray(code, np.int64)
    magnitude = codes & (_SIGN - 1)
    return np.where(codes & _SIGN, magnitude, -magnitude)[()]


def signed_magnitude_code(value: ArrayLike) -> Any:
    """The 16-bit sign-magnitude code of a signed integer; `PacketError` when the magnitude needs more than 15 bits."""
    values = np.asarray(value, np.int64)
    magnitude = np.abs(values)
    if np.any(magnitude >= _SIGN):
        raise PacketError(f"{values} does not fit a 15-bit magnitude")
    return np.where(values >= 0, magnitude | _SIGN, magnitude)[()]


def tx_ramp_rate_hz_per_s(code: ArrayLike) -> Any:
    """The chirp rate of a TXPRR code, Hz/s, positive for an up-chirp."""
    return signed_magnitude(code) * _RAMP_RATE_LSB


def tx_ramp_rate_code(rate_hz_per_s: ArrayLike) -> Any:
    """The TXPRR code nearest to a chirp rate in Hz/s."""
    return signed_magnitude_code(np.rint(np.asarray(rate_hz_per_s, np.float64) / _RAMP_RATE_LSB))


def tx_start_frequency_hz(code: ArrayLike, ramp_rate_code: ArrayLike) -> Any:
    """The chirp's start frequency relative to the carrier, Hz, of a TXPSF code and its TXPRR code."""
    return tx_ramp_rate_hz_per_s(ramp_rate_code) / (4 * F_REF_HZ) + signed_magnitude(code) * _START_FREQUENCY_LSB


def tx_start_frequency_code(frequency_hz: ArrayLike, ramp_rate_code: ArrayLike) -> Any:
    """The TXPSF code nearest to a start frequency in Hz, given the TXPRR code."""
    part_hz = np.asarray(frequency_hz, np.float64) - tx_ramp_rate_hz_per_s(ramp_rate_code) / (4 * F_REF_HZ)
    return signed_magnitude_code(np.rint(part_hz / _START_FREQUENCY_LSB))


def rx_gain_db(code: ArrayLike) -> Any:
    """The receiver gain relative to its maximum, dB (0 or negative)."""
    return -0.5 * np.asarray(code, np.float64)[()]


def range_decimation(code: int) -> RangeDecimation:
    """The range decimation filter of a code; `PacketError` for an undefined code."""
    found = range_decimations().get(int(code))
    if found is None:
        raise PacketError(f"range decimation code {code} is not defined")
    return found


def sampling_frequency_hz(range_decimation_code: int) -> float:
    """The sampling frequency after decimation: 4 f_ref L / M."""
    chosen = range_decimation(range_decimation_code)
    return 4 * F_REF_HZ * chosen.interpolation / chosen.decimation


def number_of_samples(swl: int, range_decimation_code: int) -> int:
    """How many complex samples (2 NQ) a sampling window length code gives; `PacketError` for a window too short."""
    chosen = range_decimation(range_decimation_code)
    inputs = 2 * int(swl) - chosen.output_offset - _FILTER_TRANSIENT
    if inputs < 0:
        raise PacketError(f"sampling window length code {swl} is shorter than the decimation filter's transient")
    whole, rest = divmod(inputs, chosen.decimation)
    return 2 * (chosen.interpolation * whole + chosen.remainder_samples[rest] + 1)


def swl_code_for_samples(samples: int, range_decimation_code: int) -> int:
    """The smallest sampling window length code that gives at least `samples` complex samples."""
    chosen = range_decimation(range_decimation_code)
    transient = chosen.output_offset + _FILTER_TRANSIENT
    swl = (transient + 1) // 2
    whole = max(0, (samples // 2 - 1) // chosen.interpolation - 1)
    swl = max(swl, (transient + whole * chosen.decimation) // 2)
    while number_of_samples(swl, range_decimation_code) < samples:
        swl += 1
    return swl


def packet_time(coarse: ArrayLike, fine: ArrayLike) -> tuple[Any, Any]:
    """Sensing time of packets, exact: whole GPS seconds since 1980-01-06 (int64) and the fraction (float64, s)."""
    return np.asarray(coarse, np.int64)[()], (np.asarray(fine, np.float64)[()] + 0.5) / 65536.0


def packet_time_codes(gps_seconds: ArrayLike, fraction_s: ArrayLike) -> tuple[Any, Any]:
    """Coarse and fine time codes of the interval of 2^-16 s in which a GPS time lies (fraction may exceed [0, 1))."""
    fraction = np.asarray(fraction_s, np.float64)
    carry = np.floor(fraction)
    fine = np.floor((fraction - carry) * 65536.0).astype(np.int64)
    coarse = np.asarray(gps_seconds, np.int64) + carry.astype(np.int64) + (fine >> 16)
    return coarse[()], (fine & 0xFFFF)[()]


def echo_start_delay_s(rank: ArrayLike, pri: ArrayLike, swst: ArrayLike) -> Any:
    """Seconds from the rising edge of the transmitted pulse to the first echo sample: rank PRI + SWST + 320/(8 f_ref).

    Codes of the packet that holds the echo; sample i follows i / sampling frequency later.
    """
    counts = np.asarray(rank, np.int64) * np.asarray(pri, np.int64) + np.asarray(swst, np.int64)
    return duration_s(counts) + ECHO_START_DELAY_S


def channel_polarisation(polarisation: int, rx_channel: int) -> str:
    """Transmit and receive letters of one packet (`VH`), its receive channel being 0 for V and 1 for H."""
    if rx_channel not in (0, 1):
        raise PacketError(f"receive channel {rx_channel} is not defined: 0 is V, 1 is H")
    return Polarisation(polarisation).tx + "VH"[rx_channel]


def swath(swath_number: int) -> Swath:
    """What a swath number means; `PacketError` for an undefined number."""
    names = document()["swath_number_to_swaths"].get(str(int(swath_number)))
    if names is None:
        raise PacketError(f"swath number {swath_number} is not defined")
    tx_calibration = swath_number >= 50
    base = swath_number - 50 if tx_calibration else swath_number
    full_bandwidth = base in (8, 32, 33, 34) or 25 <= base <= 29 or 36 <= base <= 45
    return Swath(names[-1], names[0] if len(names) > 1 else None, full_bandwidth, tx_calibration)


def swath_name(swath_number: int) -> str:
    """The swath that a swath number belongs to, whatever the kind of packet: `IW1` for 10, 43, 60 and 93."""
    return swath(swath_number).name


def instrument_mode(ecc_number: int) -> str:
    """The mode of an ECC number: S1..S6, IW, EW, WV, EN, RF, N1..N6, and Z1..Z6, ZI, ZE, ZW of noise characterisation
    (that these carry the Z names is inferred: names and ECC numbers are the same ten).

    `PacketError` for a test or contingency number, which belongs to no mode.
    """
    tables = (document()["ecc_to_mode"], document()["ecc_noise_characterisation"])
    mode = next((table[key] for table in tables if (key := str(int(ecc_number))) in table), None)
    if mode is None:
        raise PacketError(f"ECC number {ecc_number} belongs to no measurement mode that is known")
    return str(mode)


def calibration_signal(signal_type: int, satellite: str) -> str | None:
    """What a calibration packet measures (`TxCal`, `TaCal` ...), None for echo, noise and what the satellite has not.

    S-1A and S-1B follow S1-IF-ASD-PL-0007; S-1C and S-1D (S1CD-IF-ASD-IF01-0005) have the isolation measurement in the
    place of the TA calibration, and no APDN calibration.
    """
    table = _NEWER_CALIBRATION if satellite in NEWER_SATELLITES else _CALIBRATION
    return table.get(int(signal_type))


def has_tgu_temperature(satellite: str) -> bool:
    """Whether word 64 of the sub-commutated data holds a temperature: it is not applicable on S-1C and S-1D."""
    return satellite not in NEWER_SATELLITES


def _rounded_code(value: NDArray[np.float64], largest: int, what: str) -> Any:
    code = np.rint(value)
    if np.any(code < 0) or np.any(code > largest) or not np.all(np.isfinite(code)):
        raise PacketError(f"{what} code {code} is not in 0..{largest}")
    return code.astype(np.int64)[()]
