"""The height of the ground under a swath."""

from datetime import timedelta

import numpy as np
import pytest

from s1pdgs.formats.elevation import Elevation
from s1pdgs.processors.l1.terrain import ELLIPSOID, terrain_of
from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import Orbit, fit_orbit, ground_point

from .conftest import EPOCH, state_vectors

REACH = (830_000.0, 870_000.0)


@pytest.fixture(scope="module")
def orbit() -> Orbit:
    return fit_orbit(state_vectors(), EPOCH - timedelta(seconds=30), EPOCH + timedelta(seconds=30))


def model(orbit: Orbit, slope: float, level: float = 800.0) -> Elevation:
    """A plain that rises to the east by metres a degree, with its level in the middle of the swath."""
    latitude, longitude, _ = ecef_to_geodetic(ground_point(orbit, 0.0, np.array(np.mean(REACH))))
    step, half = 0.02, 150
    columns = (np.arange(2 * half + 1) - half) * step
    heights = np.broadcast_to(level + slope * columns, (columns.size, columns.size)).astype(np.float32)
    return Elevation(heights, float(longitude) - half * step, float(latitude) + half * step, (step, step))


def test_level_ground_has_its_height_everywhere(orbit: Orbit) -> None:
    found = terrain_of(model(orbit, 0.0), orbit, (-5.0, 5.0), REACH)
    assert found.mean_m == pytest.approx(800.0, abs=1e-3)
    assert found.known == 1.0
    points = found.points(orbit, 1.25, np.linspace(*REACH, 9))
    assert ecef_to_geodetic(points)[2] == pytest.approx(800.0, abs=0.05)


@pytest.mark.parametrize("slope", [-20_000.0, 20_000.0])
def test_points_lie_on_the_slope_at_their_time_and_range(orbit: Orbit, slope: float) -> None:
    elevation, slant = model(orbit, slope, 4000.0), np.linspace(845_000.0, 855_000.0, 7)
    found = terrain_of(elevation, orbit, (-5.0, 5.0), REACH)
    points = found.points(orbit, 0.5, slant)
    latitude, longitude, height = ecef_to_geodetic(points)
    assert height == pytest.approx(elevation.at(latitude, longitude), abs=1.0)
    assert np.ptp(height) > 1000.0
    assert np.linalg.norm(points - orbit.position(0.5), axis=-1) == pytest.approx(slant, abs=1e-3)
    assert (points - orbit.position(0.5)) @ orbit.velocity(0.5) == pytest.approx(0.0, abs=10.0)


def test_neighbouring_slices_have_the_same_means(orbit: Orbit) -> None:
    elevation = model(orbit, 3000.0)
    first, second = (terrain_of(elevation, orbit, span, REACH) for span in ((-20.0, 1.3), (-4.77, 20.0)))
    for time in np.linspace(-4.0, 1.0, 7):
        assert first.mean(float(time)) == pytest.approx(second.mean(float(time)), abs=1e-2)


def test_where_nothing_is_known_the_ground_is_the_ellipsoid(orbit: Orbit) -> None:
    elsewhere = Elevation(np.full((2, 2), 500.0, np.float32), -100.0, 0.0, (1.0, 1.0))
    found = terrain_of(elsewhere, orbit, (-1.0, 1.0), REACH)
    assert found.known == 0.0
    assert not found.mean_m.any()
    slant = np.linspace(*REACH, 5)
    assert found.points(orbit, 0.0, slant) == pytest.approx(ELLIPSOID.points(orbit, 0.0, slant), abs=1e-6)
