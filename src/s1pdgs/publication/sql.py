"""Predicates over published products as SQL expressions, the same for SQLite and PostgreSQL.

Every comparison is two-valued as OData wants it: where SQL would say NULL, false is said.
"""

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from attrs import evolve

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.columns import ARCHIVE_SUFFIX, FIELDS, PRODUCTS, STORED, TYPES, Columns, LookedAt, typed
from s1pdgs.publication.dialects import Matches, Position, Unindexed
from s1pdgs.publication.places import EVER, conjuncts, where_lies
from s1pdgs.publication.predicate import (
    AnyAttribute,
    Arithmetic,
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
    Spatial,
    TextMatch,
    Value,
    terms,
)
from s1pdgs.publication.sql_functions import SQL_FUNCTIONS, Sql, calculated

_LONG_PREFIX = len("S1A_IW_GRDH_1SDV_202006")  # shorter ones name so many that a page of them is soon found in order


def where(predicate: Predicate, columns: Columns | None = None) -> Sql:
    """The SQL condition of a predicate: over the join of `product` and `publication` when `columns` are not given.

    Other columns with `AnyAttribute` stand for a join with `product`.
    """
    return _where(predicate, columns or PRODUCTS)


def _where(predicate: Predicate, columns: Columns) -> Sql:  # noqa: PLR0911  one for each kind
    match predicate:
        case Constant(truth):
            return sa.true() if truth else sa.false()
        case Every(parts):
            of_products = columns.fields is FIELDS
            within = evolve(columns, window=columns.window.narrowed(parts)) if of_products else columns
            return sa.and_(sa.true(), *(_where(part, within) for part in sorted(parts, key=_effort)))
        case Either(parts):
            return sa.or_(sa.false(), *(_where(part, columns) for part in parts))
        case Negation(part):
            return sa.not_(_where(part, columns))
        case Comparison():
            return _comparison(predicate, columns)
        case Membership(item, options):
            return _membership(item, options, columns)
        case TextMatch():
            return _text_match(predicate, columns)
        case Spatial():
            return where_lies(predicate, columns.window)
        case AnyAttribute(kind, condition):
            return _any_attribute(kind, condition, columns)


def is_narrow(predicate: Predicate) -> bool:
    """Whether names or sensing times choose few products, which an index brings."""
    return EVER.narrowed([predicate]).days <= _FEW_DAYS or any(
        isinstance(part, TextMatch) and part.text == Field("Name") and _long_prefix(part)
        for part in conjuncts(predicate)
    )


def _long_prefix(match: TextMatch) -> bool:
    return match.how == "startswith" and isinstance(match.part, Value) and len(str(match.part.value)) >= _LONG_PREFIX


def _effort(part: Predicate) -> int:
    """Databases look at conditions in the order in which they stand."""
    match part:
        case Spatial():
            return 2
        case AnyAttribute() | TextMatch() | Either() | Negation():
            return 1
        case _:
            return 0


def _sql(expression: Expression, columns: Columns) -> Sql:
    match expression:
        case Field(name):
            return columns.fields[name]
        case Value(value):
            return sa.null() if value is None else sa.literal(value, TYPES[expression.kind or Kind.STRING])
        case Function(name, arguments):
            return SQL_FUNCTIONS[name](*(_sql(argument, columns) for argument in arguments))
        case Arithmetic(sign, left, right):
            whole = expression.kind is Kind.INTEGER
            return calculated(sign, _sql(left, columns), _sql(right, columns), whole=whole)
        case AttributeName():
            return _inside(columns).name
        case AttributeValue(kind):
            return _value_of(_inside(columns), kind)


def _inside(columns: Columns) -> LookedAt:
    if columns.attribute is None:
        raise TypeError("an attribute's name and value exist within AnyAttribute only")
    return columns.attribute


def _value_of(attribute: LookedAt, kind: Kind) -> Sql:
    """The value of an attribute, null when it is of another kind."""
    if attribute.column_kind is None:
        return sa.case((attribute.kind == kind.value, typed(attribute.value, kind)))
    return attribute.value if attribute.column_kind is kind else sa.cast(sa.null(), TYPES[kind])


