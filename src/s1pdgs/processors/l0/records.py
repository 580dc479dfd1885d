"""What the Level-0 processors remember of each space packet while its bytes rest in a file."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import PacketFault, packet_faults
from s1pdgs.formats.isp.tables import timeline
from s1pdgs.formats.l0.annot import new_annotations
from s1pdgs.model.time import from_micros, gps_to_utc, micros

_HEADER_FIELDS = (
    ("space_packet_count", "u4"),
    ("sequence_count", "u2"),
    ("pri_count", "u4"),
    ("coarse_time", "u4"),
    ("fine_time", "u2"),
    ("data_take_id", "u4"),
    ("instrument_configuration_id", "u4"),
    ("ecc_number", "u1"),
    ("test_mode", "u1"),
    ("rx_channel", "u1"),
    ("polarisation", "u1"),
    ("signal_type", "u1"),
    ("cal_mode", "u1"),
    ("baq_mode", "u1"),
    ("subcom_index", "u1"),
    ("subcom_word", "u2"),
    ("rank", "u1"),
    ("pri", "u4"),
    ("swst", "u4"),
    ("swl", "u4"),
    ("tx_pulse_length", "u4"),
    ("range_decimation", "u1"),
    ("swath_number", "u1"),
    ("number_of_quads", "u2"),
)
_RECEPTION_FIELDS = (
    ("source", "u1"),
    ("offset", "i8"),
    ("length", "u4"),
    ("frames", "u4"),
    ("missing_frames", "u4"),
    ("downlink_us", "i8"),
    ("vcid", "u1"),
    ("channel", "u1"),
    ("faults", "u2"),
)
PACKET_RECORD = np.dtype([*_HEADER_FIELDS, *_RECEPTION_FIELDS])
"""Header codes that book-keeping needs, and where the packet lies: `source` file, `offset` and `length` there; the
transfer frames that carried it and those missing before it; ground reception in microseconds since 1970-01-01 UTC."""

UNUSABLE = PacketFault.IDENTIFICATION | PacketFault.SEQUENCE_FLAGS | PacketFault.LENGTH | PacketFault.SYNC
"""Faults after which a packet cannot be attributed to a data take; all others stay in the product, counted."""

FOREIGN_DATA_TAKE = 256
"""Fault of a packet, beside those of its header: it names another data take than the one that its counters and time
place it in."""

CAL_MODE_PREAMBLE = 1
_LONGEST_PREAMBLE_PACKETS = 1640
_MISSION_DATA_TAKE_BITS = 24
_DATA_TAKE_SHIFT = 9


def new_records(headers: NDArray[np.void]) -> NDArray[np.void]:
    """Records (n,) of headers (n,) of `HEADER_DTYPE`; the reception fields are 0 but for `faults`."""
    records = np.zeros(headers.size, PACKET_RECORD)
    for name, _ in _HEADER_FIELDS:
        records[name] = headers[name]
    records["faults"] = packet_faults(headers)
    return records


def mission_data_take_id(data_take_id: int) -> int:
    """The 24-bit mission data take identifier of a packet's data take identifier.

    An identifier that fits 24 bits is taken as it is; a longer one carries it in its upper 23 bits (inferred from one
    real packet of S1B, not published).
    """
    return data_take_id if data_take_id >> _MISSION_DATA_TAKE_BITS == 0 else data_take_id >> _DATA_TAKE_SHIFT


def sensing_times_us(records: NDArray[np.void]) -> NDArray[np.int64]:
    """Sensing times int64 (n,) in microseconds since 1970-01-01 UTC; the leap seconds are those of the first packet."""
    if not records.size:
        return np.empty(0, np.int64)
    first = int(records["coarse_time"][0])
    seconds = records["coarse_time"].astype(np.int64) - first
    fraction_us = np.rint((records["fine_time"].astype(np.float64) + 0.5) * 1e6 / 65536).astype(np.int64)
    times: NDArray[np.int64] = micros(gps_to_utc(first)) + seconds * 1_000_000 + fraction_us
    return times


def sensing_span(records: NDArray[np.void]) -> tuple[datetime, datetime]:
    """Sensing times of the first and the last of records in sensing order."""
    times = sensing_times_us(records)
    return from_micros(int(times[0])), from_micros(int(times[-1]))


def starts_data_take(records: NDArray[np.void]) -> bool:
    """Whether records in sensing order begin with the first packet of the data take."""
    return int(records["space_packet_count"][0]) == 0


def ends_data_take(records: NDArray[np.void]) -> bool:
    """Whether records in sensing order reach the postamble: noise or its calibration, after imaging.

    Pre- and postamble are alike; a stretch without imaging is told by how many packets the preamble has.
    """
    if not _surrounds_imaging(records[-1:])[0]:
        return False
    if int(records["space_packet_count"][-1]) >= _preamble_packets(usual(records["ecc_number"])):
        return True
    return not bool(_surrounds_imaging(records).all())


def _surrounds_imaging(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which records are of pre- or postamble."""
    signal = records["signal_type"]
    calibration = (signal >= SignalType.TX_CAL) & (records["cal_mode"] == CAL_MODE_PREAMBLE)
    return np.asarray((signal == SignalType.NOISE) | calibration)


def _preamble_packets(ecc_number: int) -> int:
    try:
        entries = timeline(ecc_number, "Preamble")
    except PacketError:
        return _LONGEST_PREAMBLE_PACKETS
    return sum(entry.pri_count for entry in entries if entry.signal != "Silent")


def mark_foreign(records: NDArray[np.void]) -> None:
    """Note the fault of those records that name another data take than most do."""
    foreign = np.flatnonzero(records["data_take_id"] != usual(records["data_take_id"]))
    records["faults"][foreign] |= FOREIGN_DATA_TAKE


def usual(values: NDArray[np.integer]) -> int:
    """The value that occurs most often, the smallest of several; 0 of none."""
    if not values.size:
        return 0
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])


def annotations_of(records: NDArray[np.void]) -> NDArray[np.void]:
    """The annotation records of packets."""
    return new_annotations(
        sensing_us=sensing_times_us(records),
        downlink_us=records["downlink_us"],
        packet_lengths=records["length"],
        frames=records["frames"],
        missing_frames=records["missing_frames"],
        vcids=records["vcid"],
        channels=records["channel"],
    )


def packed_offsets(records: NDArray[np.void]) -> NDArray[np.int64]:
    """Offsets int64 (n,) of packets laid back to back in this order."""
    lengths = records["length"].astype(np.int64)
    return np.cumsum(lengths) - lengths


def contiguous_runs(records: NDArray[np.void]) -> Iterator[tuple[int, int, int]]:
    """Source, start and stop octet of each stretch in which packets follow each other in their file."""
    if not records.size:
        return
    stops = records["offset"] + records["length"].astype(np.int64)
    broken = (records["offset"][1:] != stops[:-1]) | (records["source"][1:] != records["source"][:-1])
    firsts = np.concatenate(([0], np.flatnonzero(broken) + 1))
    lasts = np.concatenate((firsts[1:] - 1, [records.size - 1]))
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        yield int(records["source"][first]), int(records["offset"][first]), int(stops[last])
