"""STAC's questions as predicates: search parameters and CQL2-JSON (OGC 21-065r2).

Properties of extensions that no product here has (`eo:cloud_cover`) are null; other unknown names are refused. What is
said of null is neither true nor false in CQL2 (clause 6), so it is not true when it is negated: `not` goes down to
comparisons, where what is negated is said of values alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from fastapi import HTTPException
from stac_fastapi.types.rfc3339 import str_to_interval

from s1pdgs.model.time import parse_utc
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import Relation, box_area, parse_geojson, spatial
from s1pdgs.publication.odata.pattern import MAX_LENGTH as MAX_PATTERN
from s1pdgs.publication.odata.pattern import wildcards
from s1pdgs.publication.predicate import (
    Comparison,
    Constant,
    Either,
    Every,
    Expression,
    Field,
    Function,
    Kind,
    Membership,
    Negation,
    Operator,
    Predicate,
    Scalar,
    TextMatch,
    Value,
    checked_integer,
    checked_text,
    comparable,
    nearest,
)
from s1pdgs.publication.stac_lists import LISTS, OPERATORS, compared_lists, list_of

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
    "updated": "ModificationDate",
    "published": "PublicationDate",
    "expires": "EvictionDate",
    "constellation": "constellation",
    "platform": "platform",
    "product:type": "type",
    "order:status": "order_status",
    "processing:level": "level",
    "processing:facility": "facility",
    "s1:datatake_id": "datatake",
    "s1:product_timeliness": "timeliness",
    "sar:instrument_mode": "mode",
    "sat:orbit_state": "orbit_state",
    "sat:absolute_orbit": "absolute_orbit",
    "sat:relative_orbit": "relative_orbit",
}
SORTABLES = ("id", "collection", "datetime", "start_datetime", "end_datetime", "created", "updated")
_COMPARISONS = {
    "=": Operator.EQ, "<>": Operator.NE, ">": Operator.GT, ">=": Operator.GE, "<": Operator.LT, "<=": Operator.LE,
}  # fmt: skip
_OPPOSITE = {
    Operator.EQ: Operator.NE, Operator.NE: Operator.EQ, Operator.GT: Operator.LE, Operator.LE: Operator.GT,
    Operator.GE: Operator.LT, Operator.LT: Operator.GE,
}  # fmt: skip
_SPATIAL: dict[str, Relation] = {"s_intersects": "intersects", "s_within": "within", "s_disjoint": "disjoint"}
_GEOMETRY = {"property": "geometry"}
_ABSENT = {"mission", "gsd", "license", "title", "description"}  # common metadata that no product here has
_PREFIXES = {name.partition(":")[0] for name in QUERYABLES if ":" in name}
_OPERATORS = [
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "isNull",
    "casei",
    "t_intersects",
    *_COMPARISONS,
    *_SPATIAL,
    *OPERATORS,
]


def in_box(box: Sequence[float]) -> Predicate:
    """Products that touch a bounding box of 4 or 6 numbers, whose heights do not matter."""
    west, south, east, north = corners(box)
    return spatial("intersects", box_area(west, south, east, north), cut=False)


def corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """West, south, east and north of a bounding box with or without heights."""
    if len(box) not in {4, 6}:
        raise QueryError(f"a bbox has 4 or 6 numbers, not {len(box)}")
    return box[0], box[1], box[len(box) // 2], box[len(box) // 2 + 1]


def in_time(text: str) -> Predicate:
    """Products that were sensed within an instant or an interval, which may be open at one end."""
    try:
        interval = str_to_interval(text)
        ends = interval if isinstance(interval, tuple) else (interval, interval)
        begin, end = (None if one is None else one.astimezone(UTC) for one in ends)
    except HTTPException as error:
        raise QueryError(f"datetime: {error.detail}") from None
    except OverflowError as error:
        raise QueryError(f"datetime: {text[:40]!r} is out of range: {error}") from None
    if begin is None and end is None:
        raise QueryError(f"datetime is {text[:40]!r}; an interval is open at one end only")
    return sensed(begin, end)


def sensed(begin: datetime | None, end: datetime | None) -> Predicate:
    """Products that were sensed at some time of an interval; None leaves an end open."""
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


def cql2(expression: Any, depth: int = 1, *, truth: bool = True) -> Predicate:
    """The predicate that a CQL2-JSON expression is true, or where `truth` is False that it is false.

    Raises `QueryError` that names what is wrong.
    """
    if depth > MAX_DEPTH:
        raise QueryError(f"filter is nested more than {MAX_DEPTH} deep")
    if isinstance(expression, bool):
        return Constant(expression is truth)
    operation, arguments = _operation(expression)
    match operation:
        case "and" | "or":
            parts = tuple(cql2(argument, depth + 1, truth=truth) for argument in arguments)
            return Every(parts) if (operation == "and") is truth else Either(parts)
        case "not":
            (part,) = _exactly(operation, arguments, 1)
            return cql2(part, depth + 1, truth=not truth)
        case _ if operation in _SPATIAL:
            return _place(operation, arguments, truth)
        case _ if operation in _COMPARISONS:
            left, right = _exactly(operation, arguments, 2)
            return _compared(_COMPARISONS[operation], left, right, truth)
        case _:
            return _special(operation, arguments, truth)


def _special(operation: str, arguments: list[Any], truth: bool) -> Predicate:
    match operation:
        case "in":
            item, options = _exactly(operation, arguments, 2)
            if not isinstance(options, list) or len(options) > MAX_NAMES:
                raise QueryError(f"filter: in takes a list of at most {MAX_NAMES} values")
            found = _expression(item)
            return _said(Membership(found, tuple(_fitting(option, found) for option in options)), found, truth)
        case "between":
            item, low, high = _exactly(operation, _flat(arguments), 3)
            bounds = (_compared(Operator.GE, item, low, truth), _compared(Operator.LE, item, high, truth))
            return Every(bounds) if truth else Either(bounds)
        case "like":
            item, pattern = _exactly(operation, arguments, 2)
            return _like(item, pattern, truth)
        case "isNull":
            (item,) = _exactly(operation, arguments, 1)
            return Comparison(Operator.EQ if truth else Operator.NE, list_of(item) or _expression(item), Value(None))
        case "t_intersects":
            sensed_then = _while(*_exactly(operation, arguments, 2))
            return sensed_then if truth else Negation(sensed_then)
        case _ if operation in OPERATORS:
            return compared_lists(operation, *_exactly(operation, arguments, 2), truth=truth)
        case _:
            raise QueryError(f"filter: operator {operation[:40]!r} is not supported; {nearest(operation, _OPERATORS)}")


def _said(predicate: Predicate, of: Expression, truth: bool) -> Predicate:
    """What is true of values only, or its contrary, which is true of values only, too."""
    return predicate if truth else Every((Negation(predicate), _known(of)))


def _known(expression: Expression) -> Comparison:
    return Comparison(Operator.NE, expression, Value(None))


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


def _flat(arguments: list[Any]) -> list[Any]:
    """The bounds of `between` stand in a list of their own in drafts of CQL2."""
    return [arguments[0], *arguments[1]] if len(arguments) == 2 and isinstance(arguments[1], list) else arguments


def _place(operation: str, arguments: list[Any], truth: bool) -> Predicate:
    left, right = _exactly(operation, arguments, 2)
    relation = _SPATIAL[operation]
    if right == _GEOMETRY and relation != "within":
        left, right = right, left
    if left != _GEOMETRY:
        raise QueryError(f"filter: {operation} compares the property geometry with a GeoJSON geometry")
    match right:
        case {"bbox": list(box)} if all(isinstance(edge, int | float) for edge in box):
            area, cut = box_area(*corners(box)), False
        case _:
            area, cut = parse_geojson(right), True

    def lies(how: Relation) -> Predicate:
        return spatial(how, area, cut=cut)

    if relation != "within":
        return lies("intersects" if (relation == "intersects") is truth else "disjoint")
    if truth:
        return lies("within")
    return Every((Negation(lies("within")), Either((lies("intersects"), lies("disjoint")))))  # of what has a footprint


def _while(left: Any, right: Any) -> Predicate:
    """Products that were sensed at some time of an interval."""
    match right:
        case {"interval": [str(first), str(last)]}:
            bounds = (first, last)
        case {"timestamp": str(text)} | {"date": str(text)}:
            bounds = (text, text)
        case _:
            raise QueryError('filter: t_intersects takes a timestamp, a date or {"interval": [begin, end]}')
    if left not in ({"property": "datetime"}, {"property": "properties.datetime"}):
        raise QueryError("filter: t_intersects compares the property datetime")
    begin, end = (None if bound == ".." else _time(bound) for bound in bounds)
    return sensed(begin, end)


def _like(item: Any, pattern: Any, truth: bool) -> Predicate:
    text, part = _expression(item), _folded(_expression(pattern))
    if not isinstance(part, Value) or not isinstance(part.value, str) or text.kind not in {Kind.STRING, None}:
        raise QueryError("filter: like compares a text with a pattern of letters, % and _")
    if len(part.value) > MAX_PATTERN:
        raise QueryError(f"filter: a pattern of like has at most {MAX_PATTERN} characters")
    if text.kind is None:
        return Constant(False)
    return _said(TextMatch("matches", text, Value(wildcards(part.value))), text, truth)


def _folded(expression: Expression) -> Expression:
    """A literal whose case does not count as a literal in small letters."""
    match expression:
        case Function("tolower", (Value(str(text)),)):
            return Value(text.lower())
        case _:
            return expression


def _expression(argument: Any) -> Expression:
    match argument:
        case {"property": str(name)}:
            return _property(name)
        case {"op": "casei", "args": [inner]}:
            found = _expression(inner)
            if found.kind is not Kind.STRING or isinstance(found, Function):
                raise QueryError("filter: casei takes a text")
            return Function("tolower", (found,))
        case _:
            return _value(argument)


def _property(name: str) -> Expression:
    bare = name.removeprefix("properties.")
    if bare in QUERYABLES:
        return Field(QUERYABLES[bare])
    if bare in LISTS:
        raise QueryError(f"filter: {bare} is a list, of which {', '.join(OPERATORS)} and isNull ask")
    if bare in _ABSENT or (":" in bare and bare.partition(":")[0] not in _PREFIXES):
        return Value(None)
    raise QueryError(f"filter: there is no property {bare[:60]!r}; {nearest(bare, list(QUERYABLES))}")


def _compared(comparison: Operator, one: Any, other: Any, truth: bool) -> Predicate:
    left, right = _expression(one), _expression(other)
    if isinstance(left, Value) and isinstance(right, Value) and None not in (left.kind, right.kind):
        raise QueryError('filter compares two values; one of them is to be {"property": "<name>"}')
    if isinstance(right, Value):
        right = _fitting(other, left)
    elif isinstance(left, Value):
        left = _fitting(one, right)
    if not comparable(left.kind, right.kind):
        raise QueryError(f"filter compares {_shown(one)} ({left.kind}) with {_shown(other)} ({right.kind})")
    if Value(None) in (left, right):
        return Constant(False)
    found = Comparison(comparison if truth else _OPPOSITE[comparison], left, right)
    unknown = [one for one in (left, right) if not isinstance(one, Value)]
    if found.operator is Operator.NE or (found.operator is Operator.EQ and len(unknown) == 2):
        return Every((found, *map(_known, unknown)))
    return found


def _fitting(argument: Any, other: Expression) -> Value:
    """A literal as a value of the kind that it is compared with: texts may be times."""
    if isinstance(argument, str) and other.kind is Kind.TIME:
        return Value(_time(argument))
    found = _folded(_expression(argument))
    if not isinstance(found, Value):
        raise QueryError(f"filter: {_shown(argument)} is not a value")
    if not comparable(other.kind, found.kind):
        raise QueryError(f"filter compares {other.kind} with {_shown(argument)} ({found.kind})")
    return found


def _value(argument: Any) -> Value:
    value: Scalar
    match argument:
        case {"timestamp": str(text)} | {"date": str(text)}:
            value = _time(text)
        case str():
            value = checked_text(argument)
        case bool():
            value = argument
        case int():
            value = checked_integer(argument)
        case float() if isfinite(argument):
            value = argument
        case _:
            raise QueryError(f"filter: {_shown(argument)} is not a value")
    return Value(value)


def _shown(argument: Any) -> str:
    return (
        str(argument["property"])[:60] if isinstance(argument, dict) and "property" in argument else repr(argument)[:60]
    )


def _time(text: str) -> datetime:
    try:
        return parse_utc(text.replace("z", "Z"))
    except (ValueError, OverflowError) as error:
        raise QueryError(f"filter: {text[:40]!r} is not a time: {error}") from None
