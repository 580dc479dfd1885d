"""The codes that the instrument is commanded with, swath by swath, for every measurement mode.

PRI, rank, pulse and gain of S3, IW1-3 and EW1 are those of real annotations. The PRIs of the other StripMap swaths
follow from their timelines (AUX_INS: 20 calibration pulses every second), those of EW2-5 are chosen such that a cycle
of five bursts lasts 3.0384 s, as it does; ranks, windows and pulse lengths follow from the beam edges and bandwidths of
the swaths, the satellite being 703 km up. Pulse lengths are bandwidth (AUX_PP1) over chirp rate (AUX_INS).
"""

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.tables import document
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.scenario import RadarSettings
from s1pdgs.simulator.swaths import swath

SHORT_PULSE = 240
"""Pulse length of reduced windows: of the usual bandwidth, so that calibration packets are small as well."""

COMMANDED_HEIGHT_M = 703_000.0

_SHORT_WINDOW_MARGIN = 200
_ADJOINING_SHARE = 0.6
_HEIGHT_MARGIN = 900
"""Codes by which window starts may follow the height of the satellite."""
_NAMES = ("pri", "rank", "tx_pulse_length", "swst", "swl", "range_decimation", "rx_gain", "beam", "number", "full")
# of each swath: the codes above; `beam` is both elevation beam and pulse number, `full` the full-bandwidth swath number
_CODES = {
    "S1": (20061, 9, 1706, 5165, 9444, 1, 12, 0, 0, 36),
    "S2": (23270, 8, 1978, 3493, 10788, 3, 12, 1, 1, 37),
    "S3": (19499, 10, 1658, 2872, 12407, 4, 12, 2, 2, 38),
    "S4": (22748, 9, 1932, 3736, 13984, 5, 12, 3, 3, 39),
    "S5N": (19766, 11, 1690, 2778, 15017, 6, 12, 4, 4, 40),
    "S5S": (19891, 11, 1690, 3282, 14754, 6, 12, 4, 5, 41),
    "S6": (22570, 10, 1918, 2796, 15956, 9, 12, 5, 6, 42),
    "EN": (19870, 11, 1690, 1940, 15017, 6, 12, 4, 7, 8),
    "RF": (20061, 9, 1706, 5165, 9444, 1, 12, 0, 35, 34),
    "IW1": (21859, 9, 1967, 4087, 13951, 8, 8, 6, 10, 43),
    "IW2": (25857, 8, 2327, 5542, 16620, 11, 8, 7, 11, 44),
    "IW3": (22265, 10, 2004, 3609, 15852, 9, 8, 8, 12, 45),
    "EW1": (22777, 8, 1137, 3452, 13415, 7, 8, 9, 20, 25),
    "EW2": (21424, 9, 970, 5035, 10993, 10, 8, 10, 21, 26),
    "EW3": (20556, 10, 1139, 2192, 13654, 10, 8, 11, 22, 27),
    "EW4": (21734, 10, 990, 2770, 13518, 10, 8, 12, 23, 28),
    "EW5": (20948, 11, 1150, 2134, 11837, 10, 8, 13, 24, 29),
    "WV1": (22769, 8, 751, 7459, 2767, 1, 8, 14, 30, 32),
    "WV2": (22769, 9, 751, 7845, 3756, 11, 8, 15, 31, 33),
}
_FACTS_OF = {"S5N": "S5", "S5S": "S5", "EN": "S5", "RF": "S1"}
"""Beam and chirp: both kinds of S5 have the same, EN sends the pulses of S5 and RF those of S1."""

_NOISE_CHARACTERISATION = {37: 1, 38: 2, 39: 3, 40: 4, 41: 5, 42: 10, 43: 6, 44: 32, 45: 8, 46: 9}
"""Modes without pulses, and the modes whose timelines they are taken to follow: AUX_INS has none of them."""

_SOUTH = (10, 23, 26, 42)
"""ECC numbers of S5 (and N5, Z5) on the southern hemisphere; the other ones of S5 are for the northern."""


@frozen(kw_only=True)
class SwathSettings(RadarSettings):
    """The codes of a swath in a measurement mode, sampling window included.

    `swath` is the name in the timeline (N1 is S1 without pulses), `swst` that at the height `COMMANDED_HEIGHT_M` and
    `near_angle_deg` the edge of the beam at the reference height.
    """

    swst: int
    swl: int
    near_angle_deg: float
    pulsed: bool = True

    @property
    def samples(self) -> int:
        """Complex samples of an image packet."""
        return codes.number_of_samples(self.swl, self.range_decimation)


