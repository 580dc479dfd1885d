"""From the syntax tree of a `$filter` to a predicate, with every name and kind checked."""

from collections.abc import Iterator
from typing import Any

from odata_query import ast

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.geometry import Relation, parse_geography, spatial
from s1pdgs.publication.odata.expressions import (
    ATTRIBUTE_SETS,
    CONDITIONS,
    PRODUCTS,
    Names,
    Scope,
    UntypedValue,
    expression,
    function_name,
    known_function,
    literal,
    named,
    path_of,
    shown,
)
from s1pdgs.publication.odata.pattern import safe_pattern
from s1pdgs.publication.odata.syntax import parse_filter
from s1pdgs.publication.predicate import (
    AnyAttribute,
    AttributeName,
    AttributeValue,
    Comparison,
    Constant,
    Either,
    Every,
    Expression,
    Field,
    Kind,
    Membership,
    Negation,
    Operator,
    Predicate,
    TextMatch,
    Value,
    comparable,
)

_OPERATORS = {
    ast.Eq: Operator.EQ, ast.NotEq: Operator.NE, ast.Gt: Operator.GT, ast.GtE: Operator.GE, ast.Lt: Operator.LT,
    ast.LtE: Operator.LE,
}  # fmt: skip
_MIRRORED = {
    Operator.EQ: Operator.EQ, Operator.NE: Operator.NE, Operator.GT: Operator.LT, Operator.GE: Operator.LE,
    Operator.LT: Operator.GT, Operator.LE: Operator.GE,
}  # fmt: skip
_AREAS: dict[str, Relation] = {
    "Intersects": "intersects", "intersects": "intersects", "Within": "within", "Disjoint": "disjoint",
    "Disjoints": "disjoint",
}  # fmt: skip
_TWINS = {"datatakeID", "missionDatatakeID"}  # one fact under the names of two interface documents
_KINDS_OF_LITERALS = {Kind.INTEGER: (Kind.INTEGER, Kind.DOUBLE), Kind.DOUBLE: (Kind.INTEGER, Kind.DOUBLE)}


def compile_filter(text: str, names: Names = PRODUCTS, variable: str | None = None) -> Predicate:
    """The predicate of a filter; raises `QueryError` that names what is wrong and what would be right.

    `variable` is ITSELF for filters of attributes.
    """
    return _predicate(parse_filter(text), Scope(names, variable))


def _predicate(node: Any, scope: Scope) -> Predicate:  # noqa: PLR0911  one return for each kind of node
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
            known_function(function_name(node))
            raise QueryError(f"$filter: {function_name(node)}() is not a condition; compare it with something")
        case ast.Identifier() | ast.Attribute():
            found = expression(node, scope)
            if not isinstance(found, UntypedValue) and found.kind is Kind.BOOLEAN:
                return Comparison(Operator.EQ, found, Value(True))
            raise QueryError(f"$filter: {'/'.join(path_of(node))} is not a condition; compare it with something")
        case _:
            raise QueryError(f"$filter: {shown(node)} is not a condition")


def _chain(node: ast.BoolOp) -> Iterator[Any]:
    """The operands of a chain of one operator, without recursion along it."""
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.BoolOp) and type(part.op) is type(node.op):
            stack.extend((part.right, part.left))
        else:
            yield part


def _comparison(node: ast.Compare, scope: Scope) -> Predicate:
    if isinstance(node.comparator, ast.In):
        return _membership(node, scope)
    comparison = _OPERATORS[type(node.comparator)]
    for condition, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(other, ast.Boolean) and isinstance(condition, ast.Call | ast.Compare | ast.CollectionLambda):
            if comparison not in {Operator.EQ, Operator.NE}:
                raise QueryError("$filter: a condition is compared by eq and ne only")
            found = _predicate(condition, scope)
            return found if other.py_val == (comparison is Operator.EQ) else Negation(found)
    left, right = expression(node.left, scope), expression(node.right, scope)
    if isinstance(left, Value) and not isinstance(right, Value):
        left, right, comparison = right, left, _MIRRORED[comparison]
    if isinstance(left, UntypedValue) or isinstance(right, UntypedValue):
        return _untyped(comparison, left, right)
    return _checked(comparison, left, right, scope.names)


def _checked(comparison: Operator, left: Expression, right: Expression, names: Names) -> Predicate:
    if isinstance(right, Value):
        right = _fitting(left, right, names)
        if isinstance(left, AttributeName) and right.value in _TWINS and comparison is Operator.EQ:
            return Membership(left, tuple(Value(name) for name in sorted(_TWINS)))
    if not comparable(left.kind, right.kind):
        raise QueryError(_mismatch(left, right))
    if isinstance(left, Value) and isinstance(right, Value) and None not in (left.kind, right.kind):
        raise QueryError("$filter compares two literals; one side is to be a property")
    return Comparison(comparison, left, right)


