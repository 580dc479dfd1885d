"""Areas that queries ask for: read, checked, compared with footprints."""

import json
import math
from typing import Any, Literal

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from s1pdgs.model.globe import at_dateline, unwrapped, valid
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import Either, Every, Predicate, Spatial

MAX_VERTICES = 10_000
_MARGIN_DEG = 0.1  # boxes of older catalogues were cut at the dateline by another rule
_MAX_BOXES = 16
_MAX_TANGLED = 100  # vertices of outlines that cross, whose pieces grow with the square of them
_SIMPLE = {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"}
Relation = Literal["intersects", "within", "disjoint"]


def parse_geography(text: str) -> BaseGeometry:
    """The geometry of OData's `SRID=4326;<WKT>`; the SRID may be left out. Raises `QueryError`."""
    srid, separator, wkt = text.rpartition(";")
    if separator and srid.strip().upper() != "SRID=4326":
        raise QueryError(f"geography is in {srid!r}; only SRID=4326 is served")
    try:
        shape = shapely.from_wkt(wkt.strip())
    except shapely.errors.ShapelyError as error:
        raise QueryError(f"geography {wkt[:80]!r} is not well-known text: {error}") from None
    return checked(shape)


def parse_geojson(value: Any) -> BaseGeometry:
    """The geometry of a GeoJSON geometry object; raises `QueryError`."""
    try:
        shape = shapely.from_geojson(json.dumps(value))
    except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
        raise QueryError(f"intersects is not a GeoJSON geometry: {error}") from None
    return checked(shape)


def checked(shape: BaseGeometry | None) -> BaseGeometry:
    """A plain longitude-latitude geometry, or `QueryError` also where it would take long to untangle."""
    kinds = set() if shape is None else {part.geom_type for part in shapely.get_parts(shape)}
    if shape is None or shape.is_empty or not kinds <= _SIMPLE:
        kind = "nothing" if shape is None else f"an empty {shape.geom_type}" if shape.is_empty else shape.geom_type
        raise QueryError(f"an area is a POINT, LINESTRING or POLYGON or several of them, not {kind}")
    shape = shapely.force_2d(shape)
    coordinates = shapely.get_coordinates(shape).tolist()
    if len(coordinates) > MAX_VERTICES:
        raise QueryError(f"an area of {len(coordinates)} vertices is larger than the {MAX_VERTICES} accepted")
    for x, y in coordinates:
        if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 360.0 and abs(y) <= 90.0):
            raise QueryError(f"({x}, {y}) is not a longitude and a latitude in degrees")
    if len(coordinates) > _MAX_TANGLED and not _is_tidy(shape):
        raise QueryError(
            f"the outlines of an area of {len(coordinates)} vertices cross each other; more than {_MAX_TANGLED} are "
            "accepted of valid polygons only"
        )
    return shape


def _is_tidy(shape: BaseGeometry) -> bool:
    """Whether polygons are valid and do not overlap."""
    polygons = [unwrapped(part) for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return all(polygon.is_valid for polygon in polygons) and bool(shapely.MultiPolygon(polygons).is_valid)


def box_area(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """The area of a bounding box, over the dateline when west is greater than east (RFC 7946, section 5.2)."""
    if not all(math.isfinite(edge) for edge in (west, south, east, north)):
        raise QueryError("a bounding box has an edge that is not a number")
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise QueryError(f"bounding box {west},{south},{east},{north} is not west,south,east,north in degrees")
    if west <= east:
        return box(west, south, east, north)
    return shapely.union_all([box(west, south, 180.0, north), box(-180.0, south, east, north)])


def spatial(relation: Relation, area: BaseGeometry, *, cut: bool = True) -> Predicate:
    """The predicate of footprints that intersect, lie within, or are disjoint from an area.

    A collection of points, lines and polygons is asked for by kind. Raises `QueryError`.
    """
    if area.geom_type != "GeometryCollection":
        return _spatial(relation, valid(at_dateline(area) if cut else area))
    if relation == "within":
        raise QueryError("products lie within polygons, not within a collection of several kinds")
    parts = shapely.get_parts(area)
    dimensions = shapely.get_dimensions(parts)
    kinds = [shapely.GeometryCollection(list(parts[dimensions == one])) for one in sorted(set(dimensions.tolist()))]
    each = tuple(_spatial(relation, valid(at_dateline(kind))) for kind in kinds)
    return Either(each) if relation == "intersects" else Every(each)


def _spatial(relation: Relation, shape: BaseGeometry) -> Spatial:
    parts = [part.bounds for part in shapely.get_parts(shape)]
    if len(parts) > _MAX_BOXES:
        parts = [shape.bounds]
    boxes = tuple((w - _MARGIN_DEG, s - _MARGIN_DEG, e + _MARGIN_DEG, n + _MARGIN_DEG) for w, s, e, n in parts)
    return Spatial(relation, shapely.to_wkt(shape, rounding_precision=-1), boxes)


class FootprintTests:
    """The exact tests of one query, for SQLite to call: footprints in the form of `to_binary`, areas as text."""

    def __init__(self) -> None:
        self._areas: dict[str, BaseGeometry] = {}

    def intersects(self, footprint: bytes, area: str) -> int:
        """1 when the footprint and the area share a point."""
        return int(self._area(area).intersects(shapely.from_wkb(footprint)))

    def within(self, footprint: bytes, area: str) -> int:
        """1 when the whole footprint lies in the area."""
        return int(self._area(area).covers(shapely.from_wkb(footprint)))

    def _area(self, text: str) -> BaseGeometry:
        if text not in self._areas:
            self._areas[text] = shapely.from_wkt(text)
            shapely.prepare(self._areas[text])
        return self._areas[text]


def to_geography(shape: BaseGeometry) -> str:
    """The text of OData's Edm.Geography; outlines have their inside on the left."""
    text = shapely.to_wkt(shapely.orient_polygons(shape), rounding_precision=7)
    return f"geography'SRID=4326;{text.replace(', ', ',').replace(' (', '(')}'"


def to_geojson(shape: BaseGeometry) -> dict[str, Any]:
    """The GeoJSON geometry object; outlines have their inside on the left (RFC 7946, section 3.1.6)."""
    found: dict[str, Any] = json.loads(shapely.to_geojson(shapely.orient_polygons(shape)))
    return found
