"""Telemetry: one packet each period, on the orbit, the same wherever spans overlap."""

import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from s1pdgs.formats.isp import telemetry
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import gps_to_utc
from s1pdgs.simulator.housekeeping import TelemetryStream, telemetry_streams
from s1pdgs.simulator.orbit import Trajectory
from s1pdgs.simulator.plan import TelemetryPlan

EPOCH = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def trajectory() -> Trajectory:
    return Trajectory.spanning(EPOCH - timedelta(hours=1), EPOCH + timedelta(hours=1))


def streams(trajectory: Trajectory, start_s: float, stop_s: float, **plan: float) -> list[TelemetryStream]:
    span = Interval(EPOCH + timedelta(seconds=start_s), EPOCH + timedelta(seconds=stop_s))
    return telemetry_streams(TelemetryPlan(**plan), EPOCH, span, trajectory, 1)


def packets(stream: TelemetryStream) -> list[bytes]:
    return [data[a:b].tobytes() for data, bounds in stream.batches() for a, b in pairwise(bounds.tolist())]


def test_gps_packets_tell_the_orbit(trajectory: Trajectory) -> None:
    gps, _ = streams(trajectory, -10.5, 20.0)
    bodies = packets(gps)
    assert len(bodies) == gps.packets == 31
    lengths = np.array([len(body) for body in bodies])
    headers = telemetry.gather_headers(np.frombuffer(b"".join(bodies), np.uint8), np.cumsum(lengths) - lengths)
    assert telemetry.sequence_counts(headers).tolist() == [(number - 10) % 16384 for number in range(31)]
    whole, fraction = telemetry.times(headers)
    for packet in (0, 10, 30):
        moment = gps_to_utc(int(whole[packet]), float(fraction[packet]))
        assert abs(moment - EPOCH - timedelta(seconds=packet - 10)) < timedelta(microseconds=20)
        values = struct.unpack(">3d3f", bodies[packet][telemetry.HEADER_SIZE :])
        expected = trajectory.vector_at(EPOCH + timedelta(seconds=packet - 10))
        np.testing.assert_allclose(values[:3], expected.position_m, atol=1e-3)
        np.testing.assert_allclose(values[3:], expected.velocity_m_s, atol=1e-3)


def test_spans_that_overlap_share_packets(trajectory: Trajectory) -> None:
    for first, second in zip(streams(trajectory, -5.0, 60.0), streams(trajectory, 30.0, 90.0), strict=True):
        shared = set(packets(first)) & set(packets(second))
        assert len(shared) == round(30.0 / first.period_s) + 1
        assert first.packets == len(packets(first))


def test_a_period_of_zero_sends_none(trajectory: Trajectory) -> None:
    assert [each.store_type for each in streams(trajectory, 0.0, 9.0, gps_period_s=0.0)] == ["HKTM"]
    assert [each.vcid for each in streams(trajectory, 0.0, 9.0)] == [49, 45]
