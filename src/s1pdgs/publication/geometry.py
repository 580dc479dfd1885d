"""Footprints and areas on the globe: read, cut at the dateline, compared.

A step of more than 180 degrees in longitude goes over the dateline (RFC 7946, section 3.1.9, and the readers of it);
a step of exactly 360 degrees does not, so the box of the whole world stays one.
"""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import shapely
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import Spatial

MAX_VERTICES = 10_000
_MARGIN_DEG = 0.1  # the boxes of the catalogue may be cut at the dateline by another rule
_MAX_BOXES = 16
_SIMPLE = {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"}

Position = tuple[float, float]


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
    """A plain longitude-latitude geometry, or `QueryError`."""
    if shape is None or shape.is_empty or shape.geom_type not in _SIMPLE:
        kind = "nothing" if shape is None else f"an empty {shape.geom_type}" if shape.is_empty else shape.geom_type
        raise QueryError(f"an area is a POINT, LINESTRING or POLYGON or several of a kind, not {kind}")
    shape = shapely.force_2d(shape)
    coordinates = shapely.get_coordinates(shape).tolist()
    if len(coordinates) > MAX_VERTICES:
        raise QueryError(f"an area of {len(coordinates)} vertices is larger than the {MAX_VERTICES} accepted")
    for x, y in coordinates:
        if not (math.isfinite(x) and math.isfinite(y) and abs(x) <= 360.0 and abs(y) <= 90.0):
            raise QueryError(f"({x}, {y}) is not a longitude and a latitude in degrees")
    return shape


def box_area(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """The area of a bounding box, over the dateline when west is greater than east (RFC 7946, section 5.2)."""
    if not all(math.isfinite(edge) for edge in (west, south, east, north)):
        raise QueryError("a bounding box has an edge that is not a number")
    if not (-180.0 <= west <= 180.0 and -180.0 <= east <= 180.0 and -90.0 <= south <= north <= 90.0):
        raise QueryError(f"bounding box {west},{south},{east},{north} is not west,south,east,north in degrees")
    if west <= east:
        return box(west, south, east, north)
    return shapely.union_all([box(west, south, 180.0, north), box(-180.0, south, east, north)])


def spatial(relation: str, area: BaseGeometry, *, cut: bool = True) -> Spatial:
    """The predicate of footprints that intersect, lie within, or are disjoint from an area."""
    shape = _valid(at_dateline(area) if cut else area)
    parts = [part.bounds for part in shapely.get_parts(shape)]
    if len(parts) > _MAX_BOXES:
        parts = [shape.bounds]
    boxes = tuple((w - _MARGIN_DEG, s - _MARGIN_DEG, e + _MARGIN_DEG, n + _MARGIN_DEG) for w, s, e, n in parts)
    return Spatial(relation, shapely.to_wkt(shape, rounding_precision=-1), boxes)  # type: ignore[arg-type]


def footprint_shape(ring: Sequence[Sequence[float]]) -> BaseGeometry:
    """The geometry of a footprint's ring, cut at the dateline; a ring of two distinct points is a line."""
    points = [(float(x), float(y)) for x, y in ring]
    distinct = list(dict.fromkeys(points))
    if len(distinct) == 1:
        return shapely.Point(distinct[0])
    if len(distinct) == 2:
        return at_dateline(shapely.LineString(distinct))
    return _valid(at_dateline(shapely.Polygon(points)))


def at_dateline(shape: BaseGeometry) -> BaseGeometry:
    """The same places with all longitudes within [-180, 180]: what reaches over the dateline is cut in parts."""
    pieces = [piece for part in shapely.get_parts(shape) for piece in _cut(_unwrapped(part))]
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def _unwrapped(part: BaseGeometry) -> BaseGeometry:
    if part.geom_type == "Point":
        return part
    if part.geom_type == "LineString":
        return shapely.LineString(_continuous(list(part.coords)))
    outer = _enclosing_pole(_continuous(list(part.exterior.coords)))
    middle = (min(x for x, _ in outer) + max(x for x, _ in outer)) / 2
    holes = [_beside(_continuous(list(hole.coords)), middle) for hole in part.interiors]
    return shapely.Polygon(outer, holes)


def _continuous(points: list[Position]) -> list[Position]:
    """Longitudes without the jump at the dateline."""
    unwrapped = [points[0]]
    for (before, _), (x, y) in pairwise(points):
        step = x - before
        if 180.0 < abs(step) < 360.0:
            step -= math.copysign(360.0, step)
        unwrapped.append((unwrapped[-1][0] + step, y))
    return unwrapped


def _enclosing_pole(points: list[Position]) -> list[Position]:
    """Close a ring that went once around the globe over the pole that it encloses."""
    if abs(points[-1][0] - points[0][0]) < 180.0:
        return points
    pole = math.copysign(90.0, sum(y for _, y in points))
    return [*points, (points[-1][0], pole), (points[0][0], pole), points[0]]


def _beside(points: list[Position], middle: float) -> list[Position]:
    """A hole on the same turn of the globe as the ring around it."""
    turns = round((middle - sum(x for x, _ in points) / len(points)) / 360.0)
    return [(x + 360.0 * turns, y) for x, y in points]


def _cut(shape: BaseGeometry) -> list[BaseGeometry]:
    west, _, east, _ = shape.bounds
    if west >= -180.0 and east <= 180.0:
        return [shape]
    shape = shapely.make_valid(shape)
    pieces = []
    for turn in range(-2, 3):
        here = shapely.intersection(shape, box(-180.0 + 360.0 * turn, -90.0, 180.0 + 360.0 * turn, 90.0))
        if not here.is_empty:
            pieces.append(shapely.transform(here, lambda xy, turn=turn: xy - [360.0 * turn, 0.0]))
    return _of_highest_dimension(pieces)


def _of_highest_dimension(pieces: list[BaseGeometry]) -> list[BaseGeometry]:
    """Without the lines and points in which an area only touches the dateline or itself."""
    parts = [part for piece in pieces for part in shapely.get_parts(piece)]
    dimension = max(shapely.get_dimensions(part) for part in parts)
    return [part for part in parts if shapely.get_dimensions(part) == dimension]


def _valid(shape: BaseGeometry) -> BaseGeometry:
    if shape.is_valid:
        return shape
    return shapely.union_all(_of_highest_dimension([shapely.make_valid(shape)]))


class FootprintTests:
    """The exact tests of one query, for SQL to call: footprints come as JSON rings, areas as well-known text."""

    def __init__(self) -> None:
        self._areas: dict[str, BaseGeometry] = {}

    def intersects(self, ring: str | None, area: str) -> int:
        """1 when the footprint and the area share a point."""
        shape = _ring_shape(ring)
        return int(shape is not None and self._area(area).intersects(shape))

    def within(self, ring: str | None, area: str) -> int:
        """1 when the whole footprint lies in the area."""
        shape = _ring_shape(ring)
        return int(shape is not None and self._area(area).covers(shape))

    def _area(self, text: str) -> BaseGeometry:
        if text not in self._areas:
            self._areas[text] = shapely.from_wkt(text)
            shapely.prepare(self._areas[text])
        return self._areas[text]


def _ring_shape(text: str | None) -> BaseGeometry | None:
    ring = None if text is None else json.loads(text)
    return None if not ring else footprint_shape(ring)


def to_geography(shape: BaseGeometry) -> str:
    """The text of OData's Edm.Geography."""
    return f"geography'SRID=4326;{shapely.to_wkt(shape, rounding_precision=7).replace(', ', ',').replace(' (', '(')}'"


def to_geojson(shape: BaseGeometry) -> dict[str, Any]:
    """The GeoJSON geometry object."""
    found: dict[str, Any] = json.loads(json.dumps(mapping(shape)))
    return found
