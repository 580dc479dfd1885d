"""The space packets of one polarisation of a Level-0 product: indexed, validated by majority, sorted by kind."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp.codes import SignalType
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.isp.header import gather_headers, index_packets, packet_faults
from s1pdgs.formats.isp.packets import decode_lines
from s1pdgs.processors.l1.errors import ProcessingError

CONSTANT_FIELDS = (
    "data_take_id",
    "ecc_number",
    "test_mode",
    "rx_channel",
    "instrument_configuration_id",
    "baq_block_length",
    "error_flag",
)
"""Fields that one polarisation of a data take keeps in all packets."""
ECHO_FIELDS = (
    "baq_mode",
    "range_decimation",
    "rx_gain",
    "tx_ramp_rate",
    "tx_start_frequency",
    "tx_pulse_length",
    "rank",
    "pri",
    "polarisation",
    "temperature_compensation",
    "elevation_beam",
    "azimuth_beam",
    "swath_number",
)
"""Fields that the echoes of one StripMap slice keep as well."""


@frozen(eq=False)
class Packets:
    """Packets in the order of their space packet counts; `data` uint8 is the file, as `mapping` has it, the rest has
    shape (n,).
    """

    source: str
    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    headers: NDArray[np.void]
    damaged: int = 0
    mapping: mmap.mmap | None = None

    @property
    def count(self) -> int:
        return int(self.offsets.size)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Packets":
        """The packets of a mask or of indices."""
        return evolve(self, offsets=self.offsets[chosen], lengths=self.lengths[chosen], headers=self.headers[chosen])

    def joined(self, others: Sequence["Packets"]) -> "Packets":
        """These packets and others of the same file."""
        parts = (self, *others)
        return evolve(
            self,
            offsets=np.concatenate([part.offsets for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
            headers=np.concatenate([part.headers for part in parts]),
        )

    def of(self, *signals: SignalType) -> "Packets":
        """The packets of some signal types."""
        return self.select(np.isin(self.headers["signal_type"], signals))

    def decode(self, out: NDArray[np.complex64] | None = None) -> tuple[NDArray[np.complex64], NDArray[np.int64]]:
        """Samples complex64 (n, 2 nq) of packets of one kind, and the indices of those that are damaged (zeros)."""
        try:
            return decode_lines(self.data, self.offsets, self.lengths, self.headers, out), np.empty(0, np.int64)
        except PacketError:
            return self._decode_singly(out)
        finally:
            self._leave()

    def _leave(self) -> None:
        """Let go of the file's pages with these packets: the system keeps them, and they count no longer as ours."""
        if self.mapping is not None and self.count:
            first = int(self.offsets.min()) // mmap.PAGESIZE * mmap.PAGESIZE
            last = int((self.offsets + self.lengths).max())
            self.mapping.madvise(mmap.MADV_DONTNEED, first, last - first)

    def _decode_singly(self, out: NDArray[np.complex64] | None) -> tuple[NDArray[np.complex64], NDArray[np.int64]]:
        samples = 2 * int(np.median(self.headers["number_of_quads"])) if self.count else 0
        result = np.zeros((self.count, samples), np.complex64) if out is None else out
        bad = []
        for index in range(self.count):
            one = slice(index, index + 1)
            try:
                line = decode_lines(self.data, self.offsets[one], self.lengths[one], self.headers[one])
            except PacketError:
                line = np.empty((1, 0), np.complex64)
            if line.shape[1] == result.shape[1]:
                result[index] = line[0]
            else:
                result[index] = 0.0
                bad.append(index)
        return result, np.array(bad, np.int64)


def open_packets(path: Path) -> Packets:
    """Index a measurement component and leave damaged headers out, counted.

    Packets are ordered by their count and taken once. Raises `ProcessingError` when the file holds no sound packet.
    """
    if not path.is_file() or not path.stat().st_size:
        raise ProcessingError(f"{path}: no packets; the Level-0 product is incomplete")
    with path.open("rb") as stream:
        mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    data: NDArray[np.uint8] = np.frombuffer(mapping, np.uint8)
    try:
        offsets, lengths = index_packets(data)
    except PacketError as error:
        raise ProcessingError(f"{path}: {error}; assemble the Level-0 product again") from None
    headers = gather_headers(data, offsets)
    sound = packet_faults(headers) == 0
    _, first = np.unique(headers["space_packet_count"][sound], return_index=True)
    kept = np.flatnonzero(sound)[first]
    if not kept.size:
        raise ProcessingError(f"{path}: none of its {offsets.size} packets is sound")
    damaged = int(np.count_nonzero(~sound))
    mapping.madvise(mmap.MADV_DONTNEED)
    return Packets(str(path), data, offsets[kept], lengths[kept], headers[kept].copy(), damaged, mapping)


def settle_headers(packets: Packets, fields: tuple[str, ...]) -> tuple[Packets, dict[str, int]]:
    """Replace fields that must not vary by their most frequent value (DAD, header validation).

    Returns the corrected packets and how many packets differed, by field.
    """
    headers = packets.headers.copy()
    errors = dict.fromkeys(fields, 0)
    for name in fields if packets.count else ():
        values, counts = np.unique(headers[name], return_counts=True)
        winner = values[np.argmax(counts)]
        errors[name] = int(headers.size - counts.max())
        headers[name] = winner
    return evolve(packets, headers=headers), errors


def pick(sources: Sequence[Packets], *signals: SignalType) -> list[Packets]:
    """The packets of some signal types from several files of one polarisation, each count once."""
    seen = np.empty(0, np.uint32)
    found = []
    for source in sources:
        chosen = source.of(*signals)
        chosen = chosen.select(~np.isin(chosen.headers["space_packet_count"], seen))
        seen = np.union1d(seen, chosen.headers["space_packet_count"])
        if chosen.count:
            found.append(chosen)
    return found
