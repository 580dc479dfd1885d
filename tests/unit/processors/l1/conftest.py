"""A tiny raw-data simulator: exact bistatic delays of point targets, sampled directly (docs/joints.md, section 1)."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numba
import numpy as np
import pytest
from attrs import evolve, frozen
from numpy.typing import NDArray

from s1pdgs.processors.analysis.point_target import ImageGeometry, Target
from s1pdgs.processors.l1.backends import wanted_backend
from s1pdgs.processors.l1.focus_plan import FocusParameters, Window, plan_focus
from s1pdgs.processors.l1.geometry import ImageGrid, RawGrid
from s1pdgs.sar.chirp import Chirp
from s1pdgs.sar.constants import (
    EARTH_ROTATION_RAD_S,
    RADAR_FREQUENCY_HZ,
    REFERENCE_FREQUENCY_HZ,
    REFERENCE_RANGE_M,
    SPEED_OF_LIGHT_M_S,
    WAVELENGTH_M,
)
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit, ground_point
from s1pdgs.sar.timing import first_sample_delay_s

EPOCH = datetime(2024, 1, 5, 10, 10, tzinfo=UTC)
PRI_S = 19499 / REFERENCE_FREQUENCY_HZ
SAMPLING_HZ = 4 / 9 * 4 * REFERENCE_FREQUENCY_HZ
PULSE_S = 1658 / REFERENCE_FREQUENCY_HZ
RATE_HZ_S = 0x07D2 / 2**21 * REFERENCE_FREQUENCY_HZ**2
RAW_GAIN = 0.02


def state_vectors(span_s: int = 100, step_s: int = 10) -> list[StateVector]:
    """A circular orbit of Sentinel-1's height and inclination, Earth-fixed."""
    radius_m, inclination = 7_071_000.0, math.radians(98.18)
    rate = math.sqrt(3.986004418e14 / radius_m**3)
    spin = np.array([0.0, 0.0, EARTH_ROTATION_RAD_S])
    vectors = []
    for time in range(-span_s, span_s + 1, step_s):
        u, turn = rate * time + 0.6, EARTH_ROTATION_RAD_S * time
        to_fixed = np.array(
            [[math.cos(turn), math.sin(turn), 0.0], [-math.sin(turn), math.cos(turn), 0.0], [0.0, 0.0, 1.0]]
        )
        plane = np.array([1.0, math.cos(inclination), math.sin(inclination)])
        position = to_fixed @ (radius_m * plane * [math.cos(u), math.sin(u), math.sin(u)])
        velocity = to_fixed @ (radius_m * rate * plane * [-math.sin(u), math.cos(u), math.cos(u)])
        vectors.append(StateVector(EPOCH + timedelta(seconds=time), position, velocity - np.cross(spin, position)))
    return vectors


@numba.njit(cache=True, nogil=True, fastmath=True)
def add_echoes(raw, delay_s, amplitude, grid, chirp):  # pragma: no cover - compiled
    first_s, sampling_hz, carrier_hz = grid
    rate, start, length = chirp
    for line in range(raw.shape[0]):
        for target in range(delay_s.shape[0]):
            arrival = delay_s[target, line]
            begin = max(math.ceil((arrival - first_s) * sampling_hz), 0)
            end = min(math.floor((arrival + length - first_s) * sampling_hz), raw.shape[1] - 1)
            phase = -2.0 * math.pi * ((carrier_hz * arrival) % 1.0)
            for i in range(begin, end + 1):
                u = first_s + i / sampling_hz - arrival
                angle = phase + 2.0 * math.pi * (start * u + 0.5 * rate * u * u)
                raw[line, i] += amplitude[target, line] * complex(math.cos(angle), math.sin(angle))


def bistatic_delay_s(orbit: Orbit, position_m: NDArray, transmit_s: NDArray) -> NDArray:
    """The delay between emission and return, by fixed-point iteration."""
    out = np.linalg.norm(orbit.position(transmit_s) - position_m, axis=-1)
    delay = 2.0 * out / SPEED_OF_LIGHT_M_S
    for _ in range(4):
        back = np.linalg.norm(orbit.position(transmit_s + delay) - position_m, axis=-1)
        delay = (out + back) / SPEED_OF_LIGHT_M_S
    return delay


