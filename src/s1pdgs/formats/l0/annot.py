"""The `-annot.dat` component: 26 octets for each space packet (S1PD.SP.00110.ASTR; layout as in the EOPF reader)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import micros, parse_utc

ANNOTATION_SIZE = 26
EPOCH_MICROS = micros(parse_utc("2000-01-01T00:00:00"))
_DAY_US = 86_400_000_000
_VCID_PRESENT = 0x80


class AnnotationError(FormatError):
    """An annotation component does not follow its format."""


ANNOTATION_DTYPE = np.dtype(
    [
        ("sensing_days", ">u2"),
        ("sensing_ms", ">u4"),
        ("sensing_us", ">u2"),
        ("downlink_days", ">u2"),
        ("downlink_ms", ">u4"),
        ("downlink_us", ">u2"),
        ("packet_length", ">u2"),
        ("frames", ">u2"),
        ("missing_frames", ">u2"),
        ("crc_error", "u1"),
        ("vcid", "u1"),
        ("channel", "u1"),
        ("spare", "u1"),
    ]
)
"""One record as it is stored. `packet_length` is the CCSDS packet data length (octets after the primary header - 1);
`vcid` carries the present flag in its most significant bit, `channel` the channel (1 or 2) in its two most significant
bits. Times are days since 2000-01-01 UTC, milliseconds of the day and microseconds of the millisecond."""


def new_annotations(
    *,
    sensing_us: NDArray[np.int64],
    downlink_us: NDArray[np.int64],
    packet_lengths: NDArray[np.integer],
    frames: NDArray[np.integer],
    missing_frames: NDArray[np.integer],
    vcids: NDArray[np.integer],
    channels: NDArray[np.integer],
) -> NDArray[np.void]:
    """Records (n,) of packets: times in microseconds since 1970-01-01 UTC, whole packet lengths in octets."""
    records = np.zeros(sensing_us.size, ANNOTATION_DTYPE)
    for name, times in (("sensing", sensing_us), ("downlink", downlink_us)):
        since = np.asarray(times, np.int64) - EPOCH_MICROS
        if since.size and (since.min() < 0 or since.max() >= (1 << 16) * _DAY_US):
            raise AnnotationError(f"a {name} time is outside the 65536 days from 2000-01-01 that annotations can hold")
        of_day = since % _DAY_US
        records[f"{name}_days"] = since // _DAY_US
        records[f"{name}_ms"] = of_day // 1000
        records[f"{name}_us"] = of_day % 1000
    records["packet_length"] = packet_lengths - 7
    records["frames"] = np.minimum(frames, 0xFFFF)
    records["missing_frames"] = np.minimum(missing_frames, 0xFFFF)
    records["vcid"] = _VCID_PRESENT | vcids
    records["channel"] = np.asarray(channels, np.uint8) << 6
    return records


def sensing_times_us(records: NDArray[np.void]) -> NDArray[np.int64]:
    """Sensing times int64 (n,) in microseconds since 1970-01-01 UTC."""
    return _times_us(records, "sensing")


def downlink_times_us(records: NDArray[np.void]) -> NDArray[np.int64]:
    """Ground reception times int64 (n,) in microseconds since 1970-01-01 UTC."""
    return _times_us(records, "downlink")


def packet_sizes(records: NDArray[np.void]) -> NDArray[np.int64]:
    """Whole lengths of the packets in octets, int64 (n,)."""
    return records["packet_length"].astype(np.int64) + 7


def vcids(records: NDArray[np.void]) -> NDArray[np.uint8]:
    """Virtual channels, uint8 (n,)."""
    return np.asarray(records["vcid"] & 0x3F, np.uint8)


def channels(records: NDArray[np.void]) -> NDArray[np.uint8]:
    """Downlink channels, 1 or 2, uint8 (n,)."""
    return np.asarray(records["channel"] >> 6, np.uint8)


def check_annotations(path: Path) -> None:
    """Raise `AnnotationError` when the size of a component is no multiple of 26 octets."""
    size = path.stat().st_size
    if size % ANNOTATION_SIZE:
        raise AnnotationError(f"{path}: {size} bytes are no whole number of {ANNOTATION_SIZE}-byte annotations")


def read_annotations(path: Path) -> NDArray[np.void]:
    """All records of a component; `AnnotationError` when its size is no multiple of 26 octets."""
    check_annotations(path)
    return np.fromfile(path, ANNOTATION_DTYPE)


def _times_us(records: NDArray[np.void], name: str) -> NDArray[np.int64]:
    days = records[f"{name}_days"].astype(np.int64)
    times: NDArray[np.int64] = (
        EPOCH_MICROS
        + days * _DAY_US
        + records[f"{name}_ms"].astype(np.int64) * 1000
        + records[f"{name}_us"].astype(np.int64)
    )
    return times
