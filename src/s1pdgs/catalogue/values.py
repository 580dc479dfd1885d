"""Frozen values as JSON and back, by the types of their fields."""

import types
import typing
from datetime import datetime
from typing import Any, TypeVar

import attrs

from s1pdgs.model.time import format_iso, parse_utc

Value = TypeVar("Value")


def to_json(value: Any) -> Any:
    """A frozen value of texts, numbers, times (UTC, to the microsecond), tuples and other such values."""
    if attrs.has(type(value)):
        return {field.name: to_json(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return format_iso(value) if isinstance(value, datetime) else value


def from_json(kind: type[Value], stored: Any) -> Value:
    """The inverse of `to_json`; KeyError, TypeError or ValueError for anything else."""
    value: Value = _read(kind, stored)
    return value


def _read(hint: Any, stored: Any) -> Any:
    if isinstance(hint, types.UnionType):
        if stored is None:
            return None
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return tuple(_read(typing.get_args(hint)[0], item) for item in stored)
    if attrs.has(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{field.name: _read(hints[field.name], stored[field.name]) for field in attrs.fields(hint)})
    return parse_utc(stored) if hint is datetime else hint(stored)