@frozen(eq=False)
class Acquisition:
    """Simulated raw lines and the truth about them."""

    orbit: Orbit
    grid: RawGrid
    raw: NDArray[np.complex64]
    parameters: FocusParameters
    targets: tuple[Target, ...]

    def focus(self, block_bytes: int = 1_000_000_000) -> tuple[ImageGrid, NDArray[np.complex64]]:
        parameters = evolve(self.parameters, block_bytes=block_bytes)
        plan = plan_focus(self.grid, self.orbit, parameters)
        image = np.empty((plan.image.lines, plan.image.samples), np.complex64)

        def read(first: int, out: NDArray[np.complex64]) -> None:
            out[...] = self.raw[first : first + len(out)]

        for block in wanted_backend().focus(plan, read):
            image[block.first_line : block.first_line + block.valid] = block.image()
        return plan.image, image

    def geometry(self, grid: ImageGrid) -> ImageGeometry:
        return ImageGeometry(
            self.orbit, grid.first_line_s, grid.line_interval_s, grid.first_delay_s, grid.sampling_hz, grid.lines,
            grid.samples, WAVELENGTH_M,
        )  # fmt: skip


@pytest.fixture(scope="session")
def orbit() -> Orbit:
    return fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))


@pytest.fixture(scope="session")
def chirp() -> Chirp:
    return Chirp(RATE_HZ_S, -0.5 * RATE_HZ_S * PULSE_S, PULSE_S)


@pytest.fixture(scope="session")
def parameters(orbit: Orbit, chirp: Chirp) -> Callable[[float], FocusParameters]:
    """Processing parameters of S3 for an antenna that looks at a Doppler centroid."""
    speed = float(np.linalg.norm(orbit.velocity(0.0)))

    def make(centroid_hz: float) -> FocusParameters:
        return FocusParameters(
            replica=chirp.replica(SAMPLING_HZ).astype(np.complex64),
            range_window=Window(0.75, 59.4e6),
            azimuth_window=Window(0.75, 1399.0),
            azimuth_pattern=lambda doppler: np.sinc(12.3 * doppler / (2.0 * speed)) ** 2,
            elevation_pattern=lambda _time, ranges: 1.0 - 1e-10 * (ranges - 800e3) ** 2,
            doppler=lambda _time, delays: np.full_like(delays, centroid_hz),
            raw_gain=RAW_GAIN,
        )

    return make


@pytest.fixture(scope="session")
def acquire(orbit: Orbit, chirp: Chirp, parameters: Callable[[float], FocusParameters]) -> Callable[..., Acquisition]:
    """Simulate targets at (zero-Doppler seconds, share of the swath) with a radar cross section of 1000 m^2."""

    def make(lines: int, samples: int, places: list[tuple[float, float]], centroid_hz: float = 0.0) -> Acquisition:
        grid = RawGrid(lines, samples, -0.5 * lines * PRI_S, PRI_S, first_sample_delay_s(10, PRI_S, 8e-5), SAMPLING_HZ)
        transmit = grid.first_transmit_s + np.arange(lines) * PRI_S
        settings = parameters(centroid_hz)
        raw = np.zeros((lines, samples), np.complex64)
        targets, delays, amplitudes = [], [], []
        for number, (time_s, share) in enumerate(places):
            slant = 0.5 * SPEED_OF_LIGHT_M_S * (grid.first_delay_s + share * samples / SAMPLING_HZ)
            position = ground_point(orbit, time_s, slant)
            delay = bistatic_delay_s(orbit, position, transmit)
            doppler = -np.gradient(delay, PRI_S) * RADAR_FREQUENCY_HZ
            pattern = settings.azimuth_pattern(doppler - centroid_hz) * settings.elevation_pattern(0.0, slant)
            targets.append(Target(f"T{number}", position, 1000.0))
            delays.append(delay)
            amplitudes.append(RAW_GAIN * math.sqrt(1000.0) * pattern * (REFERENCE_RANGE_M / slant) ** 2)
        if places:
            add_echoes(
                raw, np.array(delays), np.array(amplitudes), (grid.first_delay_s, SAMPLING_HZ, RADAR_FREQUENCY_HZ),
                (chirp.rate_hz_s, chirp.start_hz, chirp.length_s),
            )  # fmt: skip
        return Acquisition(orbit, grid, raw, settings, tuple(targets))

    return make
