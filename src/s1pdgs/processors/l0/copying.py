"""Packets copied from files to a measurement file, byte for byte and in the order of their records."""

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
    maps = {number: np.memmap(path, np.uint8, "r") for number, path in sources.items()}
    within = np.arange(HEADER_SIZE)
    for first in range(0, records.size, _HEADERS_AT_ONCE):
        block = records[first : first + _HEADERS_AT_ONCE]
        headers = np.empty((block.size, HEADER_SIZE), np.uint8)
        for number in np.unique(block["source"]).tolist():
            chosen = block["source"] == number
            headers[chosen] = maps[number][block["offset"][chosen][:, None] + within]
        target.write(headers.tobytes())
