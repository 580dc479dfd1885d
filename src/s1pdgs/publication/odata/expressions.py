"""From the syntax tree of a `$filter` to its expressions: properties, attributes, functions and literals, checked."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from attrs import field, frozen
from odata_query import ast

from s1pdgs.model.time import parse_utc
from s1pdgs.publication.columns import ARCHIVE_SUFFIX
from s1pdgs.publication.errors import QueryError, UnservedError
from s1pdgs.publication.predicate import (
    FUNCTIONS,
    Arithmetic,
    AttributeName,
    AttributeValue,
    Expression,
    Field,
    Function,
    Kind,
    Value,
    checked_integer,
    checked_text,
    nearest,
)

PROPERTIES = [
    "Id", "Name", "ContentType", "ContentLength", "OriginDate", "PublicationDate", "ModificationDate", "EvictionDate",
    "Online", "ProductionType", "ContentDate/Start", "ContentDate/End", "Collection/Name",
]  # fmt: skip
ATTRIBUTE_SETS = {f"{kind.value}Attribute": kind for kind in Kind}
CONDITIONS = ("contains", "startswith", "endswith", "matchesPattern")
_SIGNS: dict[type, Any] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod"}
_NUMBERS = {Kind.INTEGER, Kind.DOUBLE}
_UNSERVED = {
    "round", "floor", "ceiling", "cast", "isof", "case", "time", "fractionalseconds", "totalseconds",
    "totaloffsetminutes", "hassubset", "hassubsequence", "geo.distance", "geo.length",
}  # fmt: skip
"""Functions of OData that are not served."""
FOLDER_SUFFIX = ".SAFE"
_LARGEST = 1e18
_MAX_CALCULATIONS = 8
_MOMENTS = {
    "now": lambda: datetime.now(UTC),
    "mindatetime": lambda: datetime.min.replace(tzinfo=UTC),
    "maxdatetime": lambda: datetime.max.replace(tzinfo=UTC),
}


def _of_a_product(field: Field, text: str) -> str:
    match field.name:
        case "ProductionType":
            return text.replace(" ", "_").replace("-", "_")
        case "Id":
            return text.lower()
        case "Name" if text.endswith(FOLDER_SUFFIX):  # CDSE tells the names of folders
            return text + ARCHIVE_SUFFIX
        case _:
            return text


@frozen
class Names:
    """What a filter may name: properties by their paths, attributes and areas where the entities have them.

    `fit` turns a literal into the spelling that a property has; it raises `QueryError` for one that it cannot have.
    """

    properties: Mapping[str, Field]
    fit: Callable[[Field, str], str] = lambda _, text: text
    attributes: bool = False
    areas: bool = False


PRODUCTS = Names({name: Field(name) for name in PROPERTIES}, _of_a_product, attributes=True, areas=True)


ITSELF = ""
"""The variable where what is looked at is an attribute itself, as within $expand=Attributes(...)."""


@frozen
class Scope:
    """The names, and within any() or all() its variable and the kind of attributes when the path names it."""

    names: Names
    variable: str | None = None
    kind: Kind | None = None


@frozen
class UntypedValue:
    """`att/Value` where no path names its kind: the literal that it meets does."""

    kinds: tuple[Kind, ...] = field(default=tuple(Kind))


def expression(node: Any, scope: Scope) -> Any:
    """The `Expression` of a node, or `UntypedValue` within an any(); raises `QueryError`."""
    match node:
        case ast.Identifier() | ast.Attribute():
            return _property(path_of(node), scope)
        case ast.Call():
            return _function(node, scope)
        case ast.UnaryOp(op=ast.USub()):
            return _negative(expression(node.operand, scope))
        case ast.BinOp():
            return _calculated(node, scope)
        case _:
            return literal(node)


def function_name(node: ast.Call) -> str:
    return ".".join((*node.func.namespace, node.func.name))


def _calculated(node: ast.BinOp, scope: Scope) -> Value | Arithmetic:
    left: Any = expression(node.left, scope)
    if isinstance(node.right, ast.Duration):
        return _shifted(node, left)
    right: Any = expression(node.right, scope)
    sign, parts = _SIGNS[type(node.op)], (left, right)
    for part in parts:
        if isinstance(part, UntypedValue) or part.kind not in _NUMBERS:
            kind = "of a kind that no path names" if isinstance(part, UntypedValue) else part.kind
            told = "Value" if isinstance(part, UntypedValue) else named(part)
            raise QueryError(f"$filter: {sign} takes numbers, or a time and a duration'...', and {told} is {kind}")
        if isinstance(part, Value) and abs(float(part.value)) > _LARGEST:  # type: ignore[arg-type]
            raise QueryError(f"$filter: {sign} takes numbers up to {_LARGEST:g}")
    found = Arithmetic(sign, left, right)
    if sign == "mod" and found.kind is Kind.DOUBLE:
        raise QueryError("$filter: mod takes whole numbers")
    if _depth(found) > _MAX_CALCULATIONS:
        raise QueryError(f"$filter: more than {_MAX_CALCULATIONS} calculations are made of each other")
    return found


def _depth(part: Any) -> int:
    return 1 + max(_depth(part.left), _depth(part.right)) if isinstance(part, Arithmetic) else 0


def _shifted(node: ast.BinOp, moment: Any) -> Value:
    """A time that is told by a duration before or after another, as `now() sub duration'P7D'`."""
    length: Any = node.right
    if not (
        isinstance(moment, Value) and isinstance(moment.value, datetime) and isinstance(node.op, ast.Add | ast.Sub)
    ):
        raise QueryError("$filter: only durations are added to times that are given, as in now() sub duration'P7D'")
    try:
        step = length.py_val
        return Value(moment.value + step if isinstance(node.op, ast.Add) else moment.value - step)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"$filter: duration {length.val[:40]!r} leads to no time: {error}") from None


def _negative(operand: Any) -> Value:
    if isinstance(operand, Value) and isinstance(operand.value, int | float) and not isinstance(operand.value, bool):
        return Value(-operand.value)
    raise QueryError("$filter: only numbers have a sign")


def path_of(node: Any) -> list[str]:
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.append(str(node.attr))
        node = node.owner
    if not isinstance(node, ast.Identifier):
        raise QueryError(f"$filter: {shown(node)} has no properties")
    return [node.name, *reversed(steps)]


def _property(path: list[str], scope: Scope) -> Any:
    name, known = "/".join(path), scope.names.properties
    if path[0] == scope.variable:
        return _of_attribute(path[1:], scope)
    if scope.variable == ITSELF:
        return known[name] if name == "ValueType" else _of_attribute(path, scope)
    if name not in known:
        raise QueryError(f"$filter: there is no property {name!r}; {nearest(name, list(known))}")
    if scope.variable is not None:
        raise QueryError(f"$filter: within any() there are only {scope.variable}/Name and {scope.variable}/Value")
    return known[name]


def _of_attribute(path: list[str], scope: Scope) -> Any:
    kind = scope.kind
    if len(path) == 2 and path[0] in ATTRIBUTE_SETS:
        named = ATTRIBUTE_SETS[path.pop(0)]
        kind = kind or named  # eodag asks for numbers among IntegerAttribute by OData.CSC.StringAttribute/Value
    if path == ["Name"]:
        return AttributeName()
    if path == ["Value"]:
        return UntypedValue() if kind is None else AttributeValue(kind)
    raise QueryError(f"$filter: an attribute has Name and Value, not {'/'.join(path)!r}")


def _function(node: ast.Call, scope: Scope) -> Function | Value:
    name = function_name(node)
    if name in _MOMENTS and not node.args:
        return Value(_MOMENTS[name]())
    known_function(name)
    arguments = tuple(expression(argument, scope) for argument in node.args)
    wanted = FUNCTIONS[name][0]
    if not 0 <= len(wanted) - len(arguments) <= (name == "substring"):
        raise QueryError(f"$filter: {name} takes {len(wanted)} arguments, not {len(arguments)}")
    typed = [AttributeValue(kind) if isinstance(argument, UntypedValue) else argument
             for argument, kind in zip(arguments, wanted, strict=False)]  # fmt: skip
    for argument, kind in zip(typed, wanted, strict=False):
        if argument.kind is not kind:
            raise QueryError(f"$filter: {name} wants {kind}, and {named(argument)} is {argument.kind}")
        if kind is Kind.INTEGER and not (isinstance(argument, Value) and 0 <= argument.value < 2**31):  # type: ignore[operator]
            raise QueryError(f"$filter: {name} counts with whole numbers from 0 on")
    return Function(name, tuple(typed))


def known_function(name: str) -> None:
    if name not in FUNCTIONS:
        known = sorted([*FUNCTIONS, *_MOMENTS, *CONDITIONS, "OData.CSC.Intersects"])
        kind = UnservedError if name in _UNSERVED else QueryError
        raise kind(f"$filter: function {name!r} is not supported here; {nearest(name, known)}")


def literal(node: Any) -> Value:
    try:
        return _value(node)
    except (ValueError, OverflowError) as error:
        if isinstance(error, QueryError):
            raise
        raise QueryError(f"$filter: {getattr(node, 'val', node)!r} is not a value: {error}") from None


def _value(node: Any) -> Value:  # noqa: PLR0911  the same
    match node:
        case ast.String():
            return Value(checked_text(node.val))
        case ast.GUID():
            return Value(node.val.lower())
        case ast.Integer():
            return Value(checked_integer(int(node.val[:40])))
        case ast.Float():
            return _finite(float(node.val))
        case ast.Boolean():
            return Value(node.py_val)
        case ast.Null():
            return Value(None)
        case ast.Date():
            return Value(datetime.fromisoformat(node.val).replace(tzinfo=UTC))
        case ast.DateTime():
            return Value(parse_utc(node.val))
        case ast.UnaryOp(op=ast.USub()):
            return _negative(_value(node.operand))
        case _:
            raise QueryError(f"$filter: {shown(node)} is not supported here")


def _finite(value: float) -> Value:
    if not isfinite(value):
        raise QueryError("$filter: a number is too large")
    return Value(value)


def named(expression: Expression) -> str:
    match expression:
        case Field(name):
            return name
        case Value(value):
            return repr(value)[:60]
        case Function(name, _):
            return f"{name}()"
        case Arithmetic(sign, _, _):
            return f"what {sign} gives"
        case AttributeName():
            return "the attribute's Name"
        case AttributeValue():
            return "the attribute's Value"


def shown(node: Any) -> str:
    text = getattr(node, "val", None)
    return f"{type(node).__name__} {str(text)[:60]!r}" if text is not None else type(node).__name__
