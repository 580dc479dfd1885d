"""Typed records bound to XML: one declaration of a record serves its reader and its writer.

A record is a frozen class whose fields are annotated with the path of the element that holds them, as in
`radar_frequency_hz: Annotated[float, "radarFrequency"]`. The type says the rest: a scalar is an element's text, a
complex number has `re` and `im` children, a tuple of numbers is a text of numbers with a `count` attribute (complex
ones as real and imaginary parts in turn), a record is a nested element, a tuple of records is a list element with a
`count` attribute (`listName/itemName`), `| None` is an element that may be absent and `@name` is an attribute.
Elements are written in the order of the fields.
"""

import math
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from attrs import frozen, has
from lxml import etree

from s1pdgs.formats.xml import FormatError, find_all, find_optional, local_name

_Record = TypeVar("_Record")
MAX_VALUES = 100_000
"""The most numbers that one array may hold; the longest real ones have about a thousand."""


class AuxiliaryError(FormatError):
    """An auxiliary product does not follow its format; the message names the file, the element and the remedy."""


def parse_record(element: etree._Element, record_type: type[_Record], source: str) -> _Record:
    """Read a record from its element. Raises `AuxiliaryError` naming `source` and the element that is wrong."""
    where = f"{source}: {local_name(element)}"
    return record_type(**{bound.name: _parse_field(element, bound, where) for bound in bindings(record_type)})


def append_record(element: etree._Element, record: object) -> None:
    """Write a record's fields as attributes and children of its element."""
    for bound in bindings(type(record)):
        value = getattr(record, bound.name)
        if value is not None:
            _append_field(element, bound, value)


def bindings(record_type: Any) -> "tuple[Binding, ...]":
    """The bound fields of a record, in their order."""
    return _bindings(record_type)


@cache
def _bindings(record_type: Any) -> "tuple[Binding, ...]":
    return tuple(
        _binding(name, hint)
        for name, hint in get_type_hints(record_type, include_extras=True).items()
        if get_origin(hint) is Annotated
    )


def format_real(value: float) -> str:
    """The shortest decimal that reads back as the same float64, in the words of XML Schema."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def parse_real(text: str, where: str) -> float:
    """The inverse of `format_real`. Raises `AuxiliaryError`."""
    try:
        return float(text)
    except ValueError:
        raise AuxiliaryError(f"{where} is {text[:40]!r}, not a number") from None


def _binding(name: str, hint: Any) -> "Binding":
    bare, path = get_args(hint)[:2]
    optional = get_origin(bare) in {UnionType, Union}
    if optional:
        bare = next(argument for argument in get_args(bare) if argument is not NoneType)
    repeated = get_origin(bare) is tuple
    return Binding(name, tuple(path.split("/")), get_args(bare)[0] if repeated else bare, repeated, optional)


def _parse_field(element: etree._Element, bound: "Binding", where: str) -> Any:
    path = "/".join(bound.path)
    if path.startswith("@"):
        return _parse_text(element.get(path[1:]), bound.type, f"{where}/{path}")
    listed = bound.repeated and has(bound.type)
    holder = "/".join(bound.path[:-1]) if listed else path
    found = find_optional(element, holder)
    if found is None:
        if bound.optional:
            return None
        raise AuxiliaryError(f"{where}/{holder} is missing")
    if listed:
        return _parse_list(found, bound, f"{where}/{holder}")
    if bound.repeated:
        return _parse_array(found, bound.type, f"{where}/{path}")
    return _parse_one(found, bound.type, f"{where}/{path}")


def _parse_one(element: etree._Element, kind: type, where: str) -> Any:
    if has(kind):
        return parse_record(element, kind, where.rpartition("/")[0])
    if kind is complex:
        parts = [_text(find_optional(element, part)) for part in ("re", "im")]
        return complex(*(_parse_text(part, float, f"{where}/re or im") for part in parts))
    return _parse_text(element.text, kind, where)


def _parse_list(container: etree._Element, bound: "Binding", where: str) -> tuple[Any, ...]:
    items: tuple[Any, ...] = tuple(
        parse_record(item, bound.type, f"{where}[{position}]")
        for position, item in enumerate(find_all(container, bound.path[-1]), start=1)
    )
    _check_count(container, len(items), where)
    return items


def _parse_array(element: etree._Element, number: type, where: str) -> tuple[Any, ...]:
    words = (element.text or "").split()
    if len(words) > 2 * MAX_VALUES:
        raise AuxiliaryError(f"{where} has {len(words)} numbers, more than the {2 * MAX_VALUES} accepted")
    if number is not complex:
        _check_count(element, len(words), where)
        return tuple(_parse_text(word, number, where) for word in words)
    _check_count(element, len(words) / 2, where)
    parts = [parse_real(word, where) for word in words]
    return tuple(complex(real, imaginary) for real, imaginary in zip(parts[::2], parts[1::2], strict=True))


def _check_count(element: etree._Element, present: float, where: str) -> None:
    told = element.get("count")
    if told is None or not told.isdecimal() or len(told) > 9 or int(told) != present:
        raise AuxiliaryError(f"{where} holds {present:g} entries but its count attribute says {told!r}")


def _text(element: etree._Element | None) -> str | None:
    return None if element is None else element.text


def _parse_text(text: str | None, kind: type, where: str) -> Any:
    word = (text or "").strip()
    if not word:
        raise AuxiliaryError(f"{where} is missing or empty")
    if kind is str:
        return word
    if kind is bool:
        if word not in {"true", "false"}:
            raise AuxiliaryError(f"{where} is {word[:40]!r}, not true or false")
        return word == "true"
    if kind is int:
        try:
            return int(word[:40])
        except ValueError:
            raise AuxiliaryError(f"{where} is {word[:40]!r}, not a whole number") from None
    return parse_real(word, where)


def _append_field(element: etree._Element, bound: "Binding", value: Any) -> None:
    if bound.path[0].startswith("@"):
        element.set(bound.path[0][1:], _format(value))
        return
    parent = element
    for name in bound.path[:-1]:
        parent = parent[-1] if len(parent) and parent[-1].tag == name else etree.SubElement(parent, name)
    if bound.repeated and has(bound.type):
        parent.set("count", str(len(value)))
        for item in value:
            append_record(etree.SubElement(parent, bound.path[-1]), item)
        return
    child = etree.SubElement(parent, bound.path[-1])
    if bound.repeated:
        child.set("count", str(len(value)))
        child.text = " ".join(map(_format, value))
    elif has(bound.type):
        append_record(child, value)
    elif bound.type is complex:
        etree.SubElement(child, "re").text = format_real(value.real)
        etree.SubElement(child, "im").text = format_real(value.imag)
    else:
        child.text = _format(value)


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, complex):
        return f"{format_real(value.real)} {format_real(value.imag)}"
    return format_real(value) if isinstance(value, float) else str(value)


@frozen
class Binding:
    """One field of a record: `path` of element names, the scalar or record `type`, whether it is a tuple of them."""

    name: str
    path: tuple[str, ...]
    type: type
    repeated: bool
    optional: bool
