"""Packets as they are received: their bytes back to back in files, and what is remembered of each beside them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.l0.product import MeasurementFile
from s1pdgs.formats.link.mpdu import PacketBatch
from s1pdgs.formats.obmemc import PacketStore
from s1pdgs.processors.l0.records import PACKET_RECORD

TIME_OCTETS = 16
"""How much of each telemetry packet is remembered: its headers, with room for the time codes in use."""
TELEMETRY_RECORD = np.dtype(
    [
        ("head", "u1", (TIME_OCTETS,)),
        ("length", "u4"),
        ("missing_frames", "u4"),
        ("channel", "u1"),
        ("downlink_us", "i8"),
    ]
)
"""A telemetry packet: its first octets (zeros behind a shorter one), its length, the transfer frames missing before it,
its channel, and its ground reception in microseconds since 1970-01-01 UTC."""


class Spool:
    """A file of packets back to back, and a file of their records (of `dtype`) in the same order."""

    def __init__(self, packets: Path, records: Path, dtype: np.dtype[np.void] = PACKET_RECORD) -> None:
        self.file = MeasurementFile(packets)
        self._dtype = dtype
        self._records = records
        records.write_bytes(b"")

    def append(self, buffer: NDArray[np.uint8], packets: NDArray[np.void], records: NDArray[np.void]) -> None:
        """Add packets of `RECEIVED_PACKET` that lie in a buffer, and their records."""
        write_packets(self.file, buffer, packets)
        # opened each time: damaged headers may name more data takes than a process may hold files open
        with self._records.open("ab", buffering=0) as stream:
            stream.write(records.tobytes())

    def close(self) -> None:
        """No more packets come."""
        self.file.close()

    def records(self) -> NDArray[np.void]:
        """All records in order of reception, once closed; the system pages them in from their file."""
        if not self._records.stat().st_size:
            return np.empty(0, self._dtype)
        return np.memmap(self._records, self._dtype, "c")


class TelemetrySpool(Spool):
    """The packets of one telemetry store that came by one channel; records are of `TELEMETRY_RECORD`."""

    def __init__(self, store: PacketStore, packets: Path, records: Path) -> None:
        super().__init__(packets, records, TELEMETRY_RECORD)
        self.store = store

    def add(self, batch: PacketBatch, channels: NDArray[np.int64], times_us: NDArray[np.int64]) -> None:
        """Add packets with their channels and ground reception times (microseconds since 1970-01-01 UTC)."""
        packets = batch.packets
        records = np.zeros(packets.size, TELEMETRY_RECORD)
        within = np.arange(TIME_OCTETS)
        places = np.minimum(packets["offset"][:, None] + within, batch.buffer.size - 1)
        records["head"] = np.where(within < packets["length"][:, None], batch.buffer[places], 0)
        records["length"], records["missing_frames"] = packets["length"], packets["missing_frames"]
        records["channel"], records["downlink_us"] = channels, times_us
        self.append(batch.buffer, packets, records)


def write_packets(file: MeasurementFile, buffer: NDArray[np.uint8], packets: NDArray[np.void]) -> None:
    """Write packets of `RECEIVED_PACKET` in order, each stretch of neighbours at once."""
    starts, stops = packets["offset"], packets["offset"] + packets["length"]
    breaks = np.flatnonzero(starts[1:] != stops[:-1]) + 1
    firsts = np.concatenate(([0], breaks))
    lasts = np.concatenate((breaks - 1, [packets.size - 1]))
    view = buffer.data
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        file.write(view[int(starts[first]) : int(stops[last])])