def swath_settings(ecc_number: int, swath_name: str, samples: int | None = None) -> SwathSettings:
    """The settings of a swath of a timeline; `samples` asks for a reduced window of at least so many samples.

    With a reduced window the pulse is short. Raises `SimulatorError` for a swath that is not commanded, or a window
    that does not fit between two pulses.
    """
    key = _key(ecc_number, swath_name)
    if key not in _CODES:
        raise SimulatorError(f"swath {swath_name!r} of ECC {ecc_number} is not simulated; {', '.join(_CODES)} are")
    of = dict(zip(_NAMES, _CODES[key], strict=True))
    facts = swath(_FACTS_OF.get(key, key))
    rate = 2.0 * facts.phase_coefficients[2]
    full = SwathSettings(
        swath=swath_name,
        ecc_number=ecc_number,
        swath_number=of["number"],
        calibration_swath_number=of["full"],
        pri=of["pri"],
        rank=of["rank"],
        tx_pulse_length=of["tx_pulse_length"],
        range_decimation=of["range_decimation"],
        rx_gain=of["rx_gain"],
        elevation_beam=of["beam"],
        tx_pulse_number=of["beam"],
        swst=of["swst"],
        swl=of["swl"],
        near_angle_deg=facts.near_angle_deg,
        steering_rad_s=math.radians(facts.steering_deg_s),
        pulsed=not swath_name.startswith("N") and ecc_number not in _NOISE_CHARACTERISATION,
        **_pulse(rate, of["tx_pulse_length"]),
    )
    return full if samples is None else _reduced(full, rate, samples)


def adjoining(swaths: Sequence[SwathSettings]) -> tuple[SwathSettings, ...]:
    """The reduced windows of TOPS drawn together until the ground of neighbours overlaps, so that they can be merged.

    Ranks and window starts change, and all follow the height as the middle one does; as they were when windows are
    shorter than their pulses or nothing fits.
    """
    useful = [settings.swl - settings.tx_pulse_length for settings in swaths]
    if min(useful) <= 0:
        return tuple(swaths)
    middle = swaths[len(swaths) // 2]
    offsets = np.cumsum([0, *(round(_ADJOINING_SHARE * width) for width in useful[:-1])])
    nominal = middle.rank * middle.pri + middle.swst - int(offsets[len(swaths) // 2])
    for shift in sorted(range(-middle.pri, middle.pri, _SHORT_WINDOW_MARGIN), key=abs):
        placed = [
            divmod(nominal + shift + int(offset), settings.pri)
            for offset, settings in zip(offsets, swaths, strict=True)
        ]
        if all(
            settings.tx_pulse_length + _HEIGHT_MARGIN <= swst <= settings.pri - settings.swl - _HEIGHT_MARGIN
            for settings, (_, swst) in zip(swaths, placed, strict=True)
        ):
            return tuple(
                attrs.evolve(settings, rank=rank, swst=swst, near_angle_deg=middle.near_angle_deg)
                for settings, (rank, swst) in zip(swaths, placed, strict=True)
            )
    return tuple(swaths)


def mode_swaths(ecc_number: int) -> tuple[str, ...]:
    """The swaths of a measurement mode in the order of its timeline. Raises `SimulatorError` for an unknown mode."""
    phases = document()["timelines"].get(str(timeline_ecc(ecc_number)))
    if phases is None:
        known = ", ".join((*document()["timelines"], *map(str, _NOISE_CHARACTERISATION)))
        raise SimulatorError(f"ECC number {ecc_number} has no timeline; choose one of {known}")
    return tuple(dict.fromkeys(step[0] for step in (*phases["Preamble"], *phases["Image Acquisition"])))


def timeline_ecc(ecc_number: int) -> int:
    """The ECC number whose timeline a mode follows: its own, or that of the mode whose noise is characterised."""
    return _NOISE_CHARACTERISATION.get(ecc_number, ecc_number)


def ecc_number(mode: str) -> int:
    """The usual ECC number of a mode: `IW`, `S3`, `RF` ... or a number. Raises `SimulatorError` for another word."""
    numbers = document()["ecc_to_mode"] | document()["ecc_noise_characterisation"]
    modes = {name: int(number) for number, name in reversed(numbers.items())}
    modes |= {"S5N": 5, "S5S": 10, "N5N": 22, "N5S": 23, "RFC": 15}
    if mode in numbers:
        return int(mode)
    if mode.upper() not in modes:
        raise SimulatorError(f"mode {mode!r} is unknown; choose an ECC number or one of {', '.join(sorted(modes))}")
    return modes[mode.upper()]


def _key(ecc_number: int, swath_name: str) -> str:
    name = swath_name.replace("N", "S", 1) if swath_name[:1] == "N" else swath_name
    if name == "S5":
        return "S5S" if ecc_number in _SOUTH else "S5N"
    return name


def _pulse(rate_hz_s: float, length: int) -> dict[str, int]:
    ramp = int(codes.tx_ramp_rate_code(rate_hz_s))
    bandwidth = float(codes.tx_ramp_rate_hz_per_s(ramp)) * float(codes.tx_pulse_length_s(length))
    return {"tx_ramp_rate": ramp, "tx_start_frequency": int(codes.tx_start_frequency_code(-0.5 * bandwidth, ramp))}


def _reduced(full: SwathSettings, rate_hz_s: float, samples: int) -> SwathSettings:
    swl = codes.swl_code_for_samples(samples, full.range_decimation)
    swst = min(full.swst, full.pri - swl - _SHORT_WINDOW_MARGIN)
    if swst < full.tx_pulse_length:
        raise SimulatorError(f"a window of {samples} samples does not fit a PRI of {full.swath}; ask for fewer")
    length = min(full.tx_pulse_length, SHORT_PULSE)
    pulse: dict[str, Any] = _pulse(rate_hz_s * full.tx_pulse_length / length, length)
    return attrs.evolve(full, swl=swl, swst=swst, tx_pulse_length=length, **pulse)
