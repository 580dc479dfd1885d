"""The map overlay of a product: the quicklook laid over the globe by its four corners (KML 2.2, gx:LatLonQuad)."""

from collections.abc import Sequence

from lxml import etree

from s1pdgs.formats.xml import serialise

KML = "http://www.opengis.net/kml/2.2"
GX = "http://www.google.com/kml/ext/2.2"


def map_overlay(corners: Sequence[tuple[float, float]], image: str = "quick-look.png") -> bytes:
    """The KML document.

    `corners`: (latitude, longitude) in degrees of first line first pixel, first line last pixel, last line last pixel
    and last line first pixel. KML wants the lower left corner of the picture first, then counter-clockwise.
    """
    first_near, first_far, last_far, last_near = corners
    root = etree.Element(f"{{{KML}}}kml", nsmap={None: KML, "gx": GX})
    folder = _nest(root, KML, "Document", "Folder")
    _nest(folder, KML, "name").text = "Sentinel-1 Map Overlay"
    overlay = _nest(folder, KML, "GroundOverlay")
    _nest(overlay, KML, "name").text = "Sentinel-1 Image Overlay"
    _nest(overlay, KML, "Icon", "href").text = image
    ring = (last_near, last_far, first_far, first_near)
    text = " ".join(f"{longitude:.6f},{latitude:.6f}" for latitude, longitude in ring)
    _nest(_nest(overlay, GX, "LatLonQuad"), KML, "coordinates").text = text
    return serialise(root)


def _nest(parent: etree._Element, namespace: str, *names: str) -> etree._Element:
    for name in names:
        parent = etree.SubElement(parent, f"{{{namespace}}}{name}")
    return parent
