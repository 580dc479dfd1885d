"""Telemetry of the satellite: GPS and housekeeping packets over a span of time, in the stores of AUX_OBMEMC.

The contents stand for real ones: positions and velocities of the orbit in GPS packets, random words in housekeeping.
"""

import math
import struct
from collections.abc import Iterator
from datetime import datetime

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.formats.isp import codes, telemetry
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import utc_to_gps
from s1pdgs.simulator.auxiliary.files import packet_stores
from s1pdgs.simulator.noise_take import Batch
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import TelemetryPlan

_HOUSEKEEPING_OCTETS = 240
_BATCH = 256
_MANY = 1 << 32
_GPS_FIX = struct.Struct(">3d3f")


@frozen(eq=False)
class TelemetryStream:
    """The packets of one telemetry store in a span of time.

    They are numbered by their time since `epoch`, whose packet has sequence count 0, so that spans which overlap have
    the same packets where they do.
    """

    store_type: str
    vcid: int
    apid: int
    epoch: datetime
    span: Interval
    period_s: float
    trajectory: Trajectory
    seed: int

    @property
    def first(self) -> int:
        """The number of the first packet; negative before the epoch."""
        return math.ceil((self.span.start - self.epoch).total_seconds() / self.period_s)

    @property
    def packets(self) -> int:
        """How many there are."""
        return math.floor((self.span.stop - self.epoch).total_seconds() / self.period_s) + 1 - self.first

    def batches(self) -> Iterator[Batch]:
        """All packets in order."""
        whole, fraction = utc_to_gps(self.epoch)
        for start in range(self.first, self.first + self.packets, _BATCH):
            numbers = np.arange(start, min(start + _BATCH, self.first + self.packets))
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
            since = self.trajectory.seconds(self.epoch) + numbers.astype(np.float64) * self.period_s
            positions, velocities = self.trajectory.earth_fixed(since)
            return [_GPS_FIX.pack(*p, *v) for p, v in zip(positions.tolist(), velocities.tolist(), strict=True)]
        sources = (np.random.default_rng([self.seed, self.vcid, number % _MANY]) for number in numbers.tolist())
        return [source.bytes(_HOUSEKEEPING_OCTETS) for source in sources]


def telemetry_streams(
    plan: TelemetryPlan, epoch: datetime, span: Interval, trajectory: Trajectory, seed: int
) -> list[TelemetryStream]:
    """One stream of each kind whose period is not 0, in the first store of its type."""
    wanted = (
        ("GPS", telemetry.GPS_APID, plan.gps_period_s),
        ("HKTM", telemetry.HOUSEKEEPING_APID, plan.housekeeping_period_s),
    )
    vcids = {store.store_type: store.vcid for store in reversed(packet_stores())}
    return [
        TelemetryStream(kind, vcids[kind], apid, epoch, span, period, trajectory, seed)
        for kind, apid, period in wanted
        if period > 0.0
    ]
