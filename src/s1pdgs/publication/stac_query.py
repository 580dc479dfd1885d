"""The `query` of a search as CQL2-JSON (STAC API 1.0.0, query extension): eodag and older clients ask by it.

They write numbers as texts.
"""

from contextlib import suppress
from typing import Any

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import KINDS, Kind
from s1pdgs.publication.stac_filter import QUERYABLES
from s1pdgs.publication.stac_lists import LISTS

_COMPARISONS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_PATTERNS = {"startsWith": "{}%", "endsWith": "%{}", "contains": "%{}%"}
_OF_LISTS = {"eq": "a_equals", "in": "a_overlaps", "contains": "a_contains"}
_OPERATORS = (*_COMPARISONS, *_PATTERNS, "in")


def to_cql2(query: Any) -> Any:
    """The CQL2-JSON of a `query`, `{property: {operator: value}}`, whose conditions all hold; raises `QueryError`."""
    if not isinstance(query, dict):
        raise QueryError('query is an object, as {"platform": {"eq": "sentinel-1a"}}')
    conditions = [_condition(name, *one) for name, asked in query.items() for one in _pairs(name, asked)]
    return {"op": "and", "args": conditions} if conditions else True


def _pairs(name: str, asked: Any) -> list[tuple[str, Any]]:
    if not isinstance(asked, dict) or not asked:
        raise QueryError(f"query: {name[:60]} is to be an object of operators; known are {', '.join(_OPERATORS)}")
    return list(asked.items())


def _condition(name: str, operation: str, value: Any) -> dict[str, Any]:
    item = {"property": name}
    if name.removeprefix("properties.") in LISTS and operation in _OF_LISTS:
        return {"op": _OF_LISTS[operation], "args": [item, value if isinstance(value, list) else [value]]}
    if operation in _COMPARISONS:
        return {"op": _COMPARISONS[operation], "args": [item, _number(name, value)]}
    if operation == "in":
        return {"op": "in", "args": [item, value]}
    if operation not in _PATTERNS:
        raise QueryError(f"query: there is no operator {operation[:60]!r}; known are {', '.join(_OPERATORS)}")
    if not isinstance(value, str):
        raise QueryError(f"query: {operation} of {name[:60]} takes a text")
    literally = "".join(f"\\{character}" if character in "%_\\" else character for character in value)
    return {"op": "like", "args": [item, _PATTERNS[operation].format(literally)]}


def _number(name: str, value: Any) -> Any:
    """The number that a text is, where the property is one."""
    field = QUERYABLES.get(name.removeprefix("properties."))
    if isinstance(value, str) and field is not None and KINDS[field] is Kind.INTEGER:
        with suppress(ValueError):
            return int(value[:40])
    return value
