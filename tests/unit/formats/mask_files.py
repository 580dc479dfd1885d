"""Mask files of a few polygons, in each dialect."""

import json
from collections.abc import Sequence

Ring = Sequence[tuple[float, float]]


def mask_file(block: str) -> bytes:
    return f'<Earth_Explorer_File><Data_Block type="ascii">{block}</Data_Block></Earth_Explorer_File>'.encode()


def geojson(*rings: Ring) -> str:
    """Features of one polygon each, as in the masks of the mission."""
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [list(ring)]}}
        for ring in rings
    ]
    return f"<![CDATA[\n{json.dumps({'type': 'FeatureCollection', 'features': features})}\n]]>"


def kml(*rings: Ring) -> str:
    polygons = "".join(
        "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{' '.join(f'{lon},{lat},0' for lon, lat in ring)}"
        "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>"
        for ring in rings
    )
    return f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{polygons}</Document></kml>'


def gml(*rings: Ring, crs: str = "EPSG:4326") -> str:
    """Latitude first, but for CRS84."""
    swapped = crs.endswith("CRS84")
    polygons = "".join(
        f'<gml:Polygon srsName="{crs}"><gml:exterior><gml:LinearRing><gml:posList>'
        f"{' '.join(f'{lon} {lat}' if swapped else f'{lat} {lon}' for lon, lat in ring)}"
        "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
        for ring in rings
    )
    return f'<gml:MultiGeometry xmlns:gml="http://www.opengis.net/gml">{polygons}</gml:MultiGeometry>'


def rectangle(west: float, south: float, east: float, north: float) -> Ring:
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]
