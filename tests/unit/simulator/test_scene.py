"""The backscatter of a scene."""

from collections.abc import Callable

import numpy as np
from shapely.geometry import Point, Polygon

from s1pdgs.sar.earth import ecef_to_geodetic
from s1pdgs.sar.orbit import ground_point
from s1pdgs.simulator.datatake import DataTake
from s1pdgs.simulator.scenario import Scenario
from s1pdgs.simulator.scene import backscatter, land_crossings, patches, texture


def test_the_coast_lies_where_the_polygons_are(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    mask = land_crossings(take, 0, take.lines).mask(take.samples)
    assert 0.1 < mask.mean() < 0.9
    rng = np.random.default_rng(3)
    line, sample = rng.integers(0, take.lines, 200), rng.integers(0, take.samples, 200)
    points = ground_point(take.orbit, take.zero_doppler_s(line, sample), take.slant_range_m(sample))
    latitude, longitude, _ = ecef_to_geodetic(points)
    rings = [Polygon(ring) for ring in take.place.rings]
    agreeing = 0
    for k in range(line.size):
        point = Point(longitude[k], latitude[k])
        if min(ring.exterior.distance(point) for ring in rings) < 2e-4:
            continue
        assert mask[line[k], sample[k]] == (sum(ring.contains(point) for ring in rings) % 2 == 1)
        agreeing += 1
    assert agreeing > 150


def test_sea_falls_off_with_incidence_and_cross_polarisation_is_weaker(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    geometry = take.range_geometry(np.array([0.0, 5000.0]))
    land, sea = backscatter(take, geometry, "VV")
    np.testing.assert_allclose(10 * np.log10(land), -8.0)
    assert sea[1] < sea[0]
    cross_land, cross_sea = backscatter(take, geometry, "VH")
    np.testing.assert_allclose(10 * np.log10([*(cross_land / land), *(cross_sea / sea)]), -7.0)


def test_texture_is_gentle_smooth_and_keeps_the_mean_power() -> None:
    field = texture((3000, 4000), 1.2, np.random.SeedSequence(1))
    assert np.mean(field.astype(np.float64) ** 2) == 1.0 or abs(np.mean(field.astype(np.float64) ** 2) - 1) < 1e-5
    decibels = 20 * np.log10(field)
    assert 1.0 < decibels.std() < 1.4
    assert np.abs(np.diff(decibels, axis=0)).std() < decibels.std()


def test_patches_are_circles_on_the_ground(plan: Callable[[Scenario], DataTake]) -> None:
    take = plan(Scenario())
    ellipse = patches(take, take.range_geometry(np.arange(take.samples)), np.array([[1000.0, 3000.0]]))[0]
    centre, above, beside = (
        ground_point(take.orbit, float(take.zero_doppler_s(line, sample)), float(take.slant_range_m(sample)))
        for line, sample in ((1000.0, 3000.0), (1000.0 + ellipse[2], 3000.0), (1000.0, 3000.0 + ellipse[3]))
    )
    for edge in (above, beside):
        assert abs(np.linalg.norm(edge - centre) - 250.0) < 2.5
