"""Products of telemetry packets (GPS, housekeeping): as much as their primary headers tell (CCSDS 133.0-B)."""

from collections import Counter
from pathlib import Path

import numpy as np
from attrs import field, frozen

_PRIMARY = 6
_SEQUENCE_MODULO = 1 << 14


@frozen
class TelemetryAccount:
    """Packets of a telemetry file: how many, of which applications (APID), lost between them by their sequence counts,
    and octets at the end that make no packet.
    """

    packets: int
    octets: int
    applications: dict[int, int] = field(factory=dict)
    lost: int = 0
    rest: int = 0


def read_telemetry(path: Path) -> TelemetryAccount:
    """Walk the packets of a file by their length fields."""
    size = path.stat().st_size
    data = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
    applications: Counter[int] = Counter()
    last: dict[int, int] = {}
    lost = position = 0
    while position + _PRIMARY <= size:
        start = data[position : position + _PRIMARY].tobytes()
        length = int.from_bytes(start[4:6], "big") + 1 + _PRIMARY
        if start[0] >> 5 or position + length > size:
            break
        application = int.from_bytes(start[:2], "big") & 0x7FF
        count = int.from_bytes(start[2:4], "big") & (_SEQUENCE_MODULO - 1)
        if application in last:
            lost += (count - last[application] - 1) % _SEQUENCE_MODULO
        last[application] = count
        applications[application] += 1
        position += length
    return TelemetryAccount(applications.total(), size, dict(sorted(applications.items())), lost, size - position)
