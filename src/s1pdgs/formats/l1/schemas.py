"""The schemas in the support folder of a product, made from the declarations of what is written."""

from collections.abc import Iterator
from functools import cache

from lxml import etree

from s1pdgs.formats.l1 import calibration, noise, rfi
from s1pdgs.formats.l1.annotation.header import AdsHeader
from s1pdgs.formats.l1.annotation.product import ROOT, Product
from s1pdgs.formats.l1.kml import KML
from s1pdgs.formats.l1.leaves import BurstNumberLeaf, Choice, ComplexNumbers, ComplexPair, Leaf, Numbers
from s1pdgs.formats.l1.preview import XHTML
from s1pdgs.formats.l1.records import FieldForm, forms
from s1pdgs.formats.xml import serialise

XS = "http://www.w3.org/2001/XMLSchema"
OBJECT_TYPES = "s1-object-types.xsd"
_BUILT_IN = {
    "timeType": "xs:dateTime",
    "bool": "xs:boolean",
    "string": "xs:string",
    "uint64": "xs:nonNegativeInteger",
    "int32": "xs:int",
    "unsignedInt": "xs:unsignedInt",
    "double": "xs:double",
    "float": "xs:float",
    "imageNumberType": "xs:string",
}
_MEASUREMENT = """A GeoTIFF file (TIFF 6.0, GeoTIFF 1.1), little-endian, uncompressed, one band, one image line a strip.
SLC: complex pixels, real and imaginary part signed 16-bit integers (BitsPerSample 32, SampleFormat 5).
GRD: detected amplitudes, unsigned 16-bit integers (BitsPerSample 16, SampleFormat 1).
ImageDescription names satellite, mode and product; Software the processor; DateTime (UTC) the time of processing.
ModelTiepointTag holds the points of the geolocation grid: pixel, line, 0, longitude, latitude, height (WGS 84)."""
_QUICKLOOK = """A PNG image of 8 bits a band of the whole product at reduced resolution, in the order of the pixels.
One polarisation: grey, the amplitude. Two polarisations: red the co-polar amplitude, green the cross-polar amplitude,
blue their ratio."""


def support_schemas(*, with_rfi: bool, with_quicklook: bool = True, with_measurement: bool = True) -> dict[str, bytes]:
    """The files of the support folder by name."""
    files = {
        "s1-level-1-product.xsd": _record_schema(ROOT, Product),
        "s1-level-1-noise.xsd": _record_schema(noise.ROOT, noise.Noise),
        "s1-level-1-calibration.xsd": _record_schema(calibration.ROOT, calibration.Calibration),
        OBJECT_TYPES: _object_types(),
        "s1-product-preview.xsd": _preview_schema(),
        "s1-map-overlay.xsd": _overlay_schema(),
    }
    if with_rfi:
        files["s1-level-1-rfi.xsd"] = _record_schema(rfi.ROOT, rfi.Rfi)
    if with_measurement:
        files["s1-level-1-measurement.xsd"] = _binary_schema("measurement", _MEASUREMENT)
    if with_quicklook:
        files["s1-level-1-quicklook.xsd"] = _binary_schema("quicklook", _QUICKLOOK)
    return files


def _schema() -> etree._Element:
    return etree.Element(f"{{{XS}}}schema", {"elementFormDefault": "qualified"}, nsmap={"xs": XS})


def _put(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XS}}}{tag}", attributes)


def _document(parent: etree._Element, text: str | None) -> None:
    if text:
        note = _put(_put(parent, "annotation"), "documentation")
        note.text = " ".join(text.split())


def _type_name(record: type) -> str:
    name = record.__name__
    return f"{name[0].lower()}{name[1:]}Record"


def _records(record: type) -> Iterator[type]:
    """All record classes below one, innermost first, itself last; a class may come more than once."""
    for form in forms(record):
        if form.record is not None:
            yield from _records(form.record)
    yield record


def _leaves(record: type) -> Iterator[Leaf]:
    for inner in _records(record):
        yield from (form.leaf for form in forms(inner) if form.leaf is not None)


@cache
def _record_schema(root_name: str, record: type) -> bytes:
    schema = _schema()
    _put(schema, "include", schemaLocation=OBJECT_TYPES)
    for inner in dict.fromkeys(_records(record)):
        if inner is not AdsHeader:
            _complex_type(schema, inner)
    _put(schema, "element", name=root_name, type=_type_name(record))
    return serialise(schema)


