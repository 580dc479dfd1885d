"""Areas are those on the sphere, wherever they lie, and nothing counts twice (coprs.md section 5.5)."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from s1pdgs.catalogue.areas import AreaError, outline, share, united
from s1pdgs.formats.masks import Polygon, parse_mask
from s1pdgs.model.footprint import Footprint, LonLat
from tests.unit.formats.mask_files import rectangle

GLOBE = 360 * math.degrees(2)


def box(west: float, south: float, east: float, north: float) -> Polygon:
    return Polygon(tuple(rectangle(west, south, east, north)))


def footprint(*corners: LonLat) -> shapely.Geometry:
    area = outline(Footprint.from_points(list(corners)))
    assert area is not None
    return area


def part_of_globe(area: shapely.Geometry) -> float:
    return float(area.area) / GLOBE


def zone(width_deg: float, south: float, north: float) -> float:
    """The part of the globe between two parallels, over some degrees of longitude."""
    return width_deg / 360 * (math.sin(math.radians(north)) - math.sin(math.radians(south))) / 2


def cap(radius_deg: float) -> float:
    return (1 - math.cos(math.radians(radius_deg))) / 2


def around(lon: float, lat: float, radius_deg: float, corners: int = 48) -> list[LonLat]:
    """A circle on the sphere, against the clock."""
    x, y, radius = math.radians(lon), math.radians(lat), math.radians(radius_deg)
    up = np.array([math.cos(y) * math.cos(x), math.cos(y) * math.sin(x), math.sin(y)])
    east = np.array([-math.sin(x), math.cos(x), 0.0])
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)[:, np.newaxis]
    points = math.cos(radius) * up + math.sin(radius) * (np.cos(turn) * east + np.sin(turn) * np.cross(up, east))
    return [(math.degrees(math.atan2(y, x)), math.degrees(math.asin(z))) for x, y, z in points.tolist()]


class TestMasks:
    @pytest.mark.parametrize(
        ("west", "east"), [(0, 40), (170, 190), (-190, -170), (175, -145), (-180, 180), (-20, 340)]
    )
    def test_a_box_has_the_area_of_its_zone(self, west: float, east: float) -> None:
        width = (east - west) % 360 or 360
        assert part_of_globe(united([box(west, 60, east, 75)])) == pytest.approx(zone(width, 60, 75), rel=1e-9)

    def test_overlapping_polygons_count_once(self) -> None:
        mask = united([box(0, 0, 20, 10), box(10, 0, 30, 10), box(10, 0, 30, 10)])
        assert part_of_globe(mask) == pytest.approx(zone(30, 0, 10), rel=1e-9)
        assert share(footprint((12, 2), (18, 2), (18, 5), (12, 5)), mask) == pytest.approx(1.0)

    def test_holes_are_no_part_of_it(self) -> None:
        lake = Polygon(box(0, 40, 20, 60).outer, (box(5, 45, 10, 50).outer,))
        assert part_of_globe(united([lake])) == pytest.approx(zone(20, 40, 60) - zone(5, 45, 50), rel=1e-9)

    @pytest.mark.parametrize("latitude", [60.0, -60.0])
    def test_a_ring_round_a_pole_holds_it(self, latitude: float) -> None:
        ring = [(lon, latitude) for lon in (-180.0, -90.0, 0.0, 90.0, 180.0)]
        turned = [(lon, latitude) for lon in (30.0, 150.0, -90.0, 30.0)]
        for corners in (ring, turned):
            found = part_of_globe(united([Polygon(tuple(corners))]))
            assert found == pytest.approx(zone(360, 60, 90), rel=1e-9)

    def test_an_outline_beyond_reason_is_refused(self) -> None:
        zigzag = [(170.0 * (-1) ** n, n / 10) for n in range(800)]
        with pytest.raises(AreaError, match="degrees long"):
            united([Polygon((*zigzag, zigzag[0]))])
        spiral = [(float(n * 100 % 360), n / 10) for n in range(40)]
        with pytest.raises(AreaError, match="more than once"):
            united([Polygon((*spiral, spiral[0]))])


class TestFootprints:
    @given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.5, 20))
    def test_a_circle_has_the_same_area_everywhere(self, lon: float, lat: float, radius_deg: float) -> None:
        assume(abs(90 - abs(lat) - radius_deg) > 0.01)
        found = part_of_globe(footprint(*around(lon, lat, radius_deg)))
        assert found == pytest.approx(cap(radius_deg), rel=0.01)

    def test_a_line_and_a_point_have_no_area(self) -> None:
        assert outline(Footprint.from_points([(10, 10), (11, 20)])) is None
        assert outline(Footprint(((10, 10), (10, 10), (10, 10), (10, 10)))) is None
        assert outline(Footprint.from_points([(10, 10), (20, 0), (10, 10)])) is None

    def test_a_footprint_that_crosses_itself_still_has_an_area(self) -> None:
        assert footprint((0, 0), (2, 2), (2, 0), (0, 2)).area > 0

    def test_edges_are_great_circles(self) -> None:
        """Two points on a parallel of 80 degrees, 90 degrees apart: the way between goes by 83 degrees north."""
        wide = footprint((0, 80), (90, 80), (90, 80.1), (0, 80.1))
        assert share(wide, united([box(0, 79, 90, 81)])) < 0.4


class TestShares:
    @pytest.mark.parametrize("lon", [0.0, 179.0, -179.0, 180.0])
    @pytest.mark.parametrize("lat", [0.0, 60.0, -75.0])
    def test_half_a_footprint_is_half_of_it_on_either_side_of_the_dateline(self, lon: float, lat: float) -> None:
        scene = footprint((lon - 2, lat - 1), (lon + 2, lat - 1), (lon + 2, lat + 1), (lon - 2, lat + 1))
        assert share(scene, united([box(lon, -89, lon + 30, 89)])) == pytest.approx(0.5, abs=1e-6)

    @pytest.mark.parametrize("pole", [90.0, -90.0])
    def test_a_scene_over_a_pole_lies_in_all_longitudes(self, pole: float) -> None:
        scene = footprint(*around(0, pole, 3))
        quarter = box(30, min(pole, 70), 120, max(pole, -70))
        assert share(scene, united([quarter])) == pytest.approx(0.25, abs=0.005)

    def test_share_is_of_the_area_on_the_globe_not_of_degrees(self) -> None:
        """A scene from 60 to 80 degrees north: the southern half of its degrees is two thirds of its area."""
        scene = footprint(*[(lon, 60) for lon in range(11)], *[(lon, 80) for lon in range(10, -1, -1)])
        south = share(scene, united([box(-5, 50, 15, 70)]))
        assert south == pytest.approx(zone(10, 60, 70) / zone(10, 60, 80), abs=2e-3)
        assert south > 0.62

    def test_masks_elsewhere_have_no_part(self) -> None:
        assert share(footprint((0, 0), (1, 0), (1, 1)), united([box(50, 0, 60, 10)])) == 0.0

    @settings(max_examples=50)
    @given(st.floats(-180, 180), st.floats(-88, 88), st.floats(-180, 180), st.floats(1, 90))
    def test_inside_and_outside_make_the_whole(self, lon: float, lat: float, west: float, width: float) -> None:
        scene = footprint(*around(lon, lat, 2.5, corners=8))
        inside = share(scene, united([box(west, -90, west + width, 90)]))
        edges = [west + width, west + 150, west + 250, west + 360]
        rest = [box(one, -90, other, 90) for one, other in pairwise(edges)]
        outside = share(scene, united(rest))
        assert inside + outside == pytest.approx(1.0, abs=1e-6)


class TestTheMasksOfTheMission:
    def test_land_covers_what_it_does_on_the_globe(self, testdata: Path) -> None:
        """149 million square kilometres without Antarctica's 14 are 26.5 % of the globe."""
        (path,) = (testdata / "masks").glob("*LAND*")
        land = united(parse_mask(path.read_bytes(), path.name))
        assert part_of_globe(land) == pytest.approx(0.265, abs=0.003)
        germany = footprint((9.5, 51.5), (12.5, 52), (13, 50.5), (10, 50))
        pacific = footprint((178, -40), (-178, -40), (-178, -42), (178, -42))
        assert [share(germany, land), share(pacific, land)] == [pytest.approx(1.0), 0.0]

    def test_the_ew_slc_mask_is_three_boxes(self, testdata: Path) -> None:
        (path,) = (testdata / "masks").glob("*EW_SLC*")
        boxes = zone(40, 75, 82) + zone(70, -60, 15) + zone(23, 62, 68)
        assert part_of_globe(united(parse_mask(path.read_bytes(), path.name))) == pytest.approx(boxes, rel=1e-9)
