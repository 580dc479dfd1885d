"""Telemetry of the satellite: GPS and housekeeping packets over a span of time, in the stores of AUX_OBMEMC.

The contents stand for real ones: positions and velocities of the orbit in GPS packets, random words in housekeeping.
"""

import struct
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes, telemetry
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import utc_to_gps
from s1pdgs.simulator.auxiliary import packet_stores
from s1pdgs.simulator.noise_take import Batch
from s1pdgs.simulator.orbit import Trajectory

_HOUSEKEEPING_OCTETS = 240
_BATCH = 256
_GPS_FIX = struct.Struct(">3d3f")


@frozen(eq=False)
class TelemetryStream:
    """The packets of one telemetry store."""

    store_type: str
    vcid: int
    apid: int
    span: Interval
    period_s: float
    trajectory: Trajectory
    seed: int

    @property
    def packets(self) -> int:
        """How many there are."""
        return int(self.span.duration / timedelta(seconds=self.period_s)) + 1

    def batches(self) -> Iterator[Batch]:
        """All packets in order."""
        whole, fraction = utc_to_gps(self.span.start)
        for first in range(0, self.packets, _BATCH):
            numbers = np.arange(first, min(first + _BATCH, self.packets))
            coarse, fine = codes.packet_time_codes(whole, fraction + numbers * self.period_s)
            bodies = self._bodies(numbers)
            packets = [
                telemetry.build_packet(self.apid, *entry)
                for entry in zip(numbers.tolist(), coarse.tolist(), fine.tolist(), bodies, strict=True)
            ]
            sizes = np.array([0, *map(len, packets)], np.int64)
            yield np.frombuffer(b"".join(packets), np.uint8), np.cumsum(sizes)

    def _bodies(self, numbers: NDArray[np.int64]) -> list[bytes]:
        if self.store_type == "GPS":
            since = self.trajectory.seconds(self.span.start) + numbers.astype(np.float64) * self.period_s
            positions, velocities = self.trajectory.earth_fixed(since)
            return [_GPS_FIX.pack(*p, *v) for p, v in zip(positions.tolist(), velocities.tolist(), strict=True)]
        rng = np.random.default_rng([self.seed, self.vcid, int(numbers[0])])
        words = rng.integers(0, 256, (numbers.size, _HOUSEKEEPING_OCTETS), np.uint8)
        return [row.tobytes() for row in words]


def telemetry_streams(
    trajectory: Trajectory, span: Interval, gps_period_s: float, housekeeping_period_s: float, seed: int
) -> list[TelemetryStream]:
    """One stream of each kind whose period is not 0, in the first store of its type."""
    wanted = (
        ("GPS", telemetry.GPS_APID, gps_period_s),
        ("HKTM", telemetry.HOUSEKEEPING_APID, housekeeping_period_s),
    )
    vcids = {store.store_type: store.vcid for store in reversed(packet_stores())}
    return [
        TelemetryStream(kind, vcids[kind], apid, span, period, trajectory, seed)
        for kind, apid, period in wanted
        if period > 0.0
    ]
