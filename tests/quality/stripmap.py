"""StripMap and vignettes: point targets with real windows, and slices of one acquisition that must agree."""

import math
from datetime import timedelta

import numpy as np
from attrs import evolve, frozen

from s1pdgs.formats.isp.codes import duration_s, number_of_samples, sampling_frequency_hz
from s1pdgs.processors.analysis.point_target import Target, measure
from s1pdgs.processors.l1.focus_plan import FocusParameters, Window
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.sar.chirp import Chirp
from s1pdgs.sar.constants import RADAR_FREQUENCY_HZ, REFERENCE_RANGE_M, SPEED_OF_LIGHT_M_S
from s1pdgs.sar.orbit import Orbit, fit_orbit, ground_point
from s1pdgs.sar.timing import first_sample_delay_s
from s1pdgs.simulator.commanding import ecc_number, swath_settings
from tests.quality.check import Check, mean_checks, place_checks, response_checks, widening
from tests.quality.figures import Figures
from tests.quality.receiver import receive
from tests.unit.processors.l1.conftest import EPOCH, RAW_GAIN, Acquisition, add_echoes, bistatic_delay_s, state_vectors

CENTROID_HZ = 25.0
RCS_M2 = 1000.0
SHIFT_LINES = 137
LINES = {"S3": 4200, "WV1": 6033, "WV2": 6033}
WINDOWS = {
    "S3": (Window(0.75, 59.4e6), Window(0.75, 1399.0)),
    "WV1": (Window(0.75, 74.5e6), Window(0.75, 1428.0)),
    "WV2": (Window(0.75, 48.2e6), Window(0.75, 1429.0)),
}


@frozen(eq=False)
class _Radar:
    orbit: Orbit
    grid: RawGrid
    chirp: Chirp
    parameters: FocusParameters


def checks(name: str, figures: Figures) -> list[Check]:
    """Nine targets in the focused part of an acquisition, without noise, and with thermal noise and FDBAQ."""
    radar = _radar(name)
    reach_s = 0.5 * radar.grid.lines * radar.grid.pri_s - 0.5
    clean = _acquire(radar, [(t * reach_s, s) for t in (-1.0, 0.0, 1.0) for s in (0.1, 0.5, 0.9)])
    received = evolve(clean, raw=receive(clean.raw, seed=radar.grid.lines))
    return _image_checks(clean, name, figures) + _image_checks(received, name, figures, received=True)


def _image_checks(acquisition: Acquisition, name: str, figures: Figures, *, received: bool = False) -> list[Check]:
    windows = WINDOWS[name]
    grid, image = acquisition.focus()
    geometry = acquisition.geometry(grid)
    found = [measure(geometry, lambda a, b, c, d: image[a : a + b, c : c + d], one) for one in acquisition.targets]
    widths = [1.0 / window.bandwidth_hz * widening(window.coefficient) for window in windows]
    speed = float(
        np.linalg.norm(ground_point(acquisition.orbit, 0.5, 850e3) - ground_point(acquisition.orbit, -0.5, 850e3))
    )
    expected = [(0.5 * SPEED_OF_LIGHT_M_S * widths[0], speed * widths[1])] * len(found)
    coefficients = (windows[0].coefficient, windows[1].coefficient)
    if received:
        return mean_checks(f"{name} with noise and FDBAQ,", found, expected, coefficients, RCS_M2)
    figures.add_targets(name, found, [geometry.line_interval_s * (one.line - 0.5 * grid.lines) for one in found])
    return response_checks(name, found, expected, coefficients) + place_checks(name, found, RCS_M2)


