"""Point targets: where they stand and what their echoes are, against the contract in docs/joints.md."""

from collections.abc import Callable

import numpy as np

from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import ground_point, zero_doppler_time
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.targets import Target, add_echoes, bistatic_delay_s, place_targets


def target_at(take: DataTake, line: float, sample: float, rcs_m2: float = 1e5) -> Target:
    time = float(take.zero_doppler_s(line, sample))
    point = ground_point(take.orbit, time, float(take.slant_range_m(sample)))
    exact, slant = zero_doppler_time(take.orbit, point, time)
    return Target("T", point, rcs_m2, float(exact), float(slant), take.orbit.utc(float(exact)))


def reference(take: DataTake, channel: Channel, point_m: np.ndarray) -> np.ndarray:
    """The echoes of one square metre at a point, written down from the contract, complex128 (lines, samples)."""
    radar, orbit = take.scenario.radar, take.orbit
    transmit = take.latch_s(np.arange(take.lines) + take.schedule.first_line_pri) + 1.438696e-6
    transmit = transmit - radar.rank * radar.pri_s
    delay = bistatic_delay_s(orbit, point_m, transmit)
    middle = transmit + delay / 2
    body = take.body_axes(middle)
    line = point_m - orbit.position(middle)
    slant = np.linalg.norm(line, axis=1)
    x, y, z = np.einsum("nij,nj->in", body, line / slant[:, None])
    amplitude = channel.gain * np.interp(np.arctan2(y, z), channel.elevation.angle_rad, channel.elevation.amplitude)
    amplitude *= np.interp(np.arcsin(x), channel.azimuth.angle_rad, channel.azimuth.amplitude) * (800e3 / slant) ** 2
    fast = radar.rank * radar.pri_s + take.swst / 37534722.24 + 320 / 8 / 37534722.24
    u = fast + np.arange(take.samples) / radar.sampling_hz - channel.delay_s - delay[:, None]
    phase = radar.chirp.start_hz * u + radar.chirp.rate_hz_s * u * u / 2 - RADAR_FREQUENCY_HZ * delay[:, None]
    return amplitude[:, None] * np.exp(2j * np.pi * phase) * ((u >= 0) & (u < radar.chirp.length_s))


def test_targets_stand_in_thirds_away_from_calibration_with_full_apertures(
    plan: Callable[[Scenario], DataTake],
) -> None:
    take = plan(Scenario())
    targets = place_targets(take)
    pixels = np.array([take.pixel(target.position_m) for target in targets])
    assert len(targets) == 9
    half_aperture = 0.5 * 1399.0 / 2300.0 / take.scenario.radar.pri_s
    for line, sample in pixels:
        assert any(a + half_aperture < line < b - half_aperture for a, b in take.schedule.echo_runs())
        assert 200 < sample < take.focused_samples - 200
    thirds = {(int(3 * line / take.lines), int(3 * sample / take.focused_samples)) for line, sample in pixels}
    assert len(thirds) == 9
    assert np.ptp(pixels % 1.0, axis=0).min() > 0.3


def test_echoes_are_those_of_the_contract(small: DataTake, channel: Channel) -> None:
    target = target_at(small, 1000.3, 240.7)
    raw = np.zeros((small.lines, small.samples), np.complex64)
    add_echoes(raw, small, channel, (target,))
    expected = np.sqrt(target.rcs_m2) * reference(small, channel, target.position_m)
    difference = np.sqrt(np.sum(np.abs(raw - expected) ** 2) / np.sum(np.abs(expected) ** 2))
    assert difference < 2e-3


def test_the_response_peaks_at_the_zero_doppler_time_and_range_of_the_target(small: DataTake, channel: Channel) -> None:
    target = target_at(small, 1050.4, 220.6)
    raw = np.zeros((small.lines, small.samples), np.complex64)
    add_echoes(raw, small, channel, (target,))
    offsets = np.array([-0.2, 0.0, 0.2])

    def response(line: float, sample: float) -> float:
        model = reference(small, channel, target_at(small, line, sample).position_m)
        return float(np.abs(np.vdot(model, raw)) / np.sum(np.abs(model) ** 2))

    along = [response(1050.4 + offset, 220.6) for offset in offsets]
    across = [response(1050.4, 220.6 + offset) for offset in offsets]
    for cut in (along, across):
        vertex = 0.2 * 0.5 * (cut[0] - cut[2]) / (cut[0] - 2 * cut[1] + cut[2])
        assert abs(vertex) < 0.002
    assert abs(20 * np.log10(along[1] / np.sqrt(target.rcs_m2))) < 0.01


def test_bistatic_delays_close_the_triangle(small: DataTake) -> None:
    target = target_at(small, 1000.0, 200.0)
    transmit = small.transmit_s(np.array([0.0, 2000.0]))
    delay = bistatic_delay_s(small.orbit, target.position_m, transmit)
    path = sum(
        np.linalg.norm(small.orbit.position(t) - target.position_m, axis=1) for t in (transmit, transmit + delay)
    )
    np.testing.assert_allclose(path / SPEED_OF_LIGHT_M_S, delay, rtol=0, atol=1e-15)
    assert np.all(np.abs(delay - 2 * target.slant_range_m / SPEED_OF_LIGHT_M_S) < 1e-6)
