"""The numeric tables behind packet coding, range decimation, temperatures and timelines, read once from `tables.json`.

Sources: S1-IF-ASD-PL-0007 issue 13 (coding, decimation, temperatures), AUX_INS (timelines, ECC and swath maps).
Arrays handed out are read-only.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.errors import PacketError

_Number = TypeVar("_Number", bound=np.generic)

MAGNITUDES = 16
BIT_RATE_CODES = ("BRC0", "BRC1", "BRC2", "BRC3", "BRC4")
FIXED_RATE_MODES = ("BAQ3", "BAQ4", "BAQ5")


@cache
def document() -> Any:
    """The parsed `tables.json`."""
    return json.loads(files(__package__).joinpath("tables.json").read_text(encoding="utf-8"))


@cache
def reconstruction(modes: tuple[str, ...]) -> NDArray[np.float32]:
    """Magnitudes (len(modes), 256 THIDX, 16 codes) float32; codes beyond a mode's alphabet give 0."""
    sigma = np.array(document()["sigma_factor"], np.float64)
    table = np.zeros((len(modes), 256, MAGNITUDES), np.float32)
    for row, mode in zip(table, modes, strict=True):
        levels = np.array(document()["nrl"][mode], np.float64)
        simple = document()["simple_reconstruction"][mode]
        row[:, : levels.size] = sigma[:, None] * levels
        for threshold_index, top_value in enumerate(simple["top_values"]):
            row[threshold_index, : levels.size] = np.arange(levels.size)
            row[threshold_index, levels.size - 1] = top_value
    return frozen_array(table)


@cache
def alphabet_sizes(modes: tuple[str, ...]) -> NDArray[np.int64]:
    """How many magnitude codes each mode has."""
    return frozen_array(np.array([len(document()["nrl"][mode]) for mode in modes], np.int64))


@cache
def prefix_codes() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """The FDBAQ prefix code of each (BRC, magnitude): bits (5, 16) and their number (5, 16), sign bit not included."""
    bits = np.zeros((len(BIT_RATE_CODES), MAGNITUDES), np.uint16)
    lengths = np.zeros(bits.shape, np.uint8)
    for brc, name in enumerate(BIT_RATE_CODES):
        for magnitude, code in enumerate(document()["huffman"][name]):
            bits[brc, magnitude] = int(code, 2)
            lengths[brc, magnitude] = len(code)
    return frozen_array(bits), frozen_array(lengths)


@cache
def range_decimations() -> dict[int, "RangeDecimation"]:
    """The range decimation filters by their code."""
    return {
        entry["code"]: RangeDecimation(
            code=entry["code"],
            bandwidth_hz=entry["filter_bw_hz"],
            interpolation=entry["L"],
            decimation=entry["M"],
            filter_length=entry["filter_length"],
            output_offset=entry["output_offset"],
            remainder_samples=tuple(entry["D"]),
            swaths=tuple(entry["swaths"]),
        )
        for entry in document()["range_decimation"]
    }


@cache
def timeline(ecc_number: int, phase: str) -> tuple["TimelineEntry", ...]:
    """What the instrument does, PRI by PRI, in `phase` (Preamble, Image Acquisition, Postamble) of a measurement mode.

    `PacketError` when no timeline is known for the ECC number.
    """
    phases = document()["timelines"].get(str(ecc_number))
    if phases is None:
        raise PacketError(f"no timeline is known for ECC number {ecc_number}")
    if phase not in phases:
        raise PacketError(f"a timeline has the phases {', '.join(phases)}, not {phase!r}")
    return tuple(TimelineEntry(swath, signal, band == "Full", count) for swath, signal, band, count in phases[phase])


@cache
def tile_temperatures_celsius() -> NDArray[np.float64]:
    """Temperature of an antenna tile element by its 8-bit code, NaN where undefined: float64 (256,)."""
    return frozen_array(np.array(document()["efe_temperature_degC"], np.float64))


@cache
def tgu_temperatures_celsius() -> NDArray[np.float64]:
    """Temperature of the timing and generation unit by its 7-bit code: float64 (128,)."""
    return frozen_array(np.array(document()["tgu_temperature_degC"], np.float64))


def frozen_array(array: NDArray[_Number]) -> NDArray[_Number]:
    """The same array, made read-only."""
    array.flags.writeable = False
    return array


@frozen
class RangeDecimation:
    """One row of S1-IF-ASD-PL-0007's table of range decimation filters."""

    code: int
    bandwidth_hz: float
    interpolation: int
    decimation: int
    filter_length: int
    output_offset: int
    remainder_samples: tuple[int, ...]
    swaths: tuple[str, ...]


@frozen
class TimelineEntry:
    """`pri_count` consecutive PRIs of one signal (`Echo`, `Noise`, `TxCal`, `Silent`, ...) with a swath's settings."""

    swath: str
    signal: str
    full_bandwidth: bool
    pri_count: int