_SAME = {"missionDatatakeID": "datatakeID"}
_FEW_DAYS = 60.0
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")  # others are no part of a path into JSON


def _inner(expression: Expression) -> Iterator[Expression]:
    yield expression
    match expression:
        case Function(_, parts):
            arguments = parts
        case Arithmetic(_, left, right):
            arguments = (left, right)
        case _:
            arguments = ()
    for argument in arguments:
        yield from _inner(argument)


def _nullable(expression: Expression, columns: Columns) -> bool:
    match expression:
        case Field(name):
            return name in columns.nullable
        case Value(value):
            return value is None
        case Function(_, arguments):
            return any(_nullable(argument, columns) for argument in arguments)
        case Arithmetic(sign, left, right):
            return sign in {"div", "mod"} or _nullable(left, columns) or _nullable(right, columns)
        case AttributeValue():
            return True
        case AttributeName():
            return False


def _known(condition: Sql, columns: Columns, *expressions: Expression) -> Sql:
    """The condition, false when one of its expressions is null."""
    present = [_sql(expression, columns).is_not(None) for expression in expressions if _nullable(expression, columns)]
    return sa.and_(*present, condition) if present else condition


_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
}


_LATER = {Operator.GT, Operator.GE}


def _comparison(predicate: Comparison, columns: Columns) -> Sql:
    left, right = predicate.left, predicate.right
    equality = predicate.operator in {Operator.EQ, Operator.NE}
    if Value(None) in (left, right):
        return _with_null(predicate.operator, right if left == Value(None) else left, columns)
    if equality and left == Field("Name") and isinstance(right, Value):
        found = product.c.name.in_(_product_names((right,)))
        return found if predicate.operator is Operator.EQ else sa.not_(found)
    one, other = _sql(left, columns), _sql(right, columns)
    if left == Field("ContentDate/End") and columns.fields is FIELDS and predicate.operator in _LATER:
        later = _COMPARE[predicate.operator]  # what begins later ends later, and indexes hold beginnings
        return sa.or_(later(product.c.start, other), later(one, other))
    if equality and _nullable(left, columns) and _nullable(right, columns):
        same = one.is_not_distinct_from(other)
        return same if predicate.operator is Operator.EQ else sa.not_(same)
    if predicate.operator is Operator.NE:
        return sa.not_(_known(one == other, columns, left, right))
    return _known(_COMPARE[predicate.operator](one, other), columns, left, right)


def _with_null(comparison: Operator, other: Expression, columns: Columns) -> Sql:
    if comparison not in {Operator.EQ, Operator.NE}:
        return sa.false()
    null = _sql(other, columns).is_(None) if _nullable(other, columns) else sa.false()
    return null if comparison is Operator.EQ else sa.not_(null)


def _membership(item: Expression, options: tuple[Value, ...], columns: Columns) -> Sql:
    if item == Field("Name"):
        return product.c.name.in_(_product_names(options))
    bound = [_sql(option, columns) for option in options if option.value is not None]
    found = _known(_sql(item, columns).in_(bound), columns, item)
    if Value(None) in options:
        return sa.or_(found, _with_null(Operator.EQ, item, columns))
    return found


def _product_names(options: tuple[Value, ...]) -> list[str]:
    """The products of published names, for their index; a name without the suffix is nobody's."""
    names = [str(option.value) for option in options]
    return [name.removesuffix(ARCHIVE_SUFFIX) for name in names if name.endswith(ARCHIVE_SUFFIX)]


def _text_match(predicate: TextMatch, columns: Columns) -> Sql:
    text, part = _sql(predicate.text, columns), _sql(predicate.part, columns)
    match predicate.how:
        case "contains":
            found: Sql = Position(text, part) > 0
        case "startswith":
            found = _starts_with(predicate, text, part)
        case "endswith":
            begin = sa.func.length(text) - sa.func.length(part)
            found = sa.and_(begin >= 0, sa.func.substr(text, begin + 1) == part)
        case "matches":
            found = Matches(text, part)
    return _known(found, columns, predicate.text, predicate.part)


