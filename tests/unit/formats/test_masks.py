"""Masks are read in every dialect, and refused with the polygon that is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.formats.mask_files import Ring, geojson, gml, kml, mask_file, rectangle

from s1pdgs.formats.masks import MaskError, Polygon, parse_mask
from s1pdgs.formats.xml import FormatError

NORTH = rectangle(0.0, 75.0, 40.0, 82.0)
OVER_THE_DATELINE = rectangle(170.0, -20.0, 190.0, -10.0)
BLOCKS = [
    geojson(NORTH, OVER_THE_DATELINE),
    kml(NORTH, OVER_THE_DATELINE),
    gml(NORTH, OVER_THE_DATELINE),
    gml(NORTH, OVER_THE_DATELINE, crs="urn:ogc:def:crs:OGC:1.3:CRS84"),
    f"<![CDATA[{kml(NORTH, OVER_THE_DATELINE)}]]>",
]


@pytest.mark.parametrize("block", BLOCKS, ids=["geojson", "kml", "gml", "gml-crs84", "kml-as-text"])
def test_every_dialect_tells_the_same_polygons(block: str) -> None:
    assert parse_mask(mask_file(block), "m.EOF") == (Polygon(tuple(NORTH)), Polygon(tuple(OVER_THE_DATELINE)))


corner = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
rings = st.lists(corner, min_size=3, max_size=8).map(lambda corners: [*corners, corners[0]])


@given(st.lists(rings, min_size=1, max_size=4), st.sampled_from([geojson, kml, gml]))
def test_what_is_written_is_read(drawn: list[Ring], write: object) -> None:
    found = parse_mask(mask_file(write(*drawn)), "m.EOF")  # type: ignore[operator]
    assert [polygon.outer for polygon in found] == [tuple(ring) for ring in drawn]


def test_holes_and_several_polygons_of_one_feature() -> None:
    hole = rectangle(10, 76, 20, 80)
    geometry = {"type": "MultiPolygon", "coordinates": [[NORTH, hole], [OVER_THE_DATELINE]]}
    one, other = parse_mask(mask_file(json.dumps({"type": "Feature", "geometry": geometry})), "m.EOF")
    assert one.holes == (tuple(hole),)
    assert other.holes == ()


def test_an_open_ring_is_closed() -> None:
    (found,) = parse_mask(mask_file(geojson(NORTH[:-1])), "m.EOF")
    assert found.outer == tuple(NORTH)


def test_positions_may_tell_a_height() -> None:
    text = gml(NORTH).replace("<gml:posList>", '<gml:posList srsDimension="3">')
    high = " ".join(f"{lat} {lon} 12" for lon, lat in NORTH)
    begin, end = text.index('"3">') + 4, text.index("</gml:posList>")
    assert parse_mask(mask_file(text[:begin] + high + text[end:]), "m.EOF") == (Polygon(tuple(NORTH)),)


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("", "holds no polygon"),
        ("land ho", "neither XML nor JSON"),
        ("[" * 100_000, "neither XML nor JSON"),
        ('{"type": "Point", "coordinates": [1, 2]}', "a Point has no area"),
        ('{"type": "FeatureCollection", "features": [{"type": "Polygon"}]}', "feature 1 is a Polygon, not a Feature"),
        ('{"type": "FeatureCollection"}', "'None' is not a list"),
        ("[1, 2]", "is not a GeoJSON object"),
        (geojson([(0, 0), (1, 1)]), "feature 1: a ring of 2 positions encloses nothing"),
        (geojson(rectangle(0, 0, 500, 1)), "is not a position of longitude and latitude"),
        (geojson(rectangle(0, 0, 1, 91)), "is not a longitude and a latitude"),
        (geojson([(0, 0), (float("nan"), 0), (1, 1)]), "is not a position"),
        (geojson([(0, 0), (10**400, 0), (1, 1)]), "is not a position"),
        (kml(NORTH).replace("75", "north"), "polygon 1: its coordinates are not pairs of numbers"),
        (gml(NORTH).replace("exterior>", "interior>"), "has 0 outer boundaries"),
        (gml(NORTH).replace("82.0 0.0", "82.0"), "not pairs of numbers"),
    ],
)
def test_a_fault_is_named(block: str, complaint: str) -> None:
    with pytest.raises(MaskError, match=complaint) as refusal:
        parse_mask(mask_file(block), "m.EOF")
    assert str(refusal.value).startswith("m.EOF")


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(FormatError, match=r"m\.EOF: its root is kml, not Earth_Explorer_File"):
        parse_mask(kml(NORTH).encode(), "m.EOF")


def test_the_masks_of_the_mission(testdata: Path) -> None:
    by_kind = {path.name[9:19]: parse_mask(path.read_bytes(), path.name) for path in (testdata / "masks").iterdir()}
    assert [len(polygon.outer) for polygon in by_kind["MSK_EW_SLC"]] == [5, 5, 5]
    assert len(by_kind["MSK__LAND_"]) == 277
