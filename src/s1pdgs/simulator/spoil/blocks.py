"""Faults of blocks: the delivered stream of a channel is cut into DSDBs, of which some do not come as they should."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.names import SessionFileName
from s1pdgs.simulator.downlink import BlockFile
from s1pdgs.simulator.spoil.faults import BlockPlace, Faults
from s1pdgs.simulator.spoil.frames import Fate, mark
from s1pdgs.simulator.spoil.stream import Places


@frozen
class BlockNames:
    """Where the blocks of a channel go and how they are called."""

    out: Path
    unit: str
    session_id: str
    channel: int
    block_bytes: int

    def file(self, number: int) -> str:
        return str(SessionFileName(self.unit, self.session_id, self.channel, number))


class BlockSpoiler:
    """Writes the blocks of one channel below `<out>/session/ch_<n>` and marks the frames that they damage.

    Memory is bounded by a block and what is written at once. `fates` uint16 are those of all frames of the channel.
    """

    def __init__(self, names: BlockNames, faults: Faults, fates: NDArray[np.uint16]) -> None:
        def numbers(places: Sequence[BlockPlace]) -> set[int]:
            return {place.number for place in places if place.channel == names.channel}

        self._names, self._fates = names, fates
        self._missing, self._truncated = numbers(faults.missing_blocks), numbers(faults.truncated_blocks)
        self._twice, self._swapped = numbers(faults.duplicated_blocks), numbers(faults.swapped_blocks)
        self._only = numbers(faults.only_blocks) if faults.only_blocks else None
        self._truncate_bytes = faults.truncate_bytes
        self._waiting = bytearray()
        self._files: list[BlockFile] = []
        self._cut = self._added = self._slots = 0
        self._follows_swapped = False
        self._places = Places(*(np.empty(0, np.int64) for _ in range(3)))
        self._gone = np.empty(0, np.int64)
        (names.out / "session" / f"ch_{names.channel}").mkdir(parents=True)

    def write(self, data: NDArray[np.uint8], places: Places) -> None:
        """Take more of the stream, with the places of the frames in it."""
        self._waiting += data.tobytes()
        self._places = Places(*(np.concatenate(parts) for parts in zip(self._places, places, strict=True)))
        self._gone = np.concatenate((self._gone, np.zeros(places.frames.size, np.int64)))
        size = self._names.block_bytes
        while len(self._waiting) > size:
            self._write_block(bytes(self._waiting[:size]), final=False)
            del self._waiting[:size]

    def finish(self, rest: NDArray[np.uint8]) -> list[BlockFile]:
        """Write the last block with the rest of the stream; what was delivered, in order of their numbers."""
        self._waiting += rest.tobytes()
        self._write_block(bytes(self._waiting), final=True)
        self._waiting.clear()
        ordered = sorted(self._files, key=lambda file: file.block)
        return [evolve(file, final=file.block == self._slots) for file in ordered]

    def _write_block(self, data: bytes, *, final: bool) -> None:
        self._cut += 1
        number = self._cut
        start = self._names.block_bytes * (number - 1)
        stop = start + len(data)
        swapped = number in self._swapped and not final
        slot = number + self._added + swapped - self._follows_swapped
        delivered = self._delivered(number, data)
        self._lose(start + len(delivered), stop)
        if swapped or self._follows_swapped:
            self._tear(start)
            self._tear(stop)
        copies = 0 if not delivered else 2 if number in self._twice else 1
        self._files += [self._store(slot + copy, delivered) for copy in range(copies)]
        if copies == 2:
            self._added += 1
            inside = (self._places.starts >= start) & (self._places.stops <= stop)
            mark(self._fates, self._places.frames[inside], Fate.TWICE)
        self._slots = number + self._added
        self._follows_swapped = swapped
        self._release(stop)

    def _delivered(self, number: int, data: bytes) -> bytes:
        if number in self._missing or (self._only is not None and number not in self._only):
            return b""
        return data[: -self._truncate_bytes] if number in self._truncated else data

    def _store(self, slot: int, data: bytes) -> BlockFile:
        names = self._names
        path = names.out / "session" / f"ch_{names.channel}" / names.file(slot)
        write_atomic(path, data)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        relative = path.relative_to(names.out).as_posix()
        return BlockFile(path.name, names.channel, slot, False, len(data), digest, relative)

    def _lose(self, start: int, stop: int) -> None:
        """The bytes `start` to `stop` of the stream are not delivered."""
        first, last = np.maximum(self._places.starts, start), np.minimum(self._places.stops, stop)
        self._gone += np.maximum(last - first, 0)

    def _tear(self, edge: int) -> None:
        """What lies on both sides of an edge does not come together."""
        torn = (self._places.starts < edge) & (self._places.stops > edge)
        mark(self._fates, self._places.frames[torn], Fate.CUT)

    def _release(self, stop: int) -> None:
        """Judge the frames that end up to here."""
        frames, starts, stops = self._places
        ended = stops <= stop
        lost = ended & (self._gone > 0) & (self._gone >= stops - starts)
        cut = ended & (self._gone > 0) & ~lost
        self._fates[frames[lost]] = self._fates[frames[lost]] & Fate.FILL | Fate.LOST
        mark(self._fates, frames[cut], Fate.CUT)
        self._places = Places(frames[~ended], starts[~ended], stops[~ended])
        self._gone = self._gone[~ended]