def _starts_with(predicate: TextMatch, text: Sql, part: Sql) -> Sql:
    if not isinstance(predicate.part, Value):
        return sa.func.substr(text, 1, sa.func.length(part)) == part
    prefix = str(predicate.part.value)
    if predicate.text != Field("Name"):
        return _prefixed(text, prefix)
    ends = [ARCHIVE_SUFFIX[:count] for count in range(1, len(ARCHIVE_SUFFIX) + 1)]
    whole = [prefix.removesuffix(end) for end in ends if prefix.endswith(end)]
    found = _prefixed(product.c.name if _long_prefix(predicate) else Unindexed(product.c.name), prefix)
    return sa.or_(found, product.c.name.in_(whole)) if whole else found


def _prefixed(text: Sql, prefix: str) -> Sql:
    """A range in the order of code points, which is that of both databases: one of an index."""
    after = _successor(prefix)
    if after is None:
        return sa.func.substr(text, 1, len(prefix)) == sa.literal(prefix, sa.Text())
    return sa.and_(text >= sa.literal(prefix, sa.Text()), text < sa.literal(after, sa.Text()))


def _successor(prefix: str) -> str | None:
    """The first text after all those with the prefix in the order of code points; None when there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)


def _any_attribute(kind: Kind | None, condition: Predicate, columns: Columns) -> Sql:
    names, rest = _named(condition)
    if names:
        return sa.or_(*(_attribute_is(name, kind, rest, columns) for name in sorted(names)))
    pairs = sa.func.json_each(product.c.attributes).table_valued("key", sa.column("value", sa.JSON)).alias("att")
    looked_at = evolve(columns, attribute=LookedAt(pairs.c.key, pairs.c.value[0].as_string(), pairs.c.value[1]))
    inner = sa.select(sa.literal(1)).select_from(pairs).where(_where(condition, looked_at))
    if kind is not None:
        inner = inner.where(pairs.c.value[0].as_string() == kind.value)
    return inner.correlate(product).exists()


def _named(condition: Predicate) -> tuple[set[str], Predicate]:
    """The names of which the attribute must have one, and what else must hold for it; no names where many may fit."""
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    for place, part in enumerate(parts):
        match part:
            case Comparison(Operator.EQ, AttributeName(), Value(str(name))):
                names = {name}
            case Membership(AttributeName(), options):
                names = {str(option.value) for option in options}
            case _:
                continue
        rest = Every((*parts[:place], *parts[place + 1 :]))
        if all(map(_PLAIN_NAME.fullmatch, names)) and not any(map(_asks_for_the_name, terms(rest))):
            return {_SAME.get(name, name) for name in names}, rest
    return set(), condition


def _asks_for_the_name(part: Predicate) -> bool:
    match part:
        case Comparison(_, left, right) | TextMatch(_, left, right):
            return AttributeName() in {*_inner(left), *_inner(right)}
        case Membership(item, _):
            return AttributeName() in set(_inner(item))
        case _:
            return False


def _attribute_is(name: str, kind: Kind | None, rest: Predicate, columns: Columns) -> Sql:
    """Whether the product has an attribute of a name, and all else holds for it: read where it lies, not looked for."""
    if name in STORED:
        own, column = STORED[name]
        attribute = LookedAt(sa.literal(name), sa.literal(own.value), column, own)
        has: Sql = column.is_not(None) if kind in {None, own} else sa.false()
    else:
        path = product.c.attributes
        attribute = LookedAt(sa.literal(name), path[name, 0].as_string(), path[name, 1])
        has = attribute.kind.is_not(None) if kind is None else attribute.kind.is_not_distinct_from(kind.value)
    return sa.and_(has, _where(rest, evolve(columns, attribute=attribute)))
