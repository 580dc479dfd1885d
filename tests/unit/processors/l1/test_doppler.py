"""The Doppler centroid follows the attitude and the data, and falls back when the data do not tell."""

from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve

from s1pdgs.formats.aux.pp1 import DopplerParameters, ProductParameters
from s1pdgs.processors.l1.doppler import (
    DATA,
    GEOMETRY,
    PREDEFINED,
    CentroidPolicy,
    DopplerEstimate,
    doppler_model,
    estimate_burst_doppler,
    estimate_doppler,
)
from s1pdgs.processors.l1.errors import ProcessingError
from s1pdgs.processors.l1.geometry import RawGrid
from s1pdgs.sar.attitude import Attitude, Mispointing, quaternion_of_body_axes, steered_body_axes
from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit

from .tops_acquisition import acquire_burst


def attitude(orbit: Orbit, mispointing: Mispointing | None = None) -> Attitude:
    times = np.arange(-8.0, 9.0)
    axes = steered_body_axes(orbit, times, mispointing)
    return Attitude.of_samples(orbit.epoch, times, quaternion_of_body_axes(orbit.epoch, times, axes))


def scene(grid: RawGrid, centroid_hz: float, samples: int) -> np.ndarray:
    """White in range, coloured in azimuth around a centroid."""
    generator = np.random.default_rng(3)
    data = generator.standard_normal((grid.lines, samples)) + 1j * generator.standard_normal((grid.lines, samples))
    frequency = np.fft.fftfreq(grid.lines, grid.pri_s)  # noqa: TID251
    prf = 1.0 / grid.pri_s
    offset = np.mod(frequency - centroid_hz + prf / 2, prf) - prf / 2
    spectrum = np.fft.fft(data, axis=0) * np.exp(-((offset / 500.0) ** 2))[:, None]  # noqa: TID251
    return np.fft.ifft(spectrum, axis=0).astype(np.complex64)  # noqa: TID251


def test_a_steered_antenna_looks_at_zero_doppler(acquire: Callable, orbit: Orbit) -> None:
    grid = acquire(64, 4600, []).grid
    (estimate,) = estimate_doppler(grid, orbit, attitude(orbit))
    assert np.abs(doppler_model([estimate])(0.0, np.array(estimate.fine_delay_s))).max() < 1.0
    assert not estimate.measured


def test_mispointing_shifts_the_centroid_by_what_it_should(acquire: Callable, orbit: Orbit) -> None:
    grid = acquire(64, 4600, []).grid
    (estimate,) = estimate_doppler(grid, orbit, attitude(orbit, Mispointing(pitch_rad=1e-4)))
    speed = np.linalg.norm(orbit.velocity(0.0))
    assert abs(estimate.geometry[0]) == pytest.approx(2e-4 * speed / WAVELENGTH_M, rel=0.05)


@pytest.mark.parametrize("centroid_hz", [-30.0, 12.0])
def test_the_data_correct_the_geometry(acquire: Callable, orbit: Orbit, centroid_hz: float) -> None:
    acquisition = acquire(3000, 1400, [])
    acquisition.raw[...] = scene(acquisition.grid, centroid_hz, 1400)

    def source(first: int, out: np.ndarray) -> None:
        out[...] = acquisition.raw[first : first + len(out)]

    (estimate,) = estimate_doppler(acquisition.grid, orbit, attitude(orbit), source, 700)
    assert estimate.reliable
    used = doppler_model([estimate])(0.0, np.array(estimate.fine_delay_s))
    assert used == pytest.approx(np.full(20, centroid_hz), abs=6.0)


def test_noise_alone_falls_back_to_the_geometry(acquire: Callable, orbit: Orbit) -> None:
    acquisition = acquire(2000, 4600, [])
    parts = np.random.default_rng(1).standard_normal((2, *acquisition.raw.shape), dtype=np.float32)
    acquisition.raw[...] = parts[0] + 1j * parts[1]

    def source(first: int, out: np.ndarray) -> None:
        out[...] = acquisition.raw[first : first + len(out)]

    (estimate,) = estimate_doppler(acquisition.grid, orbit, attitude(orbit), source, 2948)
    assert not estimate.measured
    assert estimate.used == estimate.geometry


