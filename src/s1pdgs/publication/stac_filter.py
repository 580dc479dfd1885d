"""STAC's questions as predicates: search parameters and CQL2-JSON (OGC 21-065r2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import HTTPException
from stac_fastapi.types.rfc3339 import str_to_interval

from s1pdgs.model.time import parse_utc
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import box_area, parse_geojson, spatial
from s1pdgs.publication.predicate import (
    KINDS,
    Comparison,
    Either,
    Every,
    Field,
    Kind,
    Membership,
    Negation,
    Operator,
    Predicate,
    Scalar,
    Value,
    checked_integer,
    checked_text,
    comparable,
    nearest,
)

MAX_NAMES = 1000
MAX_DEPTH = 20
MAX_ARGUMENTS = 200
QUERYABLES: dict[str, str] = {
    "id": "item",
    "collection": "type",
    "datetime": "ContentDate/Start",
    "start_datetime": "ContentDate/Start",
    "end_datetime": "ContentDate/End",
    "created": "PublicationDate",
    "updated": "PublicationDate",
    "platform": "platform",
    "product:type": "type",
    "sar:instrument_mode": "mode",
    "sat:orbit_state": "orbit_state",
    "sat:absolute_orbit": "absolute_orbit",
    "sat:relative_orbit": "relative_orbit",
}
SORTABLES = ("id", "collection", "datetime", "start_datetime", "end_datetime", "created", "updated")
_COMPARISONS = {
    "=": Operator.EQ, "<>": Operator.NE, ">": Operator.GT, ">=": Operator.GE, "<": Operator.LT, "<=": Operator.LE,
}  # fmt: skip
_SPATIAL = {"s_intersects": "intersects", "s_within": "within", "s_disjoint": "disjoint"}
_OPERATORS = ["and", "or", "not", "in", "between", "isNull", *_COMPARISONS, *_SPATIAL]


def in_box(box: Sequence[float]) -> Predicate:
    """Products that touch a bounding box of 4 or 6 numbers, whose heights do not matter."""
    if len(box) not in {4, 6}:
        raise QueryError(f"a bbox has 4 or 6 numbers, not {len(box)}")
    west, south = box[0], box[1]
    east, north = box[len(box) // 2], box[len(box) // 2 + 1]
    return spatial("intersects", box_area(west, south, east, north), cut=False)


def in_time(text: str) -> Predicate:
    """Products that were sensed within an instant or an interval, which may be open at one end."""
    try:
        interval = str_to_interval(text)
    except HTTPException as error:
        raise QueryError(f"datetime: {error.detail}") from None
    begin, end = interval if isinstance(interval, tuple) else (interval, interval)
    parts: list[Predicate] = []
    if begin is not None:
        parts.append(Comparison(Operator.GE, Field("ContentDate/End"), Value(begin)))
    if end is not None:
        parts.append(Comparison(Operator.LE, Field("ContentDate/Start"), Value(end)))
    return Every(tuple(parts))


def among(field: str, names: Sequence[str]) -> Predicate:
    """Products of some names or types."""
    if len(names) > MAX_NAMES:
        raise QueryError(f"a list of {len(names)} names is longer than the {MAX_NAMES} accepted")
    return Membership(Field(field), tuple(Value(checked_text(name)) for name in names))


def cql2(expression: Any, depth: int = 1) -> Predicate:
    """The predicate of a CQL2-JSON expression; raises `QueryError` that names what is wrong."""
    if depth > MAX_DEPTH:
        raise QueryError(f"filter is nested more than {MAX_DEPTH} deep")
    operation, arguments = _operation(expression)
    match operation:
        case "and" | "or":
            parts = tuple(cql2(argument, depth + 1) for argument in arguments)
            return Every(parts) if operation == "and" else Either(parts)
        case "not":
            (part,) = _exactly(operation, arguments, 1)
            return Negation(cql2(part, depth + 1))
        case _ if operation in _SPATIAL:
            return _place(operation, arguments)
        case _ if operation in _COMPARISONS:
            left, right = _exactly(operation, arguments, 2)
            return _compared(_COMPARISONS[operation], _property(left), right)
        case _:
            return _special(operation, arguments)


def _special(operation: str, arguments: list[Any]) -> Predicate:
    match operation:
        case "in":
            item, options = _exactly(operation, arguments, 2)
            if not isinstance(options, list) or len(options) > MAX_NAMES:
                raise QueryError(f"filter: in takes a list of at most {MAX_NAMES} values")
            field = _property(item)
            return Membership(field, tuple(_value(option, field) for option in options))
        case "between":
            item, low, high = _exactly(operation, arguments, 3)
            field = _property(item)
            return Every((_compared(Operator.GE, field, low), _compared(Operator.LE, field, high)))
        case "isNull":
            return Comparison(Operator.EQ, _property(*_exactly(operation, arguments, 1)), Value(None))
        case _:
            raise QueryError(f"filter: operator {operation!r} is not supported; {nearest(operation, _OPERATORS)}")


def _operation(expression: Any) -> tuple[str, list[Any]]:
    if not isinstance(expression, dict) or not isinstance(expression.get("op"), str):
        raise QueryError("filter: an expression is an object with op and args (CQL2-JSON)")
    arguments = expression.get("args")
    if not isinstance(arguments, list) or not 0 < len(arguments) <= MAX_ARGUMENTS:
        raise QueryError(f"filter: {expression['op'][:40]} has 1 to {MAX_ARGUMENTS} args")
    return expression["op"], arguments


def _exactly(operation: str, arguments: list[Any], count: int) -> list[Any]:
    if len(arguments) != count:
        raise QueryError(f"filter: {operation} takes {count} args, not {len(arguments)}")
    return arguments


def _place(operation: str, arguments: list[Any]) -> Predicate:
    left, right = _exactly(operation, arguments, 2)
    if left != {"property": "geometry"}:
        raise QueryError(f"filter: {operation} compares the property geometry with a GeoJSON geometry")
    return spatial(_SPATIAL[operation], parse_geojson(right))


def _property(argument: Any) -> Field:
    name = argument.get("property") if isinstance(argument, dict) else None
    if not isinstance(name, str):
        raise QueryError('filter: the first argument of a comparison is {"property": "<name>"}')
    bare = name.removeprefix("properties.")
    if bare not in QUERYABLES:
        raise QueryError(f"filter: there is no property {bare[:60]!r}; {nearest(bare, list(QUERYABLES))}")
    return Field(QUERYABLES[bare])


def _compared(comparison: Operator, field: Field, argument: Any) -> Predicate:
    return Comparison(comparison, field, _value(argument, field))


def _value(argument: Any, field: Field) -> Value:
    value: Scalar
    match argument:
        case {"timestamp": str(text)} | {"date": str(text)}:
            value = _time(text)
        case str() if KINDS[field.name] is Kind.TIME:
            value = _time(argument)
        case str():
            value = checked_text(argument)
        case bool():
            value = argument
        case int():
            value = checked_integer(argument)
        case float():
            value = argument
        case _:
            raise QueryError(f"filter: {str(argument)[:60]!r} is not a value")
    literal = Value(value)
    if not comparable(field.kind, literal.kind):
        raise QueryError(f"filter compares {field.name} ({field.kind}) with {value!r} ({literal.kind})")
    return literal


def _time(text: str) -> datetime:
    try:
        return parse_utc(text.replace("z", "Z"))
    except (ValueError, OverflowError) as error:
        raise QueryError(f"filter: {text[:40]!r} is not a time: {error}") from None