def continuity_checks() -> list[Check]:
    """The CEOS offset test: the same noise, processed from a later line on, has the same phase."""
    radar = _radar("S3", lines=3600, samples=6000)
    whole = _acquire(radar, [])
    rng = np.random.default_rng(8)
    parts = rng.standard_normal((2, *whole.raw.shape), dtype=np.float32)
    whole.raw[...] = parts[0] + 1j * parts[1]
    later = RawGrid(
        whole.grid.lines - SHIFT_LINES,
        whole.grid.samples,
        whole.grid.first_transmit_s + SHIFT_LINES * whole.grid.pri_s,
        whole.grid.pri_s,
        whole.grid.first_delay_s,
        whole.grid.sampling_hz,
    )
    first = whole.focus()[1][SHIFT_LINES:]
    second = Acquisition(whole.orbit, later, whole.raw[SHIFT_LINES:], whole.parameters, ()).focus()[1]
    product = first * np.conj(second)
    phase = np.degrees(np.angle(product))
    return [
        Check("S3 shifted blocks, mean phase", abs(float(np.degrees(np.angle(product.sum())))), 0.1, "deg"),
        Check("S3 shifted blocks, scatter of phase", float(phase.std()), 5.0, "deg"),
    ]


def _radar(name: str, lines: int | None = None, samples: int | None = None) -> _Radar:
    codes = swath_settings(ecc_number(name[:2]), name)
    orbit = fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))
    count, pri_s, sampling = lines or LINES[name], codes.pri_s, sampling_frequency_hz(codes.range_decimation)
    delay = first_sample_delay_s(codes.rank, pri_s, float(duration_s(codes.swst)))
    width = samples or number_of_samples(codes.swl, codes.range_decimation)
    grid = RawGrid(count, width, -0.5 * count * pri_s, pri_s, delay, sampling)
    speed = float(np.linalg.norm(orbit.velocity(0.0)))
    range_window, azimuth_window = WINDOWS[name]
    parameters = FocusParameters(
        replica=codes.chirp.replica(sampling).astype(np.complex64),
        range_window=range_window,
        azimuth_window=azimuth_window,
        azimuth_pattern=lambda offset: np.sinc(12.3 * offset / (2.0 * speed)) ** 2,
        elevation_pattern=lambda _time, ranges: 1.0 - 1e-10 * (ranges - 800e3) ** 2,
        doppler=lambda _time, delays: np.full_like(delays, CENTROID_HZ),
        raw_gain=RAW_GAIN,
    )
    return _Radar(orbit, grid, codes.chirp, parameters)


def _acquire(radar: _Radar, places: list[tuple[float, float]]) -> Acquisition:
    """Targets at zero-Doppler seconds and shares of the focused samples."""
    grid, settings = radar.grid, radar.parameters
    transmit = grid.first_transmit_s + np.arange(grid.lines) * grid.pri_s
    raw = np.zeros((grid.lines, grid.samples), np.complex64)
    focused = grid.samples - settings.replica.size
    targets, delays, amplitudes = [], [], []
    for number, (time_s, share) in enumerate(places):
        slant = 0.5 * SPEED_OF_LIGHT_M_S * (grid.first_delay_s + (100 + share * (focused - 200)) / grid.sampling_hz)
        position = ground_point(radar.orbit, time_s, slant)
        delay = bistatic_delay_s(radar.orbit, position, transmit)
        doppler = -np.gradient(delay, grid.pri_s) * RADAR_FREQUENCY_HZ
        pattern = settings.azimuth_pattern(doppler - CENTROID_HZ) * settings.elevation_pattern(0.0, slant)
        targets.append(Target(f"T{number}", position, RCS_M2))
        delays.append(delay)
        amplitudes.append(RAW_GAIN * math.sqrt(RCS_M2) * pattern * (REFERENCE_RANGE_M / slant) ** 2)
    if places:
        add_echoes(
            raw,
            np.array(delays),
            np.array(amplitudes),
            (grid.first_delay_s, grid.sampling_hz, RADAR_FREQUENCY_HZ),
            (radar.chirp.rate_hz_s, radar.chirp.start_hz, radar.chirp.length_s),
        )
    return Acquisition(radar.orbit, grid, raw, settings, tuple(targets))