@pytest.mark.parametrize(("pitch_rad", "centroid_hz"), [(0.0, -24.0), (4e-3, 900.0)])
def test_the_echoes_of_a_burst_correct_the_geometry(orbit: Orbit, pitch_rad: float, centroid_hz: float) -> None:
    """Beyond half a PRF too, where the geometry tells how often the phase has turned."""
    acquisition = acquire_burst(orbit, "IW3", 2600)
    grid, steering = acquisition.burst.raw, acquisition.parameters.steering_rad_s
    rate = 2.0 * np.linalg.norm(orbit.velocity(0.0)) * steering / WAVELENGTH_M
    seen = grid.first_transmit_s + np.arange(grid.lines) * grid.pri_s + 0.5 * grid.first_delay_s
    turned = np.exp(1j * np.pi * rate * (seen - acquisition.burst.steering_zero_s) ** 2)
    raw = (scene(grid, centroid_hz, 2600) * turned[:, None]).astype(np.complex64)

    def source(first: int, out: np.ndarray) -> None:
        out[...] = raw[first : first + len(out)]

    found = estimate_burst_doppler(
        acquisition.burst,
        orbit,
        attitude(orbit, Mispointing(pitch_rad=pitch_rad)),
        source,
        pulse_samples=1600,
        steering_rad_s=steering,
    )
    assert found.reliable
    assert np.array(found.fine_hz) == pytest.approx(np.full(20, centroid_hz), abs=15.0)
    assert doppler_model([found])(0.0, np.array(found.fine_delay_s)) == pytest.approx(np.full(20, centroid_hz), abs=8.0)


ESTIMATE = DopplerEstimate(
    start_s=0.0,
    stop_s=3.0,
    t0_s=5e-3,
    geometry=(1.0, 2.0, 3.0),
    data=(4.0, 5.0, 6.0),
    fine_delay_s=(),
    fine_hz=(),
    rms_hz=8.0,
    measured=True,
)


@pytest.mark.parametrize(
    ("policy", "method", "used"),
    [
        (CentroidPolicy(), DATA, ESTIMATE.data),
        (CentroidPolicy(limit_hz=7.0), GEOMETRY, ESTIMATE.geometry),
        (CentroidPolicy(GEOMETRY), GEOMETRY, ESTIMATE.geometry),
        (CentroidPolicy(PREDEFINED, predefined=(9.0, 1e4)), PREDEFINED, (9.0, 1e4)),
        (CentroidPolicy(PREDEFINED, limit_hz=7.0, predefined=(9.0,)), PREDEFINED, (9.0,)),
    ],
)
def test_focusing_takes_the_centroid_that_the_policy_names(
    policy: CentroidPolicy, method: str, used: tuple[float, ...]
) -> None:
    found = evolve(ESTIMATE, policy=policy)
    assert (found.method, found.used) == (method, used)
    model = doppler_model([found, evolve(found, start_s=3.0, stop_s=6.0)])
    offset = np.array([0.0, 1e-4])
    expected = sum(factor * offset**power for power, factor in enumerate(used))
    assert model(2.0, found.t0_s + offset) == pytest.approx(expected)


def settings(method: str, *coefficients: float) -> ProductParameters:
    doppler = DopplerParameters(
        method=method, input_data="Range Compressed", predefined=coefficients, rms_threshold_hz=15.0
    )
    return ProductParameters(product_id="IW_SLC__1", doppler=doppler)


def test_the_policy_is_that_of_aux_pp1() -> None:
    assert CentroidPolicy.of(ProductParameters(product_id="IW_SLC__1")) == CentroidPolicy(DATA)
    assert CentroidPolicy.of(settings(GEOMETRY, 0.0)) == CentroidPolicy(GEOMETRY, 15.0, (0.0,))
    assert CentroidPolicy.of(settings(PREDEFINED, 3.0, 1e4)).predefined == (3.0, 1e4)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("Guess", "dcMethod 'Guess' is not known; one of Data Analysis, Orbit and Attitude, Pre-defined"),
        (PREDEFINED, "dcMethod Pre-defined wants dcPredefinedCoefficients"),
    ],
)
def test_a_method_that_cannot_be_followed_is_an_error(method: str, told: str) -> None:
    with pytest.raises(ProcessingError, match=f"AUX_PP1 IW_SLC__1: {told}"):
        CentroidPolicy.of(settings(method))
