"""Properties of items that are lists, and what CQL2 asks of them (OGC 21-065r2, array functions): as of sets."""

from typing import Any

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import (
    Comparison,
    Either,
    Every,
    Field,
    Negation,
    Operator,
    Predicate,
    TextMatch,
    Value,
)

CHANNELS = ("HH", "HV", "VH", "VV")
LISTS = {"sar:polarizations": Field("polarisations")}
"""The text of each, which holds the members of the list; its members are `CHANNELS`."""
_TURNED = {"a_contains": "a_containedBy", "a_containedBy": "a_contains"}
OPERATORS = (*_TURNED, "a_equals", "a_overlaps")


def list_of(item: Any) -> Field | None:
    """The property that an argument names, when it is a list."""
    match item:
        case {"property": str(name)}:
            return LISTS.get(name.removeprefix("properties."))
    return None


def compared_lists(operation: str, left: Any, right: Any, *, truth: bool) -> Predicate:
    """The predicate that a property lies to a list as asked, or where `truth` is False that it does not."""
    if list_of(left) is None:
        operation, left, right = _TURNED.get(operation, operation), right, left
    item = list_of(left)
    if item is None or not isinstance(right, list) or not all(isinstance(one, str) for one in right):
        raise QueryError(f"filter: {operation} compares a list of texts with one of {', '.join(LISTS)}")
    asked = set(right)
    all_of = Every(tuple(_has(item, one) for one in sorted(asked)))
    none_else = Every(tuple(Negation(_has(item, one)) for one in CHANNELS if one not in asked))
    forms: dict[str, Predicate] = {
        "a_contains": all_of,
        "a_containedBy": none_else,
        "a_equals": Every((all_of, none_else)),
        "a_overlaps": Either(tuple(_has(item, one) for one in sorted(asked))),
    }
    found = forms[operation]
    return Every((found if truth else Negation(found), Comparison(Operator.NE, item, Value(None))))


def _has(item: Field, member: str) -> Predicate:
    known = member in CHANNELS
    return TextMatch("contains", item, Value(member)) if known else Either(())
