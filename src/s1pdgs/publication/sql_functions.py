"""The functions of filters in SQL."""

import operator as operators
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from s1pdgs.publication.dialects import (
    BROKEN,
    WHOLE,
    Calculated,
    Day,
    Difference,
    Month,
    Multiple,
    Position,
    Quotient,
    Remainder,
    Substring,
    Sum,
    Year,
)
from s1pdgs.storage.database import Micros

Sql = sa.ColumnElement[Any]


def _substring(text: Sql, start: Sql, *length: Sql) -> Sql:
    return Substring(text, start + 1, *length)


def _seconds(time: Sql) -> Sql:
    """Whole seconds since 1970, before it too: SQL's division rounds towards zero."""
    return (sa.cast(time, sa.BigInteger) + _FIRST_S * 1_000_000) // 1_000_000 - _FIRST_S


def _counted(length_s: int, cycle: int) -> Callable[[Sql], Sql]:
    """Which of `cycle` parts of some length a time lies in."""
    return lambda time: ((_seconds(time) + _FIRST_S) // length_s) % cycle


def _midnight(time: Sql) -> Sql:
    days = (_seconds(time) + _FIRST_S) // 86_400
    return sa.type_coerce((days * 86_400 - _FIRST_S) * 1_000_000, Micros)


_FIRST_S = 62_135_596_800  # from the year 1 to 1970
SQL_FUNCTIONS: dict[str, Callable[..., Sql]] = {
    "tolower": lambda text: sa.func.lower(text, type_=sa.Text()),
    "toupper": lambda text: sa.func.upper(text, type_=sa.Text()),
    "trim": lambda text: sa.func.trim(text, type_=sa.Text()),
    "length": lambda text: sa.func.length(text, type_=sa.Integer()),
    "indexof": lambda text, part: Position(text, part) - 1,
    "concat": operators.add,
    "substring": _substring,
    "year": lambda time: Year(_seconds(time)),
    "month": lambda time: Month(_seconds(time)),
    "day": lambda time: Day(_seconds(time)),
    "hour": _counted(3600, 24),
    "minute": _counted(60, 60),
    "second": _counted(1, 60),
    "date": _midnight,
}
_CALCULATIONS: dict[str, type[Calculated]] = {
    "add": Sum,
    "sub": Difference,
    "mul": Multiple,
    "div": Quotient,
    "mod": Remainder,
}


def calculated(operator: str, left: Sql, right: Sql, *, whole: bool) -> Sql:
    """What arithmetic makes of two numbers."""
    found: Sql = _CALCULATIONS[operator](left, right, WHOLE if whole else BROKEN)
    return found
