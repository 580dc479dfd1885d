"""Predicates over entities that are here already, as JSON; every comparison is two-valued, as in the database."""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from s1pdgs.model.time import parse_utc
from s1pdgs.publication.odata.pattern import matches
from s1pdgs.publication.predicate import (
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
    TextMatch,
    Value,
)

Entry = Mapping[str, Any]
_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
}
_MATCH: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "matches": lambda text, pattern: bool(matches(text, pattern)),
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": lambda text: text.strip(" "),
    "length": len,
    "indexof": str.find,
    "concat": operator.add,
    "substring": lambda text, start, length=None: text[start : None if length is None else start + length],
    "date": lambda time: time.replace(hour=0, minute=0, second=0, microsecond=0),
    **{part: operator.attrgetter(part) for part in ("year", "month", "day", "hour", "minute", "second")},
}


def holds(predicate: Predicate, entry: Entry) -> bool:  # noqa: PLR0911  one for each kind
    """Whether a predicate holds for an entity. Areas and attributes of attributes are not asked for here."""
    match predicate:
        case Constant(truth):
            return truth
        case Every(parts):
            return all(holds(part, entry) for part in parts)
        case Either(parts):
            return any(holds(part, entry) for part in parts)
        case Negation(part):
            return not holds(part, entry)
        case Comparison(how, left, right):
            return _compared(how, value_of(left, entry), value_of(right, entry))
        case Membership(item, options):
            return value_of(item, entry) in [option.value for option in options]
        case TextMatch(how, text, part):
            found = value_of(text, entry), value_of(part, entry)
            return None not in found and _MATCH[how](*found)
        case _:
            raise TypeError(f"{type(predicate).__name__} is not asked of what is expanded")


def _compared(how: Operator, left: Any, right: Any) -> bool:
    if left is None or right is None:
        return (how is Operator.EQ and left is right) or (how is Operator.NE and left is not right)
    return _COMPARE[how](left, right)


def value_of(expression: Expression, entry: Entry) -> Any:
    """The value of an expression, None where there is none."""
    match expression:
        case Value(value):
            return value
        case Field(name):
            return _typed(_at(name, entry), expression.kind)
        case AttributeName():
            return entry.get("Name")
        case AttributeValue(kind):
            return _typed(entry.get("Value"), kind) if entry.get("ValueType") == kind else None
        case Function(name, arguments):
            values = [value_of(argument, entry) for argument in arguments]
            return None if None in values else _FUNCTIONS[name](*values)
        case Arithmetic():
            return _calculated(expression, entry)


def _at(path: str, entry: Any) -> Any:
    for step in path.split("/"):
        entry = entry.get(step) if isinstance(entry, Mapping) else None
    return entry


def _typed(value: Any, kind: Kind) -> Any:
    return parse_utc(value) if kind is Kind.TIME and isinstance(value, str) else value


def _calculated(expression: Arithmetic, entry: Entry) -> float | None:
    left, right = value_of(expression.left, entry), value_of(expression.right, entry)
    if left is None or right is None or (expression.operator in {"div", "mod"} and right == 0):
        return None
    match expression.operator:
        case "add":
            return left + right  # type: ignore[no-any-return]
        case "sub":
            return left - right  # type: ignore[no-any-return]
        case "mul":
            return left * right  # type: ignore[no-any-return]
        case "div":
            whole = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
            return whole if expression.kind is Kind.INTEGER else left / right  # type: ignore[no-any-return]
        case "mod":
            return abs(left) % abs(right) * (-1 if left < 0 else 1)  # type: ignore[no-any-return]  # as SQL has it


def rank(value: Any) -> tuple[bool, Any]:
    """By what values are sorted: nulls come first."""
    return (value is not None, value.timestamp() if isinstance(value, datetime) else value)
