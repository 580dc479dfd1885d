"""Room for the records of millions of packets: in memory up to a limit, beyond it in files that the system may page."""

import mmap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from attrs import Factory, frozen
from numpy.typing import NDArray

from s1pdgs.processors.l0.records import PACKET_RECORD

IN_MEMORY = 1 << 17
CHUNK = 1 << 16


def chunks(size: int) -> Iterable[slice]:
    """Stretches of `CHUNK` or fewer that cover `size` elements."""
    return (slice(first, min(first + CHUNK, size)) for first in range(0, size, CHUNK))


@frozen(eq=False)
class Scratch:
    """Gives room for records; the files lie in `folder`, whose owner removes it when the records are done with."""

    folder: Path
    _maps: list[mmap.mmap] = Factory(list)

    def room(self, size: int) -> NDArray[np.void]:
        """Records (n,), all zero."""
        if size <= IN_MEMORY:
            return np.zeros(size, PACKET_RECORD)
        self.folder.mkdir(exist_ok=True)
        with (self.folder / f"{len(self._maps)}.records").open("x+b") as stream:
            stream.truncate(size * PACKET_RECORD.itemsize)
            self._maps.append(mmap.mmap(stream.fileno(), 0))
        return np.frombuffer(self._maps[-1], PACKET_RECORD)

    def release(self) -> None:
        """Let go of the pages of all records in files; they are read again where they are needed."""
        for each in self._maps:
            each.flush()
            each.madvise(mmap.MADV_DONTNEED)

    def joined(self, parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
        """The records of all parts, one after the other; a single part is given back as it is."""
        if len(parts) == 1:
            return parts[0]
        joined = self.room(sum(part.size for part in parts))
        position = 0
        for part in parts:
            for stretch in chunks(part.size):
                joined[position + stretch.start : position + stretch.stop] = part[stretch]
            position += part.size
        return joined

    def taken(self, records: NDArray[np.void], order: NDArray[np.int64] | None) -> NDArray[np.void]:
        """The records of these indices in this order; None leaves them as they are."""
        if order is None:
            return records
        taken = self.room(order.size)
        for stretch in chunks(order.size):
            taken[stretch] = records[order[stretch]]
        return taken
