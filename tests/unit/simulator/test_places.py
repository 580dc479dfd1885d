"""Places and their coast."""

import numpy as np
import pytest
from shapely.geometry import Point, Polygon

from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.places import place, place_names


@pytest.mark.parametrize("name", place_names())
def test_every_place_has_land_and_sea_within_ten_kilometres(name: str) -> None:
    there = place(name)
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.09, 0.09, (200, 2)) * [1.5, 1.0] + [there.longitude_deg, there.latitude_deg]
    land = [sum(Polygon(ring).contains(Point(point)) for ring in there.rings) % 2 for point in points]
    assert 0.02 < np.mean(land) < 0.98


def test_moving_rings_onto_a_box_keeps_what_is_inside_of_it() -> None:
    there = place("hel")
    near = there.rings_around(0.2)
    rng = np.random.default_rng(2)
    points = rng.uniform(-0.19, 0.19, (300, 2)) * [1.5, 1.0] + [there.longitude_deg, there.latitude_deg]
    for point in points:
        whole, cut = (
            sum(Polygon(r).buffer(0).contains(Point(point)) for r in rings) % 2 for rings in (there.rings, near)
        )
        assert whole == cut
    assert max(len(ring) for ring in near) < 2000


def test_an_unknown_place_names_the_known_ones() -> None:
    with pytest.raises(SimulatorError, match="choose one of hel, istanbul"):
        place("atlantis")
