"""The orbit and its zero-Doppler geometry reproduce ESA's geolocation grids."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from s1pdgs.model.time import parse_utc
from s1pdgs.sar.constants import SPEED_OF_LIGHT_M_S
from s1pdgs.sar.earth import ecef_to_geodetic, geodetic_to_ecef
from s1pdgs.sar.orbit import (
    Orbit,
    OrbitError,
    StateVector,
    effective_velocity,
    fit_orbit,
    ground_point,
    zero_doppler_time,
)

EPOCH = datetime(2021, 4, 1, 15, 29, tzinfo=UTC)


def circular_vectors(count: int = 14, step_s: float = 10.0) -> list[StateVector]:
    """State vectors of an Earth-fixed circle of Sentinel-1's radius and period."""
    radius_m, rate = 7_071_000.0, 2 * np.pi / 5_924.0
    vectors = []
    for index in range(count):
        phase = rate * index * step_s
        position = radius_m * np.array([np.cos(phase), 0.3 * np.sin(phase), np.sin(phase)])
        velocity = radius_m * rate * np.array([-np.sin(phase), 0.3 * np.cos(phase), np.cos(phase)])
        vectors.append(StateVector(EPOCH + timedelta(seconds=index * step_s), position, velocity))
    return vectors


def read_annotation(path: Path) -> tuple[Orbit, np.ndarray]:
    """The fitted orbit of a real annotation and its grid: time_s, slant_range_m, latitude, longitude, height."""
    root = etree.parse(path).getroot()
    vectors = [
        StateVector(
            parse_utc(entry.findtext("time")),
            np.array([float(entry.findtext(f"position/{axis}")) for axis in "xyz"]),
            np.array([float(entry.findtext(f"velocity/{axis}")) for axis in "xyz"]),
        )
        for entry in root.iterfind("generalAnnotation/orbitList/orbit")
    ]
    points = root.findall(".//geolocationGridPoint")
    times = [parse_utc(point.findtext("azimuthTime")) for point in points]
    orbit = fit_orbit(vectors, min(times), max(times))
    grid = [
        (
            orbit.seconds(time),
            float(point.findtext("slantRangeTime")) * SPEED_OF_LIGHT_M_S / 2,
            *(float(point.findtext(field)) for field in ("latitude", "longitude", "height")),
        )
        for time, point in zip(times, points, strict=True)
    ]
    return orbit, np.array(grid)


@pytest.mark.parametrize("product", ["S1A_S3_SLC__1SDV_20210401T152855*", "S1B_IW_SLC__1SDV_20210401T052622*"])
def test_zero_doppler_geometry_reproduces_the_geolocation_grid(testdata: Path, product: str) -> None:
    path = next((testdata / "l1_annotations").glob(f"{product}/annotation/*.xml"))
    orbit, grid = read_annotation(path)
    targets = geodetic_to_ecef(grid[:, 2], grid[:, 3], grid[:, 4])
    time_s, range_m = zero_doppler_time(orbit, targets)
    assert np.sqrt(np.mean((range_m - grid[:, 1]) ** 2)) < 0.6
    assert np.abs(time_s - grid[:, 0]).max() * 6800.0 < 0.5


def test_points_on_the_ground_are_found_again_by_zero_doppler_search() -> None:
    orbit = fit_orbit(circular_vectors(), EPOCH + timedelta(seconds=50), EPOCH + timedelta(seconds=80))
    time_s, range_m = np.meshgrid(np.linspace(-10, 10, 5), np.linspace(800e3, 950e3, 4))
    points = ground_point(orbit, time_s, range_m, height_m=120.0)
    found_s, found_m = zero_doppler_time(orbit, points)
    assert np.abs(found_s - time_s).max() < 1e-9
    assert np.abs(found_m - range_m).max() < 1e-4
    assert np.abs(ecef_to_geodetic(points)[2] - 120.0).max() < 1.0


def test_points_lie_to_the_right_of_the_flight() -> None:
    orbit = fit_orbit(circular_vectors(), EPOCH + timedelta(seconds=50), EPOCH + timedelta(seconds=80))
    line = ground_point(orbit, 0.0, 850e3) - orbit.position(0.0)
    assert np.dot(np.cross(orbit.velocity(0.0), orbit.position(0.0)), line) > 0


def test_the_effective_velocity_lies_between_ground_and_platform_speed() -> None:
    orbit = fit_orbit(circular_vectors(), EPOCH + timedelta(seconds=50), EPOCH + timedelta(seconds=80))
    point = ground_point(orbit, 0.0, 850e3)
    speed = float(np.linalg.norm(orbit.velocity(0.0)))
    assert 0.9 * speed < effective_velocity(orbit, point, 0.0) < speed


def test_vectors_that_do_not_cover_the_span_are_refused_with_both_spans() -> None:
    with pytest.raises(OrbitError, match="do not cover 2021-04-01T15:28"):
        fit_orbit(circular_vectors(), EPOCH - timedelta(seconds=20), EPOCH + timedelta(seconds=20))


def test_a_range_that_misses_the_earth_is_refused() -> None:
    orbit = fit_orbit(circular_vectors(), EPOCH + timedelta(seconds=50), EPOCH + timedelta(seconds=80))
    with pytest.raises(OrbitError, match="does not reach"):
        ground_point(orbit, 0.0, 500e3)
