"""Acquisition plans as tables: CSV, and the TOML that `s1pdgs simulate --plan` takes.

    datatake,mode,start,stop,swath,polarisation,orbit
    053C1A,IW,2026-01-05T06:00:00Z,2026-01-05T06:01:08Z,,DV,62345

CSV needs `mode`, `start` and `stop`; lines that begin with # are remarks. Of the TOML, what is planned counts (start,
satellite, takes with start_s, duration_s, mode, polarisation, data_take_id); how it is simulated does not.
"""

import csv
import io
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from s1pdgs.formats.acquisition_plan import PlanError, PlannedDataTake, planned
from s1pdgs.formats.isp.codes import instrument_mode
from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.model.time import format_iso

COLUMNS = ("datatake", "mode", "start", "stop", "swath", "polarisation", "orbit")
_NEEDED = ("mode", "start", "stop")
_FIRST_DATA_TAKE = 0x053C1A
_USUAL_MODE, _USUAL_DURATION_S, _USUAL_POLARISATION = "IW", 30.0, "DV"
_LONGEST_S = 86_400.0
_FIRST_YEAR, _LAST_YEAR = 2014, 2100


def csv_takes(data: bytes, source: str) -> Iterator[PlannedDataTake]:
    """The data takes of a CSV. Raises `PlanError` naming `source`, line and column."""
    lines = [(number, line) for number, line in enumerate(_text(data, source).splitlines(), 1) if _counts(line)]
    if not lines:
        raise PlanError(f"{source}: it has no header line; the columns are {','.join(COLUMNS)}")
    header = [name.strip().lower() for name in next(csv.reader([lines[0][1]]))]
    unknown = sorted(set(header) - set(COLUMNS))
    if unknown:
        raise PlanError(f"{source}, line {lines[0][0]}: unknown column {unknown[0]!r}; known are {', '.join(COLUMNS)}")
    lacking = [name for name in _NEEDED if name not in header]
    if lacking:
        raise PlanError(f"{source}, line {lines[0][0]}: column {lacking[0]} is missing")
    for number, line in lines[1:]:
        where = f"{source}, line {number}"
        try:
            (values,) = csv.reader(io.StringIO(line), strict=True)
        except (csv.Error, ValueError):
            raise PlanError(f"{where}: not one line of comma-separated values") from None
        if len(values) != len(header):
            raise PlanError(f"{where}: {len(values)} values for {len(header)} columns")
        yield planned(dict(zip(header, values, strict=True)), where)


def toml_takes(data: bytes, source: str, satellite: str) -> Iterator[PlannedDataTake]:
    """The data takes of a simulator's plan of a satellite. Raises `PlanError` naming `source`, table and field."""
    try:
        plan = tomllib.loads(_text(data, source))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlanError(f"{source}: not TOML: {error}") from None
    if plan.get("satellite", "S1A") != satellite:
        raise PlanError(f"{source}: satellite is {plan.get('satellite', 'S1A')!r}; the plan's name says {satellite}")
    start = plan.get("start")
    if not isinstance(start, datetime):
        raise PlanError(f"{source}: start is missing; give a date and time such as 2026-01-05T06:00:00Z")
    if not _FIRST_YEAR <= start.year <= _LAST_YEAR:
        raise PlanError(f"{source}: start {start.isoformat()} is no time of the mission")
    start = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    takes = plan.get("takes")
    if not isinstance(takes, list) or not all(isinstance(take, dict) for take in takes):
        raise PlanError(f"{source}: takes: must be a list of tables, [[takes]]")
    first = plan.get("first_data_take_id", _FIRST_DATA_TAKE)
    for number, take in enumerate(takes, 1):
        counted = take.get("data_take_id", first + number - 1 if _is_whole(first) else first)
        yield _take(take, start, counted, f"{source}, takes[{number}]")


def _take(take: dict[str, Any], start: datetime, identifier: Any, where: str) -> PlannedDataTake:
    if take.get("echoes", "noise") != "noise":
        raise PlanError(f"{where}: echoes of a scene are sent when it passes its place; a plan needs its time")
    if not _is_whole(identifier):
        raise PlanError(f"{where}: data_take_id {str(identifier)[:40]!r} is not a whole number")
    begin = start + timedelta(seconds=_seconds(take, "start_s", 0.0, where))
    end = begin + timedelta(seconds=_seconds(take, "duration_s", _USUAL_DURATION_S, where))
    fields = {
        "datatake": f"{identifier:X}",
        "mode": _mode(str(take.get("mode", _USUAL_MODE)), where),
        "polarisation": str(take.get("polarisation", _USUAL_POLARISATION)),
        "start": format_iso(begin),
        "stop": format_iso(end),
    }
    return planned(fields, where)


def _mode(text: str, where: str) -> str:
    """The name of a mode that is given by name or ECC number."""
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        return text
    try:
        return instrument_mode(int(text))
    except PacketError as error:
        raise PlanError(f"{where}: mode {text}: {error}") from None


def _seconds(take: dict[str, Any], field: str, usual: float, where: str) -> float:
    value = take.get(field, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_S:
        raise PlanError(f"{where}: {field} {str(value)[:40]!r} is not a number of seconds from 0 to {_LONGEST_S:g}")
    return float(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 24


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(f"{source}: not UTF-8 at byte {error.start}") from None


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
