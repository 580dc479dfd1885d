"""Areas on the globe, and how much of one lies within another.

Areas lie on a chart of equal area (Lambert's cylindrical one: x is the longitude in degrees, y is 180 / pi times the
sine of the latitude), cut at the dateline: there, polygons are united and intersected, and ratios of areas are those on
the sphere. An area differs by less than 0.7 % from that on the ellipsoid, a ratio of neighbouring ones far less.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from s1pdgs.formats.masks import Polygon
from s1pdgs.model.footprint import Footprint, LonLat

_STEP_DEG = 0.25
_DIGITS = 9
"""Of positions, a tenth of a millimetre: overlays of numbers that differ in their last bits lose parts."""
_LONGEST_DEG = 200_000.0
_Y = math.degrees(1.0)
_CHART = shapely.box(-180.0, -_Y, 180.0, _Y)
Degrees = NDArray[np.float64]


class AreaError(ValueError):
    """Rings that enclose no area on a globe; the message tells why."""


def united(polygons: Sequence[Polygon]) -> BaseGeometry:
    """The union of a mask's polygons: what several cover counts once. `AreaError` for an outline beyond all reason."""
    rings = [np.array(ring) for polygon in polygons for ring in (polygon.outer, *polygon.holes)]
    length_deg = sum(float(np.abs(np.diff(ring, axis=0)).sum()) for ring in rings)
    if length_deg > _LONGEST_DEG:
        raise AreaError(f"its outlines are {length_deg:.0f} degrees long, more than the {_LONGEST_DEG:.0f} accepted")
    area = shapely.union_all([_charted_polygon(polygon) for polygon in polygons])
    shapely.prepare(area)
    return area


def outline(footprint: Footprint) -> BaseGeometry | None:
    """The area of a footprint, whose edges are great circles; None for one that is a line or a point. `AreaError`."""
    if len(set(footprint.ring)) < 3:
        return None
    ring = footprint.ring if footprint.ring[0] == footprint.ring[-1] else (*footprint.ring, footprint.ring[0])
    area = _charted(_great_circles(np.array(ring)))
    return area if area.area > 0.0 else None


def share(area: BaseGeometry, mask: BaseGeometry) -> float:
    """The part of an area that lies within a mask, 0 to 1."""
    return min(float(shapely.intersection(mask, area).area / area.area), 1.0)


def _charted_polygon(polygon: Polygon) -> BaseGeometry:
    outer, *holes = (_charted(_straight(ring)) for ring in (polygon.outer, *polygon.holes))
    return shapely.difference(outer, shapely.union_all(holes)) if holes else outer


def _straight(ring: Sequence[LonLat]) -> Degrees:
    """Points along edges that are straight in longitude and latitude.

    An edge of more than 180 degrees goes the short way, over the dateline; one of exactly 360 degrees goes all round.
    """
    corners = np.array(ring)
    if not np.any(np.abs(np.diff(corners[:, 0])) == 360.0):
        corners[:, 0] = np.unwrap(corners[:, 0], period=360.0)
    return np.asarray(shapely.get_coordinates(shapely.segmentize(shapely.LineString(corners), _STEP_DEG)))


def _great_circles(ring: Degrees) -> Degrees:
    """Points along the great circles between neighbours of a closed ring; longitudes go on over the dateline."""
    lon, lat = np.radians(ring).T
    corners = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    pieces = [_arc(one, other) for one, other in pairwise(corners)]
    x, y, z = np.concatenate([*pieces, corners[-1:]]).T
    points: Degrees = np.degrees(np.stack([np.arctan2(y, x), np.arcsin(np.clip(z, -1.0, 1.0))], axis=1))
    points[:, 0] = np.unwrap(points[:, 0], period=360.0)
    return points


def _arc(one: Degrees, other: Degrees) -> Degrees:
    """Unit vectors from one point towards another, without it."""
    angle = math.atan2(float(np.linalg.norm(np.cross(one, other))), float(one @ other))
    if angle < 1e-12 or angle > math.pi - 1e-9:
        return one[np.newaxis]
    steps = math.ceil(math.degrees(angle) / _STEP_DEG)
    part = angle * np.arange(steps)[:, np.newaxis] / steps
    between: Degrees = (np.sin(angle - part) * one + np.sin(part) * other) / math.sin(angle)
    return between


def _charted(points: Degrees) -> BaseGeometry:
    """The area within a closed ring whose longitudes go on over the dateline; round a pole, it holds the nearer one."""
    if float(np.ptp(points[:, 0])) > 2 * 360.0:
        raise AreaError("a ring goes round the globe more than once")
    if abs(points[-1, 0] - points[0, 0]) > 180.0:
        pole = math.copysign(90.0, float(points[:, 1].sum()))
        points = np.concatenate([points, [[points[-1, 0], pole], [points[0, 0], pole], points[0]]])
    chart = np.stack([points[:, 0], _Y * np.sin(np.radians(points[:, 1]))], axis=1).round(_DIGITS)
    area = _only_areas(shapely.make_valid(shapely.Polygon(chart)))
    west, _, east, _ = area.bounds if not area.is_empty else (0.0, 0.0, 0.0, 0.0)
    turns = range(math.floor((west + 180.0) / 360.0), math.floor((east + 180.0) / 360.0) + 1)
    moved = [shapely.transform(area, lambda xy, turn=turn: xy - [360.0 * turn, 0.0]) for turn in turns]
    return _only_areas(shapely.union_all([shapely.intersection(part, _CHART) for part in moved]))


def _only_areas(shape: BaseGeometry) -> BaseGeometry:
    """A shape without the lines and points that a repair or a cut left."""
    return shapely.union_all([part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"])
