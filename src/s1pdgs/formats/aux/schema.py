"""XML Schemas of auxiliary documents, derived from the records that read and write them."""

from typing import Any

from attrs import has
from lxml import etree

from s1pdgs.formats.aux.binding import Binding, bindings
from s1pdgs.formats.xml import serialise

_XS = "http://www.w3.org/2001/XMLSchema"
_SCALARS = {float: "xs:double", int: "xs:integer", bool: "xs:boolean", str: "xs:string", complex: "complexNumber"}


def schema_document(root_name: str, record_type: Any) -> bytes:
    """A self-contained schema of a document whose root holds a record."""
    schema = etree.Element(etree.QName(_XS, "schema"), nsmap={"xs": _XS}, elementFormDefault="qualified")
    _number_list(schema)
    _complex_number(schema)
    _record_type(_element(schema, root_name, {}), record_type)
    return serialise(schema)


def _record_type(element: etree._Element, record_type: Any) -> None:
    """The anonymous type of an element that holds a record."""
    kind = _add(element, "complexType")
    sequence = _add(kind, "sequence")
    _fields(sequence, [(bound.path, bound) for bound in bindings(record_type) if not bound.path[0].startswith("@")])
    for bound in bindings(record_type):
        if bound.path[0].startswith("@"):
            _add(kind, "attribute", name=bound.path[0][1:], type=_SCALARS[bound.type], use="required")


def _fields(sequence: etree._Element, entries: list[tuple[tuple[str, ...], Binding]]) -> None:
    """Elements of fields in order; neighbours below one wrapper share it."""
    while entries:
        (head, *rest), bound = entries[0]
        if not rest:
            _leaf(sequence, head, bound)
            entries = entries[1:]
            continue
        count = next((k for k, (path, _) in enumerate(entries) if path[0] != head), len(entries))
        inner = [(path[1:], other) for path, other in entries[:count]]
        _wrapper(sequence, head, inner)
        entries = entries[count:]


def _wrapper(sequence: etree._Element, name: str, inner: list[tuple[tuple[str, ...], Binding]]) -> None:
    optional = all(bound.optional for _, bound in inner)
    kind = _add(_element(sequence, name, {"minOccurs": "0"} if optional else {}), "complexType")
    first_path, first = inner[0]
    children = _add(kind, "sequence")
    if first.repeated and has(first.type) and len(first_path) == 1:
        _record_type(_element(children, first_path[0], {"minOccurs": "0", "maxOccurs": "unbounded"}), first.type)
        _add(kind, "attribute", name="count", type="xs:nonNegativeInteger", use="required")
    else:
        _fields(children, inner)


def _leaf(sequence: etree._Element, name: str, bound: Binding) -> None:
    occurs = {"minOccurs": "0"} if bound.optional else {}
    if bound.repeated:
        _element(sequence, name, occurs).set("type", "numberList")
    elif has(bound.type):
        _record_type(_element(sequence, name, occurs), bound.type)
    else:
        _element(sequence, name, occurs).set("type", _SCALARS[bound.type])


def _number_list(schema: etree._Element) -> None:
    """Numbers separated by spaces; `count` tells how many, a complex one counting once for its two parts."""
    extension = _add(_add(_add(schema, "complexType", name="numberList"), "simpleContent"), "extension")
    extension.set("base", "xs:string")
    _add(extension, "attribute", name="count", type="xs:nonNegativeInteger", use="required")


def _complex_number(schema: etree._Element) -> None:
    sequence = _add(_add(schema, "complexType", name="complexNumber"), "sequence")
    for part in ("re", "im"):
        _element(sequence, part, {}).set("type", "xs:double")


def _element(parent: etree._Element, name: str, attributes: dict[str, str]) -> etree._Element:
    return _add(parent, "element", name=name, **attributes)


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, etree.QName(_XS, tag), attributes)
