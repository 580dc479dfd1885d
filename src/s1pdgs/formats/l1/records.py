"""Records that know their XML: declared as attrs classes, written and read by one pair of functions.

A field `slant_range_time` is the element `slantRangeTime`; a field `orbit_list: tuple[Orbit, ...]` is the element
`orbitList` with a `count` and one `orbit` per item; a field whose default is None may be absent. Fields stand in the
order of the schema.
"""

import types
from collections.abc import Hashable, Iterator
from datetime import datetime
from functools import cache, partial
from typing import Annotated, Any, TypeVar, Union, cast, dataclass_transform, get_args, get_origin

import attrs
import numpy as np
from attrs import frozen
from lxml import etree

from s1pdgs.formats.l1.leaves import COMPLEX, COUNT, DOUBLE, FLAG, TEXT, TIME, ComplexNumbers, Leaf, Numbers
from s1pdgs.formats.xml import FormatError, XmlError, local_name, serialise

T = TypeVar("T")
_PLAIN: dict[type, Leaf] = {datetime: TIME, bool: FLAG, str: TEXT, int: COUNT, float: DOUBLE, complex: COMPLEX}


@frozen
class FieldForm:
    """How one field of a record stands in XML: as a leaf, as a record (`record`) or as a list of records (`item`)."""

    name: str
    element: str
    optional: bool
    leaf: Leaf | None = None
    record: type | None = None
    item: str | None = None


def element_name(field_name: str) -> str:
    """`slant_range_time` -> `slantRangeTime`."""
    head, *tail = field_name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def named(element: str, *, default: Any = attrs.NOTHING) -> Any:
    """A field whose element is not the camel case of its name."""
    return attrs.field(default=default, metadata={"element": element})


def _same_arrays(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return np.array_equal(left, right, equal_nan=True)


def _array(value: Any, dtype: type[np.generic]) -> Any:
    return None if value is None else np.asarray(value, dtype=dtype)


def _comparable(_cls: type, fields: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
    """Arrays are converted and compared as arrays; lists become tuples."""
    array_key = attrs.cmp_using(eq=_same_arrays, require_same_type=False)
    done = []
    for field in fields:
        leaf, _, is_list = _kind(field.type)
        if isinstance(leaf, Numbers | ComplexNumbers):
            done.append(field.evolve(eq_key=array_key, converter=partial(_array, dtype=leaf.dtype)))
        elif is_list:
            done.append(field.evolve(converter=attrs.converters.optional(tuple)))
        else:
            done.append(field)
    return done


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field, named))
def record(cls: type[T]) -> type[T]:
    """A frozen record with keyword-only fields."""
    return attrs.frozen(cls, kw_only=True, field_transformer=_comparable)


def _kind(annotation: Any) -> tuple[Leaf | None, type | None, bool]:
    """(leaf, record class, is a list) of a field's annotation."""
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(option for option in get_args(annotation) if option is not type(None))
    if get_origin(annotation) is Annotated:
        return annotation.__metadata__[0], None, False
    if get_origin(annotation) is tuple:
        return None, get_args(annotation)[0], True
    leaf = _PLAIN.get(annotation)
    return leaf, None if leaf is not None else annotation, False


def forms(cls: type) -> tuple[FieldForm, ...]:
    """The fields of a record class in the order of the schema."""
    return _forms(cast("Hashable", cls))


@cache
def _forms(cls: type) -> tuple[FieldForm, ...]:
    found = []
    for field in attrs.fields(cls):
        leaf, inner, is_list = _kind(field.type)
        element = field.metadata.get("element", element_name(field.name))
        item = element.removesuffix("List") if is_list else None
        found.append(FieldForm(field.name, element, field.default is None, leaf, inner, item))
    return tuple(found)


def write_record(element: etree._Element, value: Any) -> None:
    """Append the fields of a record to its element.

    Raises `FormatError` naming the element when a value does not fit its declaration.
    """
    for form in forms(type(value)):
        content = getattr(value, form.name)
        if content is None and form.optional:
            continue
        child = etree.SubElement(element, form.element)
        if form.leaf is not None:
            try:
                form.leaf.write(child, content)
            except (ValueError, TypeError, AttributeError) as error:
                path = "/".join(_path(child))
                raise FormatError(f"cannot write {path}: {error}") from None
        elif form.item is not None:
            child.set("count", str(len(content)))
            for entry in content:
                write_record(etree.SubElement(child, form.item), entry)
        else:
            write_record(child, content)


def _path(element: etree._Element) -> Iterator[str]:
    parent = element.getparent()
    if parent is not None:
        yield from _path(parent)
    yield local_name(element)


def document(root_name: str, value: Any) -> bytes:
    """A record as a whole XML document."""
    root = etree.Element(root_name)
    write_record(root, value)
    return serialise(root)


def read_record(element: etree._Element, cls: type[T], source: str) -> T:
    """The record of a class that an element holds. Unknown elements are passed over: newer schemas add some.

    Raises `XmlError` naming the file and the element.
    """
    children: dict[str, etree._Element] = {}
    for child in element:
        children.setdefault(local_name(child), child)
    values: dict[str, Any] = {}
    for form in forms(cls):
        found = children.get(form.element)
        if found is None:
            if not form.optional:
                raise XmlError(f"{source}: {'/'.join(_path(element))}/{form.element} is missing")
            values[form.name] = None
        else:
            values[form.name] = _read_field(found, form, source)
    return cls(**values)


def _read_field(element: etree._Element, form: FieldForm, source: str) -> Any:
    if form.leaf is not None:
        try:
            return form.leaf.read(element)
        except ValueError as error:
            raise XmlError(f"{source}: {'/'.join(_path(element))} (line {element.sourceline}): {error}") from None
    if form.record is None:
        raise TypeError(f"{form.name} has neither leaf nor record")
    if form.item is None:
        return read_record(element, form.record, source)
    return tuple(read_record(child, form.record, source) for child in element if local_name(child) == form.item)


def read_document(root: etree._Element, root_name: str, cls: type[T], source: str) -> T:
    """The record of a document whose root must have a name."""
    if local_name(root) != root_name:
        raise XmlError(f"{source}: root element is {local_name(root)}, not {root_name}")
    return read_record(root, cls, source)
