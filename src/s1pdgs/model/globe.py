"""Shapes on the globe as plain longitude-latitude geometries: cut at the dateline, closed over the poles.

A step of more than 180 degrees in longitude goes over the dateline (RFC 7946, section 3.1.9, and the readers of it);
a step of exactly 360 degrees does not, so the box of the whole world stays one.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from s1pdgs.model.footprint import LonLat

_SEVERAL = {0: shapely.MultiPoint, 1: shapely.MultiLineString, 2: shapely.MultiPolygon}


def footprint_shape(ring: Sequence[Sequence[float]]) -> BaseGeometry:
    """The geometry of a footprint's ring, cut at the dateline; a ring of two distinct points is a line."""
    points = [(float(x), float(y)) for x, y in ring]
    distinct = list(dict.fromkeys(points))
    if len(distinct) == 1:
        return shapely.Point(distinct[0])
    if len(distinct) == 2:
        return at_dateline(shapely.LineString(distinct))
    return valid(at_dateline(shapely.Polygon(points)))


def at_dateline(shape: BaseGeometry) -> BaseGeometry:
    """The same places with all longitudes within [-180, 180]: what reaches over the dateline is cut in parts."""
    cut = [piece for part in shapely.get_parts(shape) for piece in _cut(unwrapped(part))]
    pieces = [part for piece in cut for part in shapely.get_parts(piece)]
    if len(pieces) == 1:
        return pieces[0]
    return _SEVERAL[int(shapely.get_dimensions(pieces[0]))](pieces)


def valid(shape: BaseGeometry) -> BaseGeometry:
    """The same places as a geometry that is valid: an area without the lines and points in which it touches itself."""
    if shape.is_valid:
        return shape
    parts = [shapely.make_valid(part) for part in shapely.get_parts(shape)]
    return shapely.union_all([piece for part in parts for piece in _of_highest_dimension([part])])


def parts_of(shape: BaseGeometry) -> list[BaseGeometry]:
    """The points, lines or polygons that a geometry is made of."""
    return list(shapely.get_parts(shape))


def to_binary(shape: BaseGeometry) -> bytes:
    """The form in which databases keep a footprint: well-known binary, which PostGIS indexes."""
    return bytes(shapely.to_wkb(shape, byte_order=1))


def unwrapped(part: BaseGeometry) -> BaseGeometry:
    """A point, line or polygon whose longitudes go on over the dateline, beyond 180 degrees."""
    if part.geom_type == "Point":
        return part
    if part.geom_type == "LineString":
        return shapely.LineString(_continuous(list(part.coords)))
    outer = _enclosing_pole(_continuous(list(part.exterior.coords)))
    middle = (min(x for x, _ in outer) + max(x for x, _ in outer)) / 2
    holes = [_beside(_continuous(list(hole.coords)), middle) for hole in part.interiors]
    return shapely.Polygon(outer, holes)


def _continuous(points: list[LonLat]) -> list[LonLat]:
    """Longitudes without the jump at the dateline."""
    unwrapped = [points[0]]
    for (before, _), (x, y) in pairwise(points):
        step = x - before
        if 180.0 < abs(step) < 360.0:
            step -= math.copysign(360.0, step)
        unwrapped.append((unwrapped[-1][0] + step, y))
    return unwrapped


def _enclosing_pole(points: list[LonLat]) -> list[LonLat]:
    """Close a ring that went once around the globe over the pole that it encloses."""
    if abs(points[-1][0] - points[0][0]) < 180.0:
        return points
    pole = math.copysign(90.0, sum(y for _, y in points))
    return [*points, (points[-1][0], pole), (points[0][0], pole), points[0]]


def _beside(points: list[LonLat], middle: float) -> list[LonLat]:
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
