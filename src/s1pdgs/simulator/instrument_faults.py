"""What an instrument can do wrong, done to the packets of one receive channel in their order.

lost       packets never left the instrument: their numbers are missing from the space packet and PRI counts, the
           sequence count goes on
silent     the PRIs gave no packets: only the PRI count tells
dropped    packets left the instrument and did not get into the store (a data take cut at its beginning or end):
           all counts tell
duplicate  packets are sent twice
altered    a header field is wrong by `value` (a counter, the error flag, the data take id ...)
damaged    `value` bits of the header after the primary one are flipped at random
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from attrs import define, field, frozen, validators
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_DTYPE, HEADER_SIZE, SEQUENCE_MODULO, pack_headers, unpack_headers
from s1pdgs.simulator.errors import SimulatorError

KINDS = ("lost", "silent", "dropped", "duplicate", "altered", "damaged")
_GONE = ("lost", "silent", "dropped")
_CAUSES = {"lost": "instrument", "silent": "silence", "dropped": "downlink"}
_PRIMARY_HEADER = 6
_FIXED = ("data_length", "sync_marker", "apid", "version", "packet_type", "secondary_header_flag", "sequence_flags")
# field widths in bits where they differ from their storage
_BITS = {"sequence_count": 14, "rx_channel": 4, "test_mode": 3, "error_flag": 1, "baq_mode": 5, "rank": 5, "pri": 24}
_BITS |= {"swst": 24, "swl": 24, "signal_type": 4, "polarisation": 3, "tx_pulse_length": 24}

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@frozen(kw_only=True)
class Fault:
    """One fault at packet `at` (its place in the faultless stream; negative: from the end) and the `count` - 1 after.

    `polarisation` limits it to one receive channel (`VH`).
    """

    kind: str = field(validator=validators.in_(KINDS))
    at: int = 0
    count: int = field(default=1, validator=validators.ge(1))
    field: str = ""
    value: int = 1
    polarisation: str | None = None

    def __attrs_post_init__(self) -> None:
        wanted = self.kind == "altered"
        if wanted and (self.field not in (HEADER_DTYPE.names or ()) or self.field in _FIXED):
            raise SimulatorError(f"fault: {self.field!r} is no header field that can be altered (formats.isp.header)")
        if not wanted and self.field:
            raise SimulatorError(f"fault: a field goes with kind 'altered', not with {self.kind!r}")


@define(eq=False)
class FaultyStream:
    """Does faults to the packets of one receive channel; `gaps` and `effects` tell what was done.

    A stream without faults passes through untouched. Raises `SimulatorError` when two faults that remove packets
    overlap, or one lies outside of the stream.
    """

    faults: Sequence[Fault]
    packets: int
    seed: int = 1
    gaps: list[dict[str, Any]] = field(init=False, factory=list)
    effects: list[dict[str, Any]] = field(init=False, factory=list)
    _spans: list[tuple[int, int, Fault]] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        for fault in self.faults:
            begin = fault.at + self.packets if fault.at < 0 else fault.at
            end = begin + fault.count
            if not 0 <= begin < end <= self.packets:
                raise SimulatorError(f"fault {fault.kind} at {fault.at}: the stream has {self.packets} packets")
            self._spans.append((begin, end, fault))
        self._spans.sort(key=lambda span: span[0])
        gone = [span for span in self._spans if span[2].kind in _GONE]
        for (_, end, _), (begin, _, fault) in pairwise(gone):
            if begin < end:
                raise SimulatorError(f"fault {fault.kind} at {fault.at} overlaps another that removes packets")
        self.gaps.extend(
            {"first": begin, "packets": end - begin, "cause": _CAUSES[fault.kind]} for begin, end, fault in gone
        )
        self.effects.extend(
            {"kind": fault.kind, "first": begin, "packets": end - begin, "field": fault.field, "value": fault.value}
            for begin, end, fault in self._spans
            if fault.kind not in _GONE
        )

    @property
    def packets_sent(self) -> int:
        """How many packets are sent, those sent twice counted so."""
        gone = sum(end - begin for begin, end, fault in self._spans if fault.kind in _GONE)
        twice = np.zeros(self.packets + 1, np.int64) if self._spans else np.zeros(1, np.int64)
        for begin, end, fault in self._spans:
            if fault.kind == "duplicate":
                twice[begin:end] += 1
        for begin, end, fault in self._spans:
            if fault.kind in _GONE:
                twice[begin:end] = 0
        return self.packets - gone + int(twice.sum())

    def apply(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The packets as they are sent, batch by batch; a batch may become empty and is then left out."""
        first = 0
        for octets, bounds in batches:
            count = bounds.size - 1
            batch = self._treated(octets, bounds, first) if self._spans else (octets, bounds)
            first += count
            if batch[1].size > 1:
                yield batch

    def _treated(self, octets: NDArray[np.uint8], bounds: NDArray[np.int64], first: int) -> Batch:
        packet = np.arange(first, first + bounds.size - 1)
        sent = np.ones(packet.size, bool)
        sequence, space = np.zeros(packet.size, np.int64), np.zeros(packet.size, np.int64)
        repeats = np.ones(packet.size, np.int64)
        for begin, end, fault in self._spans:
            if fault.kind in _GONE:
                sent &= (packet < begin) | (packet >= end)
                sequence[packet >= end] -= (end - begin) * (fault.kind != "dropped")
                space[packet >= end] -= (end - begin) * (fault.kind == "silent")
            elif fault.kind == "duplicate":
                repeats[(packet >= begin) & (packet < end)] += 1
        order = np.repeat(np.flatnonzero(sent), repeats[sent])
        if order.size == packet.size and not (sequence.any() or space.any() or self._touches(first, packet.size)):
            return octets, bounds
        sizes = np.diff(bounds)[order]
        places = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        result = np.empty(int(places[-1]), np.uint8)
        for place, start, size in zip(places[:-1].tolist(), bounds[order].tolist(), sizes.tolist(), strict=True):
            result[place : place + size] = octets[start : start + size]
        if order.size:
            self._rewrite(result, places[:-1], packet[order], sequence[order], space[order])
        return result, places

    def _touches(self, first: int, count: int) -> bool:
        return any(begin < first + count and first < end for begin, end, _ in self._spans)

    def _rewrite(
        self,
        octets: NDArray[np.uint8],
        starts: NDArray[np.int64],
        packet: NDArray[np.int64],
        sequence: NDArray[np.int64],
        space: NDArray[np.int64],
    ) -> None:
        """Set counts and fields in the headers of packets, given their place in the faultless stream."""
        places = starts[:, None] + np.arange(HEADER_SIZE)
        headers = unpack_headers(octets[places])
        headers["sequence_count"] = (headers["sequence_count"] + sequence) % SEQUENCE_MODULO
        headers["space_packet_count"] = headers["space_packet_count"] + space
        for begin, end, fault in self._spans:
            if fault.kind == "altered":
                chosen = (packet >= begin) & (packet < end)
                width = _BITS.get(fault.field, 8 * headers.dtype[fault.field].itemsize)
                headers[fault.field][chosen] = (headers[fault.field][chosen].astype(np.int64) + fault.value) % (
                    1 << width
                )
        raw = pack_headers(headers)
        for number, (begin, end, fault) in enumerate(self._spans):
            if fault.kind == "damaged":
                for index in np.flatnonzero((packet >= begin) & (packet < end)).tolist():
                    self._flip(raw[index], fault.value, number, int(packet[index]))
        octets[places] = raw

    def _flip(self, header: NDArray[np.uint8], bits: int, fault: int, packet: int) -> None:
        rng = np.random.default_rng([self.seed, fault, packet])
        chosen = rng.choice(8 * (HEADER_SIZE - _PRIMARY_HEADER), size=bits, replace=False)
        for bit in chosen.tolist():
            header[_PRIMARY_HEADER + bit // 8] ^= 1 << bit % 8
