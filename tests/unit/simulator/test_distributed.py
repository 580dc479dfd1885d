"""The scene's echoes: cell by cell those of point targets, and beta nought when focused."""

import numpy as np
import pytest
import scipy.fft

from s1pdgs.sar.orbit import ground_point, zero_doppler_time
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.distributed import Raw, echo_amplitude, fill_white_noise, raw_scene, respond, scene_grid
from s1pdgs.simulator.instrument import Channel
from s1pdgs.simulator.noise import noise_deviation
from s1pdgs.simulator.targets import Target, add_echoes

MIDDLE = (1050, 235)
NO_TARGETS = np.empty((0, 2))


def echo(take: DataTake, channel: Channel, line: float, sample: float) -> Raw:
    """Raw counts of one square metre, by exact delays."""
    time = float(take.zero_doppler_s(line, sample))
    point = ground_point(take.orbit, time, float(take.slant_range_m(sample)))
    exact, slant = zero_doppler_time(take.orbit, point, time)
    raw = np.zeros((take.lines, take.samples), np.complex64)
    add_echoes(raw, take, channel, (Target("T", point, 1.0, float(exact), float(slant), take.orbit.epoch),))
    return raw


def focus(raw: Raw, reference: Raw, weight: np.ndarray) -> np.ndarray:
    """Correlate with a reference echo by two-dimensional transforms; pixel (0, 0) is where the reference stands."""
    return scipy.fft.ifft2(scipy.fft.fft2(raw) * np.conj(scipy.fft.fft2(reference)) * weight)


@pytest.mark.parametrize(("line", "sample"), [(1050, 235), (900, 40), (1200, 400)])
def test_a_single_cell_echoes_like_a_point_target(small: DataTake, channel: Channel, line: int, sample: int) -> None:
    grid = scene_grid(small)
    data = np.zeros((grid.lines, grid.samples), np.complex64)
    amplitude = echo_amplitude(channel, small.range_geometry([sample - 1.0, sample, sample + 1.0]))[1]
    data[line - grid.first_line, sample - grid.first_sample] = amplitude
    respond(data, small, grid, channel)
    made = data[-grid.first_line : small.lines - grid.first_line, : small.samples]
    expected = echo(small, channel, line, sample)
    energy, exact = (float(np.sum(np.abs(raw) ** 2)) for raw in (made, expected))
    assert abs(np.vdot(made, expected)) / np.sqrt(energy * exact) > 0.995
    assert abs(10 * np.log10(energy / exact)) < 0.05
    assert abs(np.angle(np.vdot(made, expected))) < 0.1


def test_a_uniform_scene_focuses_to_its_beta_nought(small: DataTake, channel: Channel) -> None:
    raw = raw_scene(small, channel, NO_TARGETS, np.random.SeedSequence(1))
    reference = echo(small, channel, *MIDDLE)
    spectrum = np.abs(scipy.fft.fft2(reference)) ** 2
    image = focus(raw, reference, np.ones(1)) / np.sum(np.abs(reference) ** 2)
    near = np.abs(np.concatenate([image[-300:, :150], image[:300, :150]])) ** 2
    geometry = small.range_geometry([float(MIDDLE[1])])
    cell = small.spacing_m * geometry.ground_m_s[0] * small.scenario.radar.pri_s
    cells = spectrum.size * np.sum(spectrum**2) / np.sum(spectrum) ** 2
    beta = 0.1 / np.sin(geometry.incidence_rad[0])
    assert abs(10 * np.log10(near.mean() / (beta * cell * cells))) < 0.15


def test_scenes_are_dark_around_targets(small: DataTake, channel: Channel) -> None:
    raw = raw_scene(small, channel, np.array([MIDDLE], dtype=np.float64), np.random.SeedSequence(1))
    image = np.abs(focus(raw, echo(small, channel, *MIDDLE), np.ones(1))) ** 2
    inside = np.concatenate([image[-20:, :20], image[:20, :20]]).mean()
    assert inside < 0.02 * np.concatenate([image[-400:-200, :100], image[200:400, :100]]).mean()


def test_thermal_noise_has_the_noise_equivalent_backscatter_asked_for(small: DataTake, channel: Channel) -> None:
    """Focused as docs/joints.md says: flat spectra, Hamming windows, a target's energy kept."""
    radar = small.scenario.radar
    reference = echo(small, channel, *MIDDLE)
    spectrum = np.abs(scipy.fft.fft2(reference)) ** 2
    doppler = scipy.fft.fftfreq(small.lines, radar.pri_s)[:, None]
    offset = doppler - float(small.range_geometry([float(MIDDLE[1])]).doppler_hz[0])
    frequency = scipy.fft.fftfreq(small.samples, 1 / radar.sampling_hz)[None, :]
    window = hamming(offset, 1399.0) * hamming(frequency, 58e6)
    weight = np.where(window > 0, window / np.maximum(spectrum, 1e-6 * spectrum.max()), 0.0)
    geometry = small.range_geometry([float(MIDDLE[1])])
    cell = small.spacing_m * geometry.ground_m_s[0] * radar.pri_s
    energy = np.sum(np.abs(focus(reference, reference, weight)) ** 2) * cell
    noise = np.empty_like(reference)
    fill_white_noise(noise, np.random.SeedSequence(2))
    power = np.mean(np.abs(focus(noise * noise_deviation(small, channel), reference, weight)) ** 2) / energy
    assert abs(10 * np.log10(power * np.sin(geometry.incidence_rad[0])) + 27.0) < 0.3


def test_white_noise_is_white_and_reproducible() -> None:
    first, again = (np.empty((300, 400), np.complex64) for _ in range(2))
    fill_white_noise(first, np.random.SeedSequence(7))
    fill_white_noise(again[:, ::1], np.random.SeedSequence(7))
    np.testing.assert_array_equal(first, again)
    wide = np.empty((300, 500), np.complex64)
    fill_white_noise(wide[:, :400], np.random.SeedSequence(7))
    np.testing.assert_array_equal(first, wide[:, :400])
    assert np.mean(np.abs(first) ** 2) == pytest.approx(2.0, rel=0.02)
    assert abs(np.mean(first[:, 1:] * np.conj(first[:, :-1]))) < 0.02


def hamming(frequency: np.ndarray, bandwidth: float) -> np.ndarray:
    inside = np.abs(frequency) <= bandwidth / 2
    return np.where(inside, 0.75 + 0.25 * np.cos(2 * np.pi * frequency / bandwidth), 0.0)
