"""Antenna patterns as amplitude tables, and the angles that points are seen at."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from s1pdgs.sar.antenna import AntennaPattern, elevation_angle_rad, squint_angle_rad, squint_of_doppler_rad
from s1pdgs.sar.attitude import steered_body_axes
from s1pdgs.sar.constants import WAVELENGTH_M
from s1pdgs.sar.orbit import Orbit, StateVector, fit_orbit, ground_point

EPOCH = datetime(2021, 4, 1, 15, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    radius_m, rate = 7_071_000.0, 2 * np.pi / 5_924.0
    vectors = []
    for index in range(14):
        phase = rate * index * 10.0
        position = radius_m * np.array([np.cos(phase), 0.0, np.sin(phase)])
        velocity = radius_m * rate * np.array([-np.sin(phase), 0.0, np.cos(phase)])
        vectors.append(StateVector(EPOCH + timedelta(seconds=index * 10.0), position, velocity))
    return fit_orbit(vectors, EPOCH, EPOCH + timedelta(seconds=130))


def test_elevation_values_are_powers_and_azimuth_values_decibels_of_power() -> None:
    elevation = AntennaPattern.of_elevation([-1.0, 0.0, 1.0], np.array([1j, 4.0 + 0j, -2.0]))
    np.testing.assert_allclose(elevation.at(np.radians([-1.0, 0.0, 1.0, 5.0])), [0.5, 1.0, 2**-0.5, 2**-0.5])
    azimuth = AntennaPattern.of_azimuth([-1.0, 0.0, 1.0], [-20.0, 0.0, -6.0])
    np.testing.assert_allclose(azimuth.at(np.radians([-1.0, 0.0, 1.0])), [0.1, 1.0, 10**-0.3])
    assert AntennaPattern.uniform().at(0.3) == 1.0


def test_doppler_is_the_sine_of_the_squint() -> None:
    assert squint_of_doppler_rad(2 * 7_500.0 / WAVELENGTH_M * np.sin(1e-3), 7_500.0) == pytest.approx(1e-3)


def test_angles_grow_with_range_and_ahead(orbit: Orbit) -> None:
    axes = steered_body_axes(orbit, 0.0)
    points = ground_point(orbit, 0.0, np.array([790e3, 810e3, 830e3]))
    angles = elevation_angle_rad(orbit, axes, 0.0, points)
    assert np.all(np.diff(angles) > np.radians(0.5))
    np.testing.assert_allclose(squint_angle_rad(orbit, axes, 0.0, points), 0.0, atol=1e-9)
    ahead = ground_point(orbit, 0.1, 800e3)
    assert squint_angle_rad(orbit, axes, 0.0, ahead) == pytest.approx(0.1 * 7_000 / 800e3, rel=0.1)
