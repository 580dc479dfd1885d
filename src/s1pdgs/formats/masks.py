"""Masks: areas on the ground in an Earth Explorer file (MSK__LAND_, MSK_EW_SLC, ...), as GeoJSON, KML or GML.

Positions are longitude, latitude in GeoJSON (RFC 7946) and KML, and latitude, longitude in GML, as in the manifests of
the mission; a GML polygon in CRS84 has the longitude first. (coprs.md section 5.5.)
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, find, find_all, find_optional, local_name, parse_xml
from s1pdgs.model.footprint import LonLat

MAX_VERTICES = 500_000
Ring = tuple[LonLat, ...]


class MaskError(FormatError):
    """A mask does not follow its format; the message names the file and the polygon."""


@frozen
class Polygon:
    """Closed rings of (longitude, latitude) in degrees, edges straight in these: an outline and the holes in it."""

    outer: Ring
    holes: tuple[Ring, ...] = ()


def parse_mask(data: bytes, source: str) -> tuple[Polygon, ...]:
    """The polygons of a mask, at least one. Raises `FormatError` naming `source`."""
    root = parse_xml(data, source)
    if local_name(root) != "Earth_Explorer_File":
        raise MaskError(f"{source}: its root is {local_name(root)}, not Earth_Explorer_File")
    block = find(root, "Data_Block", source)
    found: list[Polygon] = []
    vertices = 0
    for polygon in _polygons(block, source):
        vertices += len(polygon.outer) + sum(len(hole) for hole in polygon.holes)
        if vertices > MAX_VERTICES:
            raise MaskError(f"{source}: more than the {MAX_VERTICES} vertices accepted of a mask; simplify it")
        found.append(polygon)
    if not found:
        raise MaskError(f"{source}: Data_Block holds no polygon as GeoJSON, KML or GML")
    return tuple(found)


def _polygons(block: etree._Element, source: str) -> Iterator[Polygon]:
    if len(block):
        for number, element in enumerate(block.iterdescendants("{*}Polygon", "{*}PolygonPatch"), start=1):
            yield _from_xml(element, f"{source}, line {element.sourceline}, polygon {number}")
        return
    text = (block.text or "").strip()
    if text.startswith("<"):
        yield from _polygons(_wrapped(text, source), source)
    elif text:
        yield from _from_geojson(_json(text, source), source)


def _wrapped(text: str, source: str) -> etree._Element:
    wrapped = etree.Element("Data_Block")
    wrapped.append(parse_xml(text.encode(), f"{source}: Data_Block"))
    return wrapped


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MaskError(f"{source}: Data_Block is neither XML nor JSON: {error}") from None


def _from_geojson(value: Any, where: str) -> Iterator[Polygon]:
    """The polygons of a GeoJSON document: features, one feature or a geometry."""
    kind = _kind(value, where)
    if kind == "FeatureCollection":
        for number, feature in enumerate(_listed(value.get("features"), where), start=1):
            if _kind(feature, f"{where}: feature {number}") != "Feature":
                raise MaskError(f"{where}: feature {number} is a {feature['type']}, not a Feature")
            yield from _of_feature(feature, f"{where}: feature {number}")
    elif kind == "Feature":
        yield from _of_feature(value, where)
    else:
        yield from _of_geometry(value, where)


def _of_feature(feature: dict[str, Any], where: str) -> Iterator[Polygon]:
    geometry = feature.get("geometry")
    if geometry is None:
        return
    if _kind(geometry, where) == "GeometryCollection":
        for number, part in enumerate(_listed(geometry.get("geometries"), where), start=1):
            yield from _of_geometry(part, f"{where}, geometry {number}")
    else:
        yield from _of_geometry(geometry, where)


def _of_geometry(value: Any, where: str) -> Iterator[Polygon]:
    kind = _kind(value, where)
    if kind not in ("Polygon", "MultiPolygon"):
        raise MaskError(f"{where}: a {kind} has no area; a mask is made of Polygon and MultiPolygon")
    coordinates = _listed(value.get("coordinates"), where)
    for rings in coordinates if kind == "MultiPolygon" else [coordinates]:
        yield _polygon([_pairs(ring, where) for ring in _listed(rings, where)], where)


def _kind(value: Any, where: str) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise MaskError(f"{where}: {str(value)[:40]!r} is not a GeoJSON object with a type")
    return str(value["type"])


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise MaskError(f"{where}: {str(value)[:40]!r} is not a list")
    return value


def _pairs(ring: Any, where: str) -> list[LonLat]:
    positions = _listed(ring, where)
    for position in positions:
        pair = position[:2] if isinstance(position, list) else ()
        if len(pair) != 2 or not all(type(number) in (int, float) and abs(number) <= 360 for number in pair):
            raise MaskError(f"{where}: {str(position)[:40]!r} is not a position of longitude and latitude in degrees")
    return [(float(position[0]), float(position[1])) for position in positions]


def _from_xml(element: etree._Element, where: str) -> Polygon:
    """A polygon of KML or GML: both name its parts alike."""
    outer, holes = [
        [boundary for name in names for boundary in find_all(element, f"{name}/LinearRing")]
        for names in (("outerBoundaryIs", "exterior"), ("innerBoundaryIs", "interior"))
    ]
    if len(outer) != 1:
        raise MaskError(f"{where}: has {len(outer)} outer boundaries with a LinearRing, not one")
    return _polygon([_ring_of_xml(ring, where) for ring in (*outer, *holes)], where)


def _ring_of_xml(ring: etree._Element, where: str) -> list[LonLat]:
    tuples = find_optional(ring, "coordinates")
    if tuples is not None:
        words = [word.split(",") for word in (tuples.text or "").split()]
    else:
        words = [(entry.text or "").split() for entry in find_all(ring, "pos")]
        words += [words for entry in find_all(ring, "posList") for words in _in_steps(entry)]
    try:
        pairs = [(float(word[0]), float(word[1])) for word in words]
    except (ValueError, IndexError):
        raise MaskError(f"{where}: its coordinates are not pairs of numbers") from None
    return [(second, first) for first, second in pairs] if _latitude_first(ring) else pairs


def _in_steps(positions: etree._Element) -> list[list[str]]:
    """The positions of a posList, of two numbers or as many as its srsDimension tells."""
    numbers = (positions.text or "").split()
    step = 3 if positions.get("srsDimension") == "3" else 2
    return [numbers[begin : begin + step] for begin in range(0, len(numbers), step)]


def _latitude_first(ring: etree._Element) -> bool:
    named = next((name for each in (ring, *ring.iterancestors()) if (name := each.get("srsName"))), "")
    return "/gml" in str(ring.tag).rpartition("}")[0] and "CRS84" not in named


def _polygon(rings: Sequence[list[LonLat]], where: str) -> Polygon:
    if not rings:
        raise MaskError(f"{where}: a polygon without a ring")
    outer, *holes = (_closed(ring, where) for ring in rings)
    return Polygon(outer, tuple(holes))


def _closed(ring: list[LonLat], where: str) -> Ring:
    for lon, lat in ring:
        if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 360.0 and abs(lat) <= 90.0):
            raise MaskError(f"{where}: ({lon}, {lat}) is not a longitude and a latitude in degrees")
    closed = ring if ring[:1] == ring[-1:] else [*ring, ring[0]]
    if len(closed) < 4:
        raise MaskError(f"{where}: a ring of {len(ring)} positions encloses nothing; it has at least three corners")
    return tuple(closed)
