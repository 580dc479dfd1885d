"""From the syntax tree of a `$filter` to a predicate, with every name and kind checked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from attrs import field, frozen
from odata_query import ast

from s1pdgs.model.time import parse_utc
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import parse_geography, spatial
from s1pdgs.publication.odata.syntax import parse_filter
from s1pdgs.publication.predicate import (
    FUNCTIONS,
    AnyAttribute,
    AttributeName,
    AttributeValue,
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
    TextMatch,
    Value,
    checked_integer,
    checked_text,
    comparable,
    nearest,
)

PROPERTIES = [
    "Id", "Name", "ContentType", "ContentLength", "OriginDate", "PublicationDate", "ModificationDate", "EvictionDate",
    "Online", "ProductionType", "ContentDate/Start", "ContentDate/End", "Collection/Name",
]  # fmt: skip
_ATTRIBUTE_SETS = {f"{kind.value}Attribute": kind for kind in Kind}
_OPERATORS = {
    ast.Eq: Operator.EQ, ast.NotEq: Operator.NE, ast.Gt: Operator.GT, ast.GtE: Operator.GE, ast.Lt: Operator.LT,
    ast.LtE: Operator.LE,
}  # fmt: skip
_MIRRORED = {
    Operator.EQ: Operator.EQ, Operator.NE: Operator.NE, Operator.GT: Operator.LT, Operator.GE: Operator.LE,
    Operator.LT: Operator.GT, Operator.LE: Operator.GE,
}  # fmt: skip
_TEXT_MATCHES = {"contains", "startswith", "endswith"}
_AREAS = {"Intersects": "intersects", "intersects": "intersects", "Within": "within", "Disjoint": "disjoint",
          "Disjoints": "disjoint"}  # fmt: skip
_TWINS = {"datatakeID", "missionDatatakeID"}  # one fact under the names of two interface documents
_KINDS_OF_LITERALS = {Kind.INTEGER: (Kind.INTEGER, Kind.DOUBLE), Kind.DOUBLE: (Kind.INTEGER, Kind.DOUBLE)}


@frozen
class _Lambda:
    """The variable of an any() or all(), and the kind of attributes when the path names it."""

    variable: str
    kind: Kind | None


@frozen
class _UntypedValue:
    """`att/Value` where no path names its kind: the literal that it meets does."""

    kinds: tuple[Kind, ...] = field(default=tuple(Kind))


def compile_filter(text: str) -> Predicate:
    """The predicate of a filter; raises `QueryError` that names what is wrong and what would be right."""
    return _predicate(parse_filter(text), None)


def _predicate(node: Any, scope: _Lambda | None) -> Predicate:  # noqa: PLR0911  one return for each kind of node
    match node:
        case ast.BoolOp():
            parts = tuple(_predicate(part, scope) for part in _chain(node))
            return Every(parts) if isinstance(node.op, ast.And) else Either(parts)
        case ast.UnaryOp(op=ast.Not()):
            return Negation(_predicate(node.operand, scope))
        case ast.Compare():
            return _comparison(node, scope)
        case ast.CollectionLambda():
            return _over_attributes(node, scope)
        case ast.Boolean():
            return Constant(node.py_val)
        case ast.Call():
            found = _boolean_call(node, scope)
            if found is not None:
                return found
            _known_function(_function_name(node))
            raise QueryError(f"$filter: {_function_name(node)}() is not a condition; compare it with something")
        case ast.Identifier() | ast.Attribute():
            expression = _expression(node, scope)
            if not isinstance(expression, _UntypedValue) and expression.kind is Kind.BOOLEAN:
                return Comparison(Operator.EQ, expression, Value(True))
            raise QueryError(f"$filter: {'/'.join(_path(node))} is not a condition; compare it with something")
        case _:
            raise QueryError(f"$filter: {_shown(node)} is not a condition")


def _chain(node: ast.BoolOp) -> Iterator[Any]:
    """The operands of a chain of one operator, without recursion along it."""
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.BoolOp) and type(part.op) is type(node.op):
            stack.extend((part.right, part.left))
        else:
            yield part


def _comparison(node: ast.Compare, scope: _Lambda | None) -> Predicate:
    if isinstance(node.comparator, ast.In):
        return _membership(node, scope)
    comparison = _OPERATORS[type(node.comparator)]
    for condition, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(other, ast.Boolean) and isinstance(condition, ast.Call | ast.Compare | ast.CollectionLambda):
            if comparison not in {Operator.EQ, Operator.NE}:
                raise QueryError("$filter: a condition is compared by eq and ne only")
            found = _predicate(condition, scope)
            return found if other.py_val == (comparison is Operator.EQ) else Negation(found)
    left, right = _expression(node.left, scope), _expression(node.right, scope)
    if isinstance(left, Value) and not isinstance(right, Value):
        left, right, comparison = right, left, _MIRRORED[comparison]
    if isinstance(left, _UntypedValue) or isinstance(right, _UntypedValue):
        return _untyped(comparison, left, right)
    return _checked(comparison, left, right)


def _checked(comparison: Operator, left: Expression, right: Expression) -> Predicate:
    if isinstance(right, Value):
        right = _fitting(left, right)
        if isinstance(left, AttributeName) and right.value in _TWINS and comparison is Operator.EQ:
            return Membership(left, tuple(Value(name) for name in sorted(_TWINS)))
    if not comparable(left.kind, right.kind):
        raise QueryError(_mismatch(left, right))
    if isinstance(left, Value) and isinstance(right, Value) and None not in (left.kind, right.kind):
        raise QueryError("$filter compares two literals; one side is to be a property")
    return Comparison(comparison, left, right)


def _untyped(comparison: Operator, left: Any, right: Any) -> Predicate:
    value, other = (left, right) if isinstance(left, _UntypedValue) else (right, left)
    if isinstance(other, _UntypedValue) or not isinstance(other, Value) or other.kind is None:
        raise QueryError("$filter: compare Value with a literal, or name its kind (OData.CSC.StringAttribute/Value)")
    kinds = _KINDS_OF_LITERALS.get(other.kind, (other.kind,))
    return Either(tuple(Comparison(comparison, AttributeValue(kind), other) for kind in kinds if kind in value.kinds))


def _membership(node: ast.Compare, scope: _Lambda | None) -> Predicate:
    item = _expression(node.left, scope)
    listed: Any = node.right
    options = tuple(_literal(option) for option in listed.val)
    if isinstance(item, _UntypedValue):
        return Either(tuple(_untyped(Operator.EQ, item, option) for option in options))
    fitting = tuple(_fitting(item, option) for option in options)
    for option in fitting:
        if not comparable(item.kind, option.kind):
            raise QueryError(_mismatch(item, option))
    return Membership(item, fitting)


def _fitting(left: Expression, literal: Value) -> Value:
    """A literal in the spelling that the property has."""
    text = literal.value
    if isinstance(text, str) and left == Field("ProductionType"):
        return Value(text.replace(" ", "_").replace("-", "_"))
    if isinstance(text, str) and left == Field("Id"):
        return Value(text.lower())
    return literal


def _mismatch(left: Expression, right: Expression) -> str:
    hint = ""
    if isinstance(right, Value) and Kind.TIME in {left.kind, right.kind}:
        hint = "; times are written without quotes, as 2024-01-31T12:00:00.000Z"
    elif isinstance(right, Value) and left.kind is Kind.STRING:
        hint = "; texts are written in single quotes"
    return f"$filter compares {_named(left)} ({left.kind}) with {_named(right)} ({right.kind}){hint}"


def _boolean_call(node: ast.Call, scope: _Lambda | None) -> Predicate | None:
    name = _function_name(node)
    if name in _TEXT_MATCHES:
        text, part = (_text(argument, name, scope) for argument in node.args)
        return TextMatch(name, text, part)  # type: ignore[arg-type]
    if node.func.namespace in {("OData", "CSC"), ("geo",)} and node.func.name in _AREAS:
        if scope is not None:
            raise QueryError(f"$filter: {name} cannot stand within any()")
        return spatial(_AREAS[node.func.name], parse_geography(_area(node)))
    return None


def _text(node: Any, function: str, scope: _Lambda | None) -> Expression:
    found: Expression | _UntypedValue = _expression(node, scope)
    if isinstance(found, _UntypedValue):
        return AttributeValue(Kind.STRING)
    if found.kind is not Kind.STRING:
        raise QueryError(f"$filter: {function} works on texts, and {_named(found)} is {found.kind}")
    return found


def _area(node: ast.Call) -> str:
    """The geography that a spatial function is given, by position or by name."""
    texts = []
    for argument in node.args:
        named = argument.name.name if isinstance(argument, ast.NamedParam) else None
        value = argument.param if isinstance(argument, ast.NamedParam) else argument
        if isinstance(value, ast.Geography) and named in {None, "area"}:
            texts.append(value.val)
        elif not (isinstance(value, ast.Identifier) and value.name in {"Footprint", "GeoFootprint"}):
            raise QueryError(f"$filter: {_function_name(node)} takes (area=geography'SRID=4326;...') of the Footprint")
    if len(texts) != 1:
        raise QueryError(f"$filter: {_function_name(node)} takes one area, geography'SRID=4326;<WKT>'")
    return str(texts[0])


def _over_attributes(node: ast.CollectionLambda, scope: _Lambda | None) -> Predicate:
    owner = _path(node.owner)
    kind = _ATTRIBUTE_SETS.get(owner[-1]) if len(owner) == 2 else None
    if scope is not None or owner[0] != "Attributes" or (len(owner) > 1 and kind is None):
        raise QueryError(f"$filter: {'/'.join(owner)} has no any(); use Attributes/OData.CSC.<Kind>Attribute/any(...), "
                         f"of {', '.join(_ATTRIBUTE_SETS)}")  # fmt: skip
    if node.lambda_ is None:
        return AnyAttribute(kind, Constant(True))
    condition = _predicate(node.lambda_.expression, _Lambda(node.lambda_.identifier.name, kind))
    if isinstance(node.operator, ast.Any):
        return AnyAttribute(kind, condition)
    return Negation(AnyAttribute(kind, Negation(condition)))


def _expression(node: Any, scope: _Lambda | None) -> Any:
    match node:
        case ast.Identifier() | ast.Attribute():
            return _property(_path(node), scope)
        case ast.Call():
            return _function(node, scope)
        case ast.UnaryOp(op=ast.USub()):
            return _negative(_expression(node.operand, scope))
        case _:
            return _literal(node)


def _function_name(node: ast.Call) -> str:
    return ".".join((*node.func.namespace, node.func.name))


def _negative(operand: Any) -> Value:
    if isinstance(operand, Value) and isinstance(operand.value, int | float) and not isinstance(operand.value, bool):
        return Value(-operand.value)
    raise QueryError("$filter: only numbers have a sign")


def _path(node: Any) -> list[str]:
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.append(str(node.attr))
        node = node.owner
    if not isinstance(node, ast.Identifier):
        raise QueryError(f"$filter: {_shown(node)} has no properties")
    return [node.name, *reversed(steps)]


def _property(path: list[str], scope: _Lambda | None) -> Any:
    name = "/".join(path)
    if scope is not None and path[0] == scope.variable:
        return _of_attribute(path[1:], scope)
    if name not in PROPERTIES:
        raise QueryError(f"$filter: there is no property {name!r}; {nearest(name, PROPERTIES)}")
    if scope is not None:
        raise QueryError(f"$filter: within any() there are only {scope.variable}/Name and {scope.variable}/Value")
    return Field(name)


def _of_attribute(path: list[str], scope: _Lambda) -> Any:
    kind = scope.kind
    if len(path) == 2 and path[0] in _ATTRIBUTE_SETS:
        named = _ATTRIBUTE_SETS[path.pop(0)]
        if kind not in {None, named}:
            raise QueryError(f"$filter: an attribute cannot be both {kind} and {named}")
        kind = named
    if path == ["Name"]:
        return AttributeName()
    if path == ["Value"]:
        return _UntypedValue() if kind is None else AttributeValue(kind)
    raise QueryError(f"$filter: an attribute has Name and Value, not {'/'.join(path)!r}")


def _function(node: ast.Call, scope: _Lambda | None) -> Function:
    name = _function_name(node)
    _known_function(name)
    arguments = tuple(_expression(argument, scope) for argument in node.args)
    wanted = FUNCTIONS[name][0]
    if not 0 <= len(wanted) - len(arguments) <= (name == "substring"):
        raise QueryError(f"$filter: {name} takes {len(wanted)} arguments, not {len(arguments)}")
    typed = [AttributeValue(kind) if isinstance(argument, _UntypedValue) else argument
             for argument, kind in zip(arguments, wanted, strict=False)]  # fmt: skip
    for argument, kind in zip(typed, wanted, strict=False):
        if argument.kind is not kind:
            raise QueryError(f"$filter: {name} wants {kind}, and {_named(argument)} is {argument.kind}")
        if kind is Kind.INTEGER and not (isinstance(argument, Value) and 0 <= argument.value < 2**31):  # type: ignore[operator]
            raise QueryError(f"$filter: {name} counts with whole numbers from 0 on")
    return Function(name, tuple(typed))


def _known_function(name: str) -> None:
    if name not in FUNCTIONS:
        known = sorted([*FUNCTIONS, *_TEXT_MATCHES, "OData.CSC.Intersects"])
        raise QueryError(f"$filter: function {name!r} is not supported here; {nearest(name, known)}")


def _literal(node: Any) -> Value:
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
            raise QueryError(f"$filter: {_shown(node)} is not supported here")


def _finite(value: float) -> Value:
    if not isfinite(value):
        raise QueryError("$filter: a number is too large")
    return Value(value)


def _named(expression: Expression) -> str:
    match expression:
        case Field(name):
            return name
        case Value(value):
            return repr(value)[:60]
        case Function(name, _):
            return f"{name}()"
        case AttributeName():
            return "the attribute's Name"
        case AttributeValue():
            return "the attribute's Value"


def _shown(node: Any) -> str:
    text = getattr(node, "val", None)
    return f"{type(node).__name__} {str(text)[:60]!r}" if text is not None else type(node).__name__
