"""The preview page of a product: its quicklook, its outline on the globe and links to its files (XHTML)."""

from collections.abc import Sequence

from lxml import etree

from s1pdgs.formats.l1.leaves import format_time
from s1pdgs.formats.l1.manifest import L1Manifest
from s1pdgs.formats.xml import serialise

XHTML = "http://www.w3.org/1999/xhtml"
_STYLE = "body{font-family:sans-serif;margin:2em} th{text-align:left;padding-right:1em} img{max-width:100%}"


def product_preview(manifest: L1Manifest) -> bytes:
    """The page; links are relative to the preview folder. Of the data objects only the images are looked at."""
    root = etree.Element(f"{{{XHTML}}}html", nsmap={None: XHTML})
    head = _put(root, "head")
    title = f"Sentinel-1 {manifest.mode} Level-1 {manifest.product_type}"
    _put(head, "title", title)
    _put(head, "style", _STYLE)
    body = _put(root, "body")
    _put(body, "h1", title)
    _table(body, _facts(manifest))
    if manifest.quicklook is not None:
        etree.SubElement(_put(body, "p"), f"{{{XHTML}}}img", {"src": "quick-look.png", "alt": "quicklook"})
    files = _put(body, "ul")
    for image in manifest.images:
        for component in (image.measurement, image.product, image.calibration, image.noise, image.rfi):
            if component is not None:
                _link(files, component.href)
    return serialise(root)


def _facts(manifest: L1Manifest) -> Sequence[tuple[str, str]]:
    return (
        ("Satellite", manifest.satellite),
        ("Swath", " ".join(manifest.swaths)),
        ("Polarisation", " ".join(manifest.polarisations)),
        ("Start", format_time(manifest.start)),
        ("Stop", format_time(manifest.stop)),
        ("Orbit", f"{manifest.orbit.start_orbit} ({manifest.orbit.pass_direction.lower()})"),
        ("Data take", f"{manifest.data_take_id:06X}"),
    )


def _put(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{XHTML}}}{name}")
    element.text = text
    return element


def _table(parent: etree._Element, rows: Sequence[tuple[str, str]]) -> None:
    table = _put(parent, "table")
    for name, value in rows:
        row = _put(table, "tr")
        _put(row, "th", name)
        _put(row, "td", value)


def _link(parent: etree._Element, href: str) -> None:
    anchor = _put(_put(parent, "li"), "a", href.rpartition("/")[2])
    anchor.set("href", f"../{href}")
