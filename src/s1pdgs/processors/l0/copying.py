"""Packets copied from files to a measurement file, byte for byte and in the order of their records."""

import mmap
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s1pdgs.formats.isp.header import HEADER_SIZE
from s1pdgs.formats.l0.product import MeasurementFile
from s1pdgs.processors.l0.program import ProcessorError
from s1pdgs.processors.l0.records import contiguous_runs

_BLOCK_BYTES = 4 * 1024 * 1024
_HEADERS_AT_ONCE = 8192


def copy_packets(records: NDArray[np.void], sources: Mapping[int, Path], target: MeasurementFile) -> None:
    """Append the packets of `records` to `target`; `sources` are the files that their `source` numbers mean.

    Raises `ProcessorError` when a file ends before a packet does.
    """
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    with ExitStack() as stack:
        streams = {number: stack.enter_context(path.open("rb", buffering=0)) for number, path in sources.items()}
        for source, first, stop in contiguous_runs(records):
            stream = streams[source]
            stream.seek(first)
            position = first
            while position < stop:
                count = stream.readinto(buffer[: min(_BLOCK_BYTES, stop - position)])
                if not count:
                    raise ProcessorError(
                        f"{sources[source]}: ends at byte {position}, before a packet that ends at {stop}"
                    )
                target.write(buffer[:count])
                position += count


def copy_headers(records: NDArray[np.void], sources: Mapping[int, Path], target: MeasurementFile) -> None:
    """Append the 68 header octets of each packet of `records` to `target`."""
    maps = {number: MappedFile(path) for number, path in sources.items()}
    within = np.arange(HEADER_SIZE)
    for first in range(0, records.size, _HEADERS_AT_ONCE):
        block = records[first : first + _HEADERS_AT_ONCE]
        headers = np.empty((block.size, HEADER_SIZE), np.uint8)
        for number in np.unique(block["source"]).tolist():
            chosen = block["source"] == number
            headers[chosen] = maps[number].octets[block["offset"][chosen][:, None] + within]
            maps[number].release()
        target.write(headers.data.cast("B"))


class MappedFile:
    """A file of packets of which the headers are read: mapped, without reading ahead the data between them.

    `octets` uint8 (size,) are valid as long as they are used. An empty file has none.
    """

    def __init__(self, path: Path) -> None:
        self._map: mmap.mmap | None = None
        self.octets: NDArray[np.uint8] = np.empty(0, np.uint8)
        with path.open("rb") as stream:
            if path.stat().st_size:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                self._map.madvise(mmap.MADV_RANDOM)
                self.octets = np.frombuffer(self._map, np.uint8)

    def release(self) -> None:
        """Let go of the pages that were read, so that memory stays small whatever the size of the file."""
        if self._map is not None:
            self._map.madvise(mmap.MADV_DONTNEED)