def _complex_type(schema: etree._Element, record: type) -> None:
    kind = _put(schema, "complexType", name=_type_name(record))
    _document(kind, record.__doc__)
    sequence = _put(kind, "sequence")
    for form in forms(record):
        element = _put(sequence, "element", name=form.element)
        if form.leaf is not None:
            element.set("type", form.leaf.xsd_type)
        elif form.record is not None and form.item is None:
            element.set("type", _type_name(form.record))
        else:
            _list_type(element, form)
        if form.optional:
            element.set("minOccurs", "0")


def _list_type(element: etree._Element, form: FieldForm) -> None:
    if form.record is None or form.item is None:
        raise TypeError(f"{form.name} is not a list of records")
    kind = _put(element, "complexType")
    item = _put(_put(kind, "sequence"), "element", name=form.item, type=_type_name(form.record))
    item.set("minOccurs", "0")
    item.set("maxOccurs", "unbounded")
    _put(kind, "attribute", name="count", type="xs:unsignedInt", use="required")


@cache
def _object_types() -> bytes:
    schema = _schema()
    leaves: dict[str, Leaf] = {}
    for root in (Product, calibration.Calibration, noise.Noise, rfi.Rfi):
        for leaf in _leaves(root):
            leaves.setdefault(leaf.xsd_type, leaf)
    for name, leaf in sorted(leaves.items(), key=lambda entry: entry[0].lower()):
        _leaf_type(schema, name, leaf)
    _complex_type(schema, AdsHeader)
    return serialise(schema)


def _leaf_type(schema: etree._Element, name: str, leaf: Leaf) -> None:
    if isinstance(leaf, Choice):
        restriction = _put(_put(schema, "simpleType", name=name), "restriction", base="xs:string")
        for allowed in leaf.allowed:
            _put(restriction, "enumeration", value=allowed)
    elif isinstance(leaf, Numbers | ComplexNumbers):
        _text_with_attribute(schema, name, "xs:string", "count", "xs:unsignedInt")
    elif isinstance(leaf, BurstNumberLeaf):
        _text_with_attribute(schema, name, "xs:unsignedInt", "absolute", "xs:unsignedLong")
    elif isinstance(leaf, ComplexPair):
        sequence = _put(_put(schema, "complexType", name=name), "sequence")
        for part in ("re", "im"):
            _put(sequence, "element", name=part, type="xs:float")
    else:
        restriction = _put(_put(schema, "simpleType", name=name), "restriction", base=_BUILT_IN[name])
        if name == "imageNumberType":
            _put(restriction, "pattern", value="[0-9]{3}")


def _text_with_attribute(schema: etree._Element, name: str, base: str, attribute: str, attribute_type: str) -> None:
    content = _put(_put(schema, "complexType", name=name), "simpleContent")
    extension = _put(content, "extension", base=base)
    _put(extension, "attribute", name=attribute, type=attribute_type, use="required")


def _binary_schema(name: str, text: str) -> bytes:
    schema = _schema()
    element = _put(schema, "element", name=name, type="xs:hexBinary")
    _document(element, text)
    return serialise(schema)


def _overlay_schema() -> bytes:
    """KML with one ground overlay; the corners are longitude and latitude pairs, lower left first."""
    schema = _schema()
    schema.set("targetNamespace", KML)
    folder = _nested(_put(schema, "element", name="kml"), "Document", "Folder")
    _put(folder, "element", name="name", type="xs:string")
    overlay = _nested(folder, "GroundOverlay")
    _put(overlay, "element", name="name", type="xs:string")
    _put(_nested(overlay, "Icon"), "element", name="href", type="xs:anyURI")
    _put(overlay, "any", namespace="##other", processContents="skip")
    return serialise(schema)


def _nested(parent: etree._Element, *names: str) -> etree._Element:
    """Elements within each other; returns the sequence of the innermost. `parent` is an element or a sequence."""
    sequence = parent
    if parent.tag == f"{{{XS}}}element":
        sequence = _put(_put(parent, "complexType"), "sequence")
    for name in names:
        sequence = _put(_put(_put(sequence, "element", name=name), "complexType"), "sequence")
    return sequence


def _preview_schema() -> bytes:
    """XHTML with a head, and a body of any XHTML elements."""
    schema = _schema()
    schema.set("targetNamespace", XHTML)
    html = _nested(_put(schema, "element", name="html"))
    for name in ("head", "body"):
        content = _nested(html, name)
        _put(content, "any", namespace="##targetNamespace", processContents="skip", maxOccurs="unbounded")
    return serialise(schema)
