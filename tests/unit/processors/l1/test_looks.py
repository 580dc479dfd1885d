"""Detected images keep the energy, the place and the looks that the product definition gives."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.fft
from attrs import evolve

from s1pdgs.processors.l1.focus import focus
from s1pdgs.processors.l1.focus_factors import azimuth_noise_spectrum, noise_gain, range_noise_spectrum
from s1pdgs.processors.l1.focus_plan import Window, plan_focus
from s1pdgs.processors.l1.ground import ground_range
from s1pdgs.processors.l1.looks import LookParameters, detect, noise_share, plan_detection
from s1pdgs.sar.orbit import zero_doppler_time

RANGE = LookParameters(Window(0.75, 59.4e6), Window(0.75, 12.5e6), 6)
AZIMUTH = LookParameters(Window(0.75, 1399.0), Window(0.75, 401.0), 6)
SPACING_M = 10.0


def detected(acquisition, block_bytes: int = 1_000_000_000):
    parameters = evolve(acquisition.parameters, block_bytes=block_bytes)
    plan = plan_focus(acquisition.grid, acquisition.orbit, parameters)
    ground = ground_range(acquisition.orbit, plan.image)
    layout, image, model, slc_power = None, None, None, []
    for block in focus(plan, lambda first, out: out.__setitem__(..., acquisition.raw[first : first + len(out)])):
        if layout is None:
            speed = float(block.model.ground_m_s.mean())
            layout = plan_detection(plan, ground, RANGE, AZIMUTH, spacing_m=SPACING_M, ground_speed_m_s=speed)
            image = np.full((layout.lines, layout.samples), np.nan, np.float32)
        part = detect(layout, block)
        image[part.first_line : part.first_line + len(part.intensity)] = part.intensity
        model = block.model
        slc_power.append(np.mean(np.abs(block.image().astype(np.complex128)) ** 2, axis=0))
    assert not np.isnan(image).any()
    return plan, layout, image, model, np.mean(slc_power, axis=0)


def test_a_target_keeps_its_place_and_its_radar_cross_section(acquire: Callable) -> None:
    acquisition = acquire(2200, 4600, [(0.03, 0.2)])
    _, layout, image, model, _ = detected(acquisition)
    time, slant = zero_doppler_time(acquisition.orbit, acquisition.targets[0].position_m)
    line = (float(time) - layout.first_line_s) / layout.line_interval_s
    columns = np.arange(layout.samples) * SPACING_M
    sample = np.interp(float(slant), layout.ground.slant_m(float(time), columns), np.arange(layout.samples))
    weights = image.astype(np.float64)
    window = np.s_[round(line) - 15 : round(line) + 16, round(float(sample)) - 15 : round(float(sample)) + 16]
    rows, cols = np.mgrid[window]
    chip = weights[window]
    assert np.sum(rows * chip) / chip.sum() == pytest.approx(line, abs=0.02)
    assert np.sum(cols * chip) / chip.sum() == pytest.approx(float(sample), abs=0.02)
    sine = np.sin(np.interp(float(slant), model.ranges_m, model.incidence_rad))
    step = layout.line_interval_s * np.interp(float(slant), model.ranges_m, model.ground_m_s)
    energy = chip.sum() * SPACING_M * sine * step
    assert 10 * np.log10(energy / 1000.0) == pytest.approx(0.0, abs=0.1)


def test_noise_arrives_with_the_annotated_power(acquire: Callable) -> None:
    acquisition = acquire(2600, 4800, [])
    parts = np.random.default_rng(11).standard_normal((2, *acquisition.raw.shape), dtype=np.float32)
    acquisition.raw[...] = np.sqrt(0.5) * (parts[0] + 1j * parts[1])
    plan, _, image, model, slc_power = detected(acquisition, block_bytes=2000 * 4800 * 8)
    gain = noise_gain(plan, model)
    assert 10 * np.log10(np.mean(slc_power / gain)) == pytest.approx(0.0, abs=0.05)
    share = noise_share(RANGE, AZIMUTH, range_noise_spectrum(plan), azimuth_noise_spectrum(plan))
    assert 10 * np.log10(image.mean() / (gain.mean() * share)) == pytest.approx(0.0, abs=0.1)


def expected_looks(looks: LookParameters) -> float:
    """Independent looks of overlapping bands: L^2 over the sum of squared correlations."""
    frequency = np.linspace(-0.5, 0.5, 20001) * looks.full.bandwidth_hz
    bands = np.array([looks.weights(frequency, centre) * looks.full(frequency) for centre in looks.centres_hz])
    products = bands @ bands.T
    level = np.sqrt(np.diag(products))
    return looks.count**2 / float(np.sum((products / np.outer(level, level)) ** 2))


@pytest.mark.parametrize(
    ("across", "along", "spacing_m", "defined"),
    [
        (
            evolve(RANGE, look=Window(0.75, 33.0e6), count=2),
            evolve(AZIMUTH, look=Window(0.75, 1058.0), count=2),
            4,
            2.6,
        ),
        (RANGE, AZIMUTH, 10, 29.7),
        (
            evolve(RANGE, look=Window(0.75, 3.4e6), count=22),
            evolve(AZIMUTH, look=Window(0.75, 110.0), count=22),
            40,
            398,
        ),
    ],
    ids=["F", "H", "M"],
)
def test_a_white_scene_keeps_its_power_and_has_the_looks_of_its_bands(
    acquire: Callable, across: LookParameters, along: LookParameters, spacing_m: float, defined: float
) -> None:
    """`defined` are the looks that the product definition lists for StripMap; looks of F overlap more in S3 (3.7)."""
    acquisition = acquire(2600, 4800, [])
    plan = plan_focus(acquisition.grid, acquisition.orbit, acquisition.parameters)
    block = next(focus(plan, lambda _first, out: out.fill(0.0)))
    shape = block.spectrum.shape
    parts = np.random.default_rng(5).standard_normal((2, *shape), dtype=np.float32)
    scene = scipy.fft.fft(parts[0] + 1j * parts[1], axis=1) * RANGE.full(
        scipy.fft.fftfreq(shape[1], 1 / plan.image.sampling_hz)
    )
    block.spectrum[...] = scipy.fft.ifft(scene, axis=1) * AZIMUTH.full(block.doppler_hz)[:, None]
    ground = ground_range(acquisition.orbit, plan.image)
    speed = float(block.model.ground_m_s.mean())
    layout = plan_detection(plan, ground, across, along, spacing_m=spacing_m, ground_speed_m_s=speed)
    intensity = detect(layout, block).intensity
    power = np.mean(np.abs(block.image().astype(np.complex128)) ** 2)
    assert 10 * np.log10(intensity.mean() / power) == pytest.approx(0.0, abs=0.05)
    inner = intensity[:, 6:-6].astype(np.float64)
    looks = float(inner.mean() ** 2 / inner.var())
    assert looks == pytest.approx(expected_looks(across) * expected_looks(along), rel=0.06)
    assert looks == pytest.approx(defined, rel=0.2)


def test_looks_cover_the_band_evenly() -> None:
    assert AZIMUTH.centres_hz[0] == pytest.approx(-(1399 - 401) / 2)
    assert np.diff(AZIMUTH.centres_hz) == pytest.approx(199.6)
    assert AZIMUTH.overlap_hz == pytest.approx(201.4)
    assert LookParameters(Window(0.75, 100.0), Window(0.75, 100.0), 1).centres_hz == (0.0,)
