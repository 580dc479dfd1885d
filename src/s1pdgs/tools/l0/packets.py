"""The packets of one measurement: where they lie, what their headers say, and which octets belong to none."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import NEWER_SATELLITES, SignalType
from s1pdgs.formats.isp.header import (
    HEADER_SIZE,
    IDENTIFICATION,
    SYNC_MARKER,
    gather_headers,
    unpack_headers,
    walk_packets,
)
from s1pdgs.formats.l0.annot import ANNOTATION_DTYPE, read_annotations
from s1pdgs.formats.xml import FormatError
from s1pdgs.model.time import gps_to_utc, micros
from s1pdgs.tools.l0.product import Component

_CHUNK = 1 << 20
_MARK = np.frombuffer(IDENTIFICATION.to_bytes(2, "big"), np.uint8)
_SYNC = np.frombuffer(SYNC_MARKER.to_bytes(4, "big"), np.uint8)
_MAX_DAMAGE = 10_000


@frozen
class Damage:
    """Octets `start` .. `stop` of a measurement that belong to no packet, and what is wrong where they begin."""

    start: int
    stop: int
    reason: str


@frozen(eq=False)
class Packets:
    """Packets in the order of the file: `data` uint8 maps it, `offsets`, `lengths` and `headers` have shape (n,).

    `lengths` are whole packet lengths as their headers tell them. `annotations` (n,) of `ANNOTATION_DTYPE` are there
    when the component has as many as it has packets. `newer` says that S-1C or S-1D made them.
    """

    polarisation: str
    source: Path
    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    headers: NDArray[np.void]
    damage: tuple[Damage, ...]
    headers_only: bool
    annotations: NDArray[np.void] | None = None
    newer: bool = False

    @property
    def count(self) -> int:
        return int(self.offsets.size)

    def kind(self, *signals: SignalType) -> NDArray[np.bool_]:
        """Which packets are of some signal types, bool (n,)."""
        return np.isin(self.headers["signal_type"], signals)


def read_packets(component: Component) -> Packets:
    """The packets of a SAR measurement. Damaged octets are passed over and told, never an error."""
    size = component.data.stat().st_size
    data: NDArray[np.uint8] = np.memmap(component.data, np.uint8, "r") if size else np.zeros(0, np.uint8)
    if component.headers_only:
        offsets, damage = _headers_at_stride(size)
        headers = unpack_headers(np.asarray(data[: offsets.size * HEADER_SIZE]).reshape(-1, HEADER_SIZE))
    else:
        offsets, damage = _survey(data)
        headers = gather_headers(data, offsets)
    polarisation = component.polarisation if component.polarisation != "?" else _polarisation_of(headers)
    return Packets(
        polarisation,
        component.data,
        data,
        offsets,
        headers["data_length"].astype(np.int64) + 7,
        headers,
        damage,
        component.headers_only,
        _annotations(component, offsets.size),
        newer=component.satellite in NEWER_SATELLITES,
    )


def sensing_times_us(headers: NDArray[np.void]) -> NDArray[np.int64]:
    """Sensing times int64 (n,), microseconds since 1970-01-01 UTC; the leap seconds are those of the median packet."""
    if not headers.size:
        return np.empty(0, np.int64)
    reference = int(np.median(headers["coarse_time"]))
    fraction_us = np.rint((headers["fine_time"].astype(np.float64) + 0.5) * 1e6 / 65536).astype(np.int64)
    seconds = headers["coarse_time"].astype(np.int64) - reference
    times: NDArray[np.int64] = micros(gps_to_utc(reference)) + seconds * 1_000_000 + fraction_us
    return times


def mission_data_take_id(data_take_id: int) -> int:
    """The 24-bit mission data take identifier in a packet's identifier (in the upper 23 bits of longer ones)."""
    return data_take_id if data_take_id >> 24 == 0 else data_take_id >> 9


def usual(values: NDArray[np.integer]) -> int:
    """The value that occurs most often; 0 of none."""
    if not values.size:
        return 0
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])


def _headers_at_stride(size: int) -> tuple[NDArray[np.int64], tuple[Damage, ...]]:
    whole, rest = divmod(size, HEADER_SIZE)
    offsets = np.arange(whole, dtype=np.int64) * HEADER_SIZE
    if not rest:
        return offsets, ()
    return offsets, (Damage(size - rest, size, f"byte {size - rest}: {rest} bytes are no whole header"),)


def _survey(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], tuple[Damage, ...]]:
    """Offsets of all packets, and the octets between them that belong to none."""
    pieces = [np.empty(0, np.int64)]
    damage: list[Damage] = []
    position = 0
    while position < data.size:
        offsets, stop, reason = walk_packets(data, position)
        pieces.append(offsets)
        if reason is None:
            break
        position = data.size if len(damage) >= _MAX_DAMAGE else next(_candidates(data, stop + 1), data.size)
        damage.append(Damage(stop, position, reason))
    return np.concatenate(pieces), tuple(damage)


def _candidates(data: NDArray[np.uint8], start: int) -> Iterator[int]:
    """Where a SAR packet could begin from octet `start` on: primary header and sync marker fit."""
    for first in range(start, data.size - HEADER_SIZE + 1, _CHUNK):
        window = np.asarray(data[first : first + _CHUNK + HEADER_SIZE])
        usable = window.size - HEADER_SIZE + 1
        fits = (window[:usable] == _MARK[0]) & (window[1 : usable + 1] == _MARK[1])
        for place in np.flatnonzero(fits).tolist():
            if place < _CHUNK and np.array_equal(window[place + 12 : place + 16], _SYNC):
                yield first + place


def _polarisation_of(headers: NDArray[np.void]) -> str:
    """Transmit and receive letter as most packets tell them; `?` of none."""
    if not headers.size:
        return "?"
    transmitted = "V" if usual(headers["polarisation"]) & 4 else "H"
    return transmitted + ("H" if usual(headers["rx_channel"]) else "V")


def _annotations(component: Component, count: int) -> NDArray[np.void] | None:
    if component.annotation is None or component.annotation.stat().st_size != count * ANNOTATION_DTYPE.itemsize:
        return None
    try:
        return read_annotations(component.annotation)
    except FormatError:
        return None
