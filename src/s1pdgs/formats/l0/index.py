"""The `-index.dat` component: where blocks of space packets begin (S1PD.SP.00110.ASTR; layout as in CODA and EOPF).

The layout is published, the meaning of the two real numbers is not: this follows the reading that fits the real
component sizes (one record for each block of packets and one more).
"""

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import micros, parse_utc

INDEX_SIZE = 36
BLOCK_PACKETS = 1000
WAVE_BLOCK_PACKETS = 100
_EPOCH_MICROS = micros(parse_utc("1950-01-01T00:00:00"))
_DAY_US = 86_400_000_000

INDEX_DTYPE = np.dtype(
    [
        ("date_time", ">f8"),
        ("delta_time", ">f8"),
        ("delta_size", ">u4"),
        ("data_units_offset", ">u4"),
        ("byte_offset", ">u8"),
        ("variable_size", "u1"),
        ("spare", "u1", (3,)),
    ]
)
"""One record as it is stored: sensing time of the block's first packet in days since 1950-01-01 UTC, time to the next
block in milliseconds, bytes to the next block, number of the first packet, its byte offset, and whether sizes vary."""


def new_index(
    sensing_us: NDArray[np.int64], byte_offsets: NDArray[np.int64], total_bytes: int, block_packets: int = BLOCK_PACKETS
) -> NDArray[np.void]:
    """Records for packets at `byte_offsets` int64 (n,) with sensing times in microseconds since 1970-01-01 UTC.

    One record for each `block_packets` packets, and one that closes the component at its end.
    """
    count = sensing_us.size
    if not count:
        return np.zeros(0, INDEX_DTYPE)
    starts = np.arange(0, count, block_packets)
    times = np.append(sensing_us[starts], sensing_us[-1])
    offsets = np.append(byte_offsets[starts], total_bytes)
    records = np.zeros(starts.size + 1, INDEX_DTYPE)
    records["date_time"] = (times - _EPOCH_MICROS) / _DAY_US
    records["delta_time"][:-1] = np.diff(times) / 1000.0
    records["delta_size"][:-1] = np.diff(offsets)
    records["data_units_offset"] = np.append(starts, count)
    records["byte_offset"] = offsets
    records["variable_size"] = 1
    return records


def read_index(data: bytes, source: str) -> NDArray[np.void]:
    """All records of a component; `FormatError` when its size is no multiple of 36 octets."""
    if len(data) % INDEX_SIZE:
        raise FormatError(f"{source}: {len(data)} bytes are no whole number of {INDEX_SIZE}-byte index records")
    return np.frombuffer(data, INDEX_DTYPE)
