"""Simple conditions on packets: `swath=IW1,IW2`, `rank>8`, `time>=2026-01-05T22:10:57.5`."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from s1pdgs.model.time import micros, parse_utc
from s1pdgs.tools.l0.columns import Block, Column, column_named
from s1pdgs.tools.l0.errors import ToolError

_CONDITION = re.compile(r"^\s*(?P<field>\w+)\s*(?P<operator><=|>=|!=|=|<|>)\s*(?P<value>.+?)\s*$")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@frozen
class Condition:
    """A column compared with values: with any of several for `=`, with all of them for `!=`."""

    column: Column
    operator: str
    values: tuple[Any, ...]

    def holds(self, block: Block) -> NDArray[np.bool_]:
        """For which packets it holds, bool (n,)."""
        found = self.column.make(block)
        if self.column.kind == "text":
            found = np.char.lower(found)
        compare = _OPERATORS[self.operator]
        results = [np.asarray(compare(found, value)) for value in self.values]
        combine = np.logical_and if self.operator == "!=" else np.logical_or
        return np.asarray(combine.reduce(results), np.bool_)


def parse_condition(text: str) -> Condition:
    """A condition; `ToolError` naming what is wrong with it."""
    match = _CONDITION.match(text)
    if match is None:
        raise ToolError(f"{text!r} is no condition; write field=value, with one of = != < <= > >=")
    column = column_named(match["field"])
    parts = match["value"].split(",")
    if match["operator"] not in ("=", "!="):
        if len(parts) > 1:
            raise ToolError(f"{text!r}: several values go with = and != only")
        if column.kind == "text":
            raise ToolError(f"{text!r}: {column.name} is a name; compare it with = or !=")
    return Condition(column, match["operator"], tuple(_value(column, part.strip(), text) for part in parts))


def matching(block: Block, conditions: Iterable[Condition]) -> NDArray[np.bool_]:
    """The packets for which all conditions hold, bool (n,)."""
    chosen = np.ones(block.number.size, np.bool_)
    for condition in conditions:
        chosen &= condition.holds(block)
    return chosen


def _value(column: Column, text: str, condition: str) -> Any:
    try:
        if column.kind == "text":
            return text.lower()
        if column.kind == "time":
            return micros(parse_utc(text))
        return int(text, 0) if column.kind == "integer" else float(text)
    except ValueError:
        wanted = {"integer": "a whole number", "real": "a number", "time": "a time such as 2026-01-05T22:10:57.5"}
        raise ToolError(f"{condition!r}: {text!r} is not {wanted[column.kind]}") from None
