"""The columns of the packet table: header codes, their physical values, and annotations."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes
from s1pdgs.formats.isp.header import HEADER_DTYPE, packet_faults
from s1pdgs.formats.l0 import annot
from s1pdgs.tools.l0 import names
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.packets import Packets, sensing_times_us

Kind = Literal["integer", "real", "text", "time"]
"""Times are int64 microseconds since 1970-01-01 UTC."""


@frozen(eq=False)
class Block:
    """Consecutive packets of one measurement, of which columns are made: arrays (n,)."""

    polarisation: str
    number: NDArray[np.int64]
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    headers: NDArray[np.void]
    time_us: NDArray[np.int64]
    annotations: NDArray[np.void] | None
    newer: bool = False


@frozen
class Column:
    """A column: its name (the unit behind the last underscore), the kind of its values, and how they are made."""

    name: str
    kind: Kind
    make: Callable[[Block], NDArray[Any]]
    meaning: str


def block_of(packets: Packets, chosen: NDArray[np.int64], times_us: NDArray[np.int64] | None = None) -> Block:
    """The packets of `chosen` indices (n,); `times_us` brings the sensing times of all packets where they are known."""
    times = sensing_times_us(packets.headers) if times_us is None else times_us
    return Block(
        packets.polarisation,
        chosen,
        packets.offsets[chosen],
        packets.lengths[chosen],
        packets.headers[chosen],
        times[chosen],
        None if packets.annotations is None else packets.annotations[chosen],
        packets.newer,
    )


def _code(name: str) -> Column:
    return Column(name, "integer", lambda block: block.headers[name], f"header code {name}")


def _named(name: str, table: Callable[[], NDArray[np.str_]], field: str, meaning: str) -> Column:
    return Column(name, "text", lambda block: table()[block.headers[field]], meaning)


def _microseconds(field: str, meaning: str) -> Column:
    return Column(f"{field}_us", "real", lambda block: codes.duration_s(block.headers[field]) * 1e6, meaning)


def _annotated(name: str, kind: Kind, make: Callable[[NDArray[np.void]], NDArray[Any]], meaning: str) -> Column:
    def column(block: Block) -> NDArray[Any]:
        if block.annotations is None:
            raise ToolError(
                f"{block.polarisation}: no annotation component that fits the packets; leave --annotations out"
            )
        return make(block.annotations)

    return Column(name, kind, column, meaning)


def _echo_delay_us(block: Block) -> NDArray[np.float64]:
    fields = (block.headers[name] for name in ("rank", "pri", "swst"))
    return np.asarray(codes.echo_start_delay_s(*fields)) * 1e6


def _start_frequency_mhz(block: Block) -> NDArray[np.float64]:
    fields = block.headers["tx_start_frequency"], block.headers["tx_ramp_rate"]
    return np.asarray(codes.tx_start_frequency_hz(*fields)) * 1e-6


def _ramp_rate(block: Block) -> NDArray[np.float64]:
    return np.asarray(codes.tx_ramp_rate_hz_per_s(block.headers["tx_ramp_rate"])) * 1e-12


def bits_per_value(headers: NDArray[np.void]) -> NDArray[np.float64]:
    """User data bits for each real value, float64 (n,); NaN where there are no values."""
    values = 4.0 * headers["number_of_quads"]
    bits = 8.0 * (headers["data_length"].astype(np.float64) + 7 - 68)
    return np.asarray(np.divide(bits, values, out=np.full(values.shape, np.nan), where=values > 0))


_PLACE = (
    Column("packet", "integer", lambda block: block.number, "number of the packet in the file, from 0"),
    Column(
        "channel",
        "text",
        lambda block: np.full(block.number.size, block.polarisation),
        "polarisation of the measurement: transmitted and received letter",
    ),
    Column("offset", "integer", lambda block: block.offset, "octet at which the packet begins"),
    Column("length", "integer", lambda block: block.length, "octets of the whole packet"),
    Column("time", "time", lambda block: block.time_us, "sensing time of the packet, UTC"),
    Column("faults", "integer", lambda block: packet_faults(block.headers), "bits of what is wrong with the header"),
)
_NAMES = (
    Column(
        "signal",
        "text",
        lambda block: names.signals(newer=block.newer)[block.headers["signal_type"]],
        "what the packet holds",
    ),
    _named("swath", names.swaths, "swath_number", "swath, whatever the kind of packet"),
    _named("mode", names.modes, "ecc_number", "measurement mode"),
    _named("compression", names.compressions, "baq_mode", "how the user data are coded"),
    _named("transmitted", names.transmitted, "polarisation", "letter transmitted in this PRI"),
    _named("received", names.received, "rx_channel", "letter received"),
    _named("calibration", names.calibration_modes, "cal_mode", "calibration mode"),
)
_PHYSICAL = {
    "coarse_time": (),
    "signal_type": ("signal",),
    "swath_number": ("swath",),
    "ecc_number": ("mode",),
    "baq_mode": ("compression",),
    "polarisation": ("transmitted",),
    "rx_channel": ("received",),
    "cal_mode": ("calibration",),
    "pri": ("pri_us",),
    "swst": ("swst_us", "echo_delay_us"),
    "swl": ("swl_us",),
    "tx_pulse_length": ("tx_pulse_length_us",),
    "tx_ramp_rate": ("tx_ramp_rate_mhz_us",),
    "tx_start_frequency": ("tx_start_frequency_mhz",),
    "rx_gain": ("rx_gain_db",),
    "range_decimation": ("sampling_mhz",),
    "number_of_quads": ("samples", "bits_per_value"),
}
_VALUES = (
    _microseconds("pri", "pulse repetition interval"),
    _microseconds("swst", "sampling window start"),
    _microseconds("swl", "sampling window length"),
    _microseconds("tx_pulse_length", "length of the transmitted pulse"),
    Column("echo_delay_us", "real", _echo_delay_us, "from the rising edge of the pulse to the first echo sample"),
    Column("tx_ramp_rate_mhz_us", "real", _ramp_rate, "chirp rate"),
    Column("tx_start_frequency_mhz", "real", _start_frequency_mhz, "start of the chirp relative to the carrier"),
    Column("rx_gain_db", "real", lambda block: codes.rx_gain_db(block.headers["rx_gain"]) + 0.0, "receiver gain"),
    Column("sampling_mhz", "real", lambda block: names.sampling_mhz()[block.headers["range_decimation"]], "sampling"),
    Column(
        "samples", "integer", lambda block: 2 * block.headers["number_of_quads"].astype(np.int64), "complex samples"
    ),
    Column("bits_per_value", "real", lambda block: bits_per_value(block.headers), "user data bits per real value"),
)
_ANNOTATIONS = (
    _annotated("annot_sensing_time", "time", annot.sensing_times_us, "sensing time as annotated"),
    _annotated("annot_downlink_time", "time", annot.downlink_times_us, "ground reception time"),
    _annotated("annot_length", "integer", annot.packet_sizes, "whole packet length as annotated"),
    _annotated("annot_frames", "integer", lambda records: records["frames"], "transfer frames that carried it"),
    _annotated("annot_missing_frames", "integer", lambda records: records["missing_frames"], "frames missing"),
    _annotated("annot_crc_error", "integer", lambda records: records["crc_error"], "CRC error flag"),
    _annotated("annot_vcid", "integer", annot.vcids, "virtual channel"),
    _annotated("annot_channel", "integer", annot.channels, "downlink channel"),
)
COLUMNS = {
    column.name: column
    for column in (*_PLACE, *(_code(name) for name in HEADER_DTYPE.names or ()), *_NAMES, *_VALUES, *_ANNOTATIONS)
}
DEFAULT = (
    "packet", "channel", "time", "signal", "swath", "space_packet_count", "pri_count", "rank", "pri", "swst", "swl",
    "rx_gain", "baq_mode", "number_of_quads", "length",
)  # fmt: skip


def choose_columns(fields: Sequence[str], *, physical: bool = False, annotations: bool = False) -> tuple[Column, ...]:
    """The columns of a table: `fields` (`all` for every code; the usual ones when none is given), physical values
    behind their codes, annotations last. Raises `ToolError` naming an unknown field.
    """
    wanted = list(fields) or list(DEFAULT)
    if wanted == ["all"]:
        wanted = [column.name for column in _PLACE] + list(HEADER_DTYPE.names or ())
    chosen: dict[str, Column] = {}
    for name in wanted:
        chosen[name] = column_named(name)
        for value in _PHYSICAL.get(name, ()) if physical else ():
            chosen[value] = COLUMNS[value]
    if annotations:
        chosen.update({column.name: column for column in _ANNOTATIONS})
    return tuple(chosen.values())


def column_named(name: str) -> Column:
    """A column; `ToolError` naming those of a similar name."""
    column = COLUMNS.get(name)
    if column is None:
        near = " or ".join(get_close_matches(name, COLUMNS, 3, 0.5))
        hint = f"did you mean {near}? " if near else ""
        raise ToolError(f"no field is named {name!r}; {hint}`s1pdgs l0 dump --list-fields` lists all")
    return column