def _untyped(comparison: Operator, left: Any, right: Any) -> Predicate:
    value, other = (left, right) if isinstance(left, UntypedValue) else (right, left)
    if isinstance(other, UntypedValue) or not isinstance(other, Value) or other.kind is None:
        raise QueryError("$filter: compare Value with a literal, or name its kind (OData.CSC.StringAttribute/Value)")
    kinds = _KINDS_OF_LITERALS.get(other.kind, (other.kind,))
    return Either(tuple(Comparison(comparison, AttributeValue(kind), other) for kind in kinds if kind in value.kinds))


def _membership(node: ast.Compare, scope: Scope) -> Predicate:
    item = expression(node.left, scope)
    listed: Any = node.right
    options = tuple(literal(option) for option in listed.val)
    if isinstance(item, UntypedValue):
        return Either(tuple(_untyped(Operator.EQ, item, option) for option in options))
    fitting = tuple(_fitting(item, option, scope.names) for option in options)
    for option in fitting:
        if not comparable(item.kind, option.kind):
            raise QueryError(_mismatch(item, option))
    return Membership(item, fitting)


def _fitting(left: Expression, given: Value, names: Names) -> Value:
    """A literal in the spelling that the property has."""
    if isinstance(left, Field) and isinstance(given.value, str):
        return Value(names.fit(left, given.value))
    return given


def _mismatch(left: Expression, right: Expression) -> str:
    hint = ""
    if isinstance(right, Value) and Kind.TIME in {left.kind, right.kind}:
        hint = "; times are written without quotes, as 2024-01-31T12:00:00.000Z"
    elif isinstance(right, Value) and left.kind is Kind.STRING:
        hint = "; texts are written in single quotes"
    return f"$filter compares {named(left)} ({left.kind}) with {named(right)} ({right.kind}){hint}"


def _boolean_call(node: ast.Call, scope: Scope) -> Predicate | None:
    name = function_name(node)
    if name in CONDITIONS:
        if len(node.args) != 2:
            raise QueryError(f"$filter: {name} takes 2 arguments, not {len(node.args)}")
        text, part = (_text(argument, name, scope) for argument in node.args)
        if name == "matchesPattern":
            return TextMatch("matches", text, _pattern(part))
        return TextMatch(name, text, part)  # type: ignore[arg-type]
    if node.func.namespace in {("OData", "CSC"), ("geo",)} and node.func.name in _AREAS:
        if not scope.names.areas:
            raise QueryError(f"$filter: {name} asks for footprints, which these entities do not have")
        if scope.variable is not None:
            raise QueryError(f"$filter: {name} cannot stand within any()")
        return spatial(_AREAS[node.func.name], parse_geography(_area(node)))
    return None


def _text(node: Any, function: str, scope: Scope) -> Expression:
    found: Expression | UntypedValue = expression(node, scope)
    if isinstance(found, UntypedValue):
        return AttributeValue(Kind.STRING)
    if found.kind is not Kind.STRING:
        raise QueryError(f"$filter: {function} works on texts, and {named(found)} is {found.kind}")
    return found


def _pattern(part: Expression) -> Value:
    if not isinstance(part, Value):
        raise QueryError("$filter: the second argument of matchesPattern is a pattern in quotes")
    return Value(safe_pattern(str(part.value)))


def _area(node: ast.Call) -> str:
    """The geography that a spatial function is given, by position or by name."""
    texts = []
    for argument in node.args:
        named = argument.name.name if isinstance(argument, ast.NamedParam) else None
        value = argument.param if isinstance(argument, ast.NamedParam) else argument
        if isinstance(value, ast.Geography) and named in {None, "area"}:
            texts.append(value.val)
        elif not (isinstance(value, ast.Identifier) and value.name in {"Footprint", "GeoFootprint"}):
            raise QueryError(f"$filter: {function_name(node)} takes (area=geography'SRID=4326;...') of the Footprint")
    if len(texts) != 1:
        raise QueryError(f"$filter: {function_name(node)} takes one area, geography'SRID=4326;<WKT>'")
    return str(texts[0])


def _over_attributes(node: ast.CollectionLambda, scope: Scope) -> Predicate:
    owner = path_of(node.owner)
    if not scope.names.attributes:
        raise QueryError(f"$filter: {'/'.join(owner)} has no any(); these entities have properties only")
    kind = ATTRIBUTE_SETS.get(owner[-1]) if len(owner) == 2 else None
    if scope.variable is not None or owner[0] != "Attributes" or (len(owner) > 1 and kind is None):
        raise QueryError(f"$filter: {'/'.join(owner)} has no any(); use Attributes/OData.CSC.<Kind>Attribute/any(...), "
                         f"of {', '.join(ATTRIBUTE_SETS)}")  # fmt: skip
    if node.lambda_ is None:
        return AnyAttribute(kind, Constant(True))
    condition = _predicate(node.lambda_.expression, Scope(scope.names, node.lambda_.identifier.name, kind))
    if isinstance(node.operator, ast.Any):
        return AnyAttribute(kind, condition)
    return Negation(AnyAttribute(kind, Negation(condition)))
