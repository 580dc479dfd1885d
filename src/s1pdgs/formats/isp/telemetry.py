"""Telemetry packets of the GPS and housekeeping stores: CCSDS space packets with a time code (CCSDS 133.0-B, 301.0-B).

    octet  0  version (3 bits, 0), type (1, 0), secondary header flag (1, 1), APID (11)
           2  sequence flags (2, 3), sequence count (14, of each APID)
           4  data length: octets after octet 5, minus 1
           6  coarse time, GPS seconds since 1980-01-06 (unsegmented time code, 4 octets)
          10  fine time, multiples of 2^-16 s (2 octets)
          12  user data, at least one octet

The preamble (P-field) of the time code is not sent: as in radar packets its form is fixed. What the user data mean,
and the APIDs of the mission, are not published: a virtual channel of AUX_OBMEMC says what it carries.
"""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import packet_time
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import APID as RADAR_APID
from s1pdgs.formats.isp.header import SEQUENCE_MODULO

GPS_APID = 0x310
HOUSEKEEPING_APID = 0x320
"""APIDs that the simulator uses."""

HEADER_SIZE = 12
MAX_USER_DATA = 65536 - 6
_IDLE_APID = 0x7FF
_SECONDARY_HEADER = 1 << 11

TELEMETRY_HEADER = np.dtype(
    [
        ("identification", ">u2"),
        ("sequence", ">u2"),
        ("data_length", ">u2"),
        ("coarse_time", ">u4"),
        ("fine_time", ">u2"),
    ]
)
"""The header as it lies in a packet."""


def build_packet(apid: int, sequence_count: int, coarse_time: int, fine_time: int, user_data: bytes) -> bytes:
    """One packet; `PacketError` for an APID that is not telemetry's, or user data that do not fit."""
    if not 0 <= apid < _IDLE_APID or apid == RADAR_APID:
        raise PacketError(f"APID 0x{apid:X} is not one of telemetry")
    if not 1 <= len(user_data) <= MAX_USER_DATA:
        raise PacketError(f"{len(user_data)} octets of user data are not 1 ... {MAX_USER_DATA}")
    header = np.zeros(1, TELEMETRY_HEADER)
    header["identification"] = _SECONDARY_HEADER | apid
    header["sequence"] = 3 << 14 | sequence_count % SEQUENCE_MODULO
    header["data_length"] = HEADER_SIZE - 6 + len(user_data) - 1
    header["coarse_time"], header["fine_time"] = coarse_time, fine_time
    return header.tobytes() + user_data


def gather_headers(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.void]:
    """The headers (n,) of `TELEMETRY_HEADER` of packets that start at `offsets` in `data`.

    Raises `PacketError` naming the first offset that leaves no room, or the first packet that has no time code.
    """
    starts = np.asarray(offsets, np.int64)
    outside = np.flatnonzero((starts < 0) | (starts > data.size - HEADER_SIZE - 1))
    if outside.size:
        raise PacketError(f"byte {starts[outside[0]]}: no room for a telemetry packet in {data.size} bytes of data")
    raw = np.asarray(data)[starts[:, None] + np.arange(HEADER_SIZE)]
    headers = np.ascontiguousarray(raw).view(TELEMETRY_HEADER)[:, 0]
    bare = np.flatnonzero(headers["identification"] & _SECONDARY_HEADER == 0)
    if bare.size:
        raise PacketError(f"byte {starts[bare[0]]}: the packet has no secondary header, so no time")
    return headers


def apids(headers: NDArray[np.void]) -> NDArray[np.int64]:
    """The APID of each packet."""
    return np.asarray(headers["identification"].astype(np.int64) & 0x7FF)


def sequence_counts(headers: NDArray[np.void]) -> NDArray[np.int64]:
    """The sequence count of each packet, modulo 16384."""
    return np.asarray(headers["sequence"].astype(np.int64) & 0x3FFF)


def packet_lengths(headers: NDArray[np.void]) -> NDArray[np.int64]:
    """Whole lengths of packets in octets, as their headers say."""
    return np.asarray(headers["data_length"].astype(np.int64) + 7)


def times(headers: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """When packets were made: whole GPS seconds and fractions (the middle of the interval of 2^-16 s)."""
    whole, fraction = packet_time(headers["coarse_time"], headers["fine_time"])
    return np.asarray(whole), np.asarray(fraction)
