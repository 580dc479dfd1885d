"""Pages that begin behind the last row of the page before: the same cost however deep they lie."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import checked_integer, checked_text

Sql = sa.ColumnElement[Any]


def beyond(keys: Sequence[Sql], descending: Sequence[bool], values: Sequence[Any]) -> Sql:
    """Rows after those of some values; the bound on the first key alone lets its index begin there."""
    bound = [sa.literal(value, key.type) for key, value in zip(keys, values, strict=True)]
    steps = [key < value if down else key > value for key, value, down in zip(keys, bound, descending, strict=True)]
    equal = [key == value for key, value in zip(keys, bound, strict=True)]
    first = keys[0] <= bound[0] if descending[0] else keys[0] >= bound[0]
    return sa.and_(first, sa.or_(*(sa.and_(*equal[:index], step) for index, step in enumerate(steps))))


def write_token(values: Sequence[Any]) -> str:
    """The token of the page that follows a row: the values of its keys."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str, types: Sequence[type]) -> list[Any]:
    """The values of a token; `QueryError` for one that cannot have been written for keys of these types."""
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if [type(value) for value in values] == list(types):
            return [_stored(value) for value in values]
    except (ValueError, TypeError, binascii.Error, RecursionError):
        pass
    raise QueryError("the token of the next page is not one that this service gave for this order")


def _stored(value: Any) -> Any:
    """A value that a database can hold."""
    match value:
        case str():
            return checked_text(value)
        case int():
            return checked_integer(value)
        case _:
            return value
