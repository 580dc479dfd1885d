"""Faults of the stream of CADUs: bytes lost or too many, markers that are not there, bits too many."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.link.parameters import MARKER_BYTES
from s1pdgs.simulator.spoil.chance import Hits, generator
from s1pdgs.simulator.spoil.faults import Faults
from s1pdgs.simulator.spoil.frames import Fate, Frames, mark


class _Slip(NamedTuple):
    """At a byte of a row: `removed` bytes go, `inserted` bytes and then `bits` bits come in their place."""

    row: int
    byte: int
    removed: int
    inserted: int
    bits: int


class Places(NamedTuple):
    """Frames int64 (n,) and where in the delivered stream each one begins and ends, in bytes; parts of one count."""

    frames: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]


class StreamSpoiler:
    """Spoils the stream of one channel of `frames` CADUs, batch by batch in order."""

    def __init__(self, faults: Faults, channel: int, frames: int, seed: int) -> None:
        random = generator(seed, channel, "slips")
        self._missing = Hits(generator(seed, channel, "missing"), faults.missing_markers)
        self._slips = _some(random, frames, faults.byte_slips)
        self._places = random.random(self._slips.size)
        self._sizes = random.integers(1, faults.slip_bytes + 1, self._slips.size)
        self._removes = random.integers(0, 2, self._slips.size)
        random = generator(seed, channel, "turns")
        self._turns = _some(random, frames, faults.bit_slips)
        self._turn_places = random.random(self._turns.size)
        self._turn_bits = random.integers(1, 8, self._turns.size)
        self._noise = generator(seed, channel, "noise")
        self._shift = _BitShift()
        self._seen = self._bits = 0

    def spoil(
        self, cadus: Frames, numbers: NDArray[np.int64], fates: NDArray[np.uint16]
    ) -> tuple[NDArray[np.uint8], Places]:
        """The bytes that are certain by now, and the places of the frames `numbers`; `fates` are those of all."""
        size = cadus.shape[1]
        flat = cadus.reshape(-1)
        pieces: list[NDArray[np.uint8]] = []
        gained = np.zeros(len(cadus) + 1, np.int64)
        cursor = 0
        for slip in self._slips_in(numbers, size):
            at = max(slip.row * size + slip.byte, cursor)
            pieces.append(self._shift.feed(flat[cursor:at]))
            cursor = min(at + slip.removed, (slip.row + 1) * size)
            pieces.append(self._shift.feed(self._noise.integers(0, 256, slip.inserted, np.uint8)))
            pieces.append(self._shift.insert(slip.bits))
            gained[slip.row + 1] += 8 * (slip.inserted - (cursor - at)) + slip.bits
            mark(fates, numbers[slip.row], Fate.CUT)
        pieces.append(self._shift.feed(flat[cursor:]))
        edges = self._bits + 8 * size * np.arange(len(cadus) + 1) + np.cumsum(gained)
        self._bits = int(edges[-1])
        mark(fates, numbers[edges[:-1] % 8 != 0], Fate.SHIFTED)
        return np.concatenate(pieces), Places(numbers, edges[:-1] // 8, -(-edges[1:] // 8))

    def finish(self) -> NDArray[np.uint8]:
        """The last bits, completed to a byte."""
        return self._shift.insert(-self._bits % 8)

    def _slips_in(self, numbers: NDArray[np.int64], size: int) -> list[_Slip]:
        """What happens to these frames, in order; those that are lost slip no more."""
        if not numbers.size:
            return []
        seen, self._seen = self._seen, int(numbers[-1]) + 1
        missing = seen + self._missing.take(self._seen - seen)
        slips = [_Slip(row, 0, MARKER_BYTES, 0, 0) for row in np.flatnonzero(np.isin(numbers, missing)).tolist()]
        for row, k in _met(numbers, self._slips):
            removes = int(self._removes[k])
            count, byte = int(self._sizes[k]), 1 + int(self._places[k] * (size - 1))
            slips.append(_Slip(row, byte, count * removes, count * (1 - removes), 0))
        slips += [
            _Slip(row, 1 + int(self._turn_places[k] * (size - 1)), 0, 0, int(self._turn_bits[k]))
            for row, k in _met(numbers, self._turns)
        ]
        return sorted(slips)


def _met(numbers: NDArray[np.int64], wanted: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """The rows of `numbers` that are wanted, with their places in `wanted`."""
    _, rows, places = np.intersect1d(numbers, wanted, assume_unique=True, return_indices=True)
    yield from zip(rows.tolist(), places.tolist(), strict=True)


def _some(random: np.random.Generator, frames: int, count: int) -> NDArray[np.int64]:
    """Different frames, in order."""
    chosen: NDArray[np.int64] = np.sort(random.choice(frames, min(count, frames), replace=False))
    return chosen


class _BitShift:
    """A stream of bytes into which bits are inserted: what follows does not begin at a byte any more."""

    def __init__(self) -> None:
        self._bits = 0
        self._rest = 0

    def feed(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The whole bytes that these complete."""
        if not self._bits or not data.size:
            return data
        ahead = np.empty(data.size, np.uint8)
        ahead[0], ahead[1:] = self._rest, data[:-1]
        self._rest = int(data[-1])
        ahead <<= np.uint8(8 - self._bits)
        ahead |= data >> np.uint8(self._bits)
        return ahead

    def insert(self, bits: int) -> NDArray[np.uint8]:
        """Insert zero to seven bits of 0; the byte that they complete, if they do."""
        kept = self._rest & ((1 << self._bits) - 1)
        total = self._bits + bits
        value = kept << bits
        self._bits = total % 8
        self._rest = value & ((1 << self._bits) - 1)
        return np.array([value >> self._bits], np.uint8) if total >= 8 else np.empty(0, np.uint8)
