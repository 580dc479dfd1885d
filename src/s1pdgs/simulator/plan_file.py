"""Plans as TOML files: tables named and typed as the values of `simulator.plan`, unknown keys refused.

    satellite = "S1A"
    start = 2026-01-05T06:00:00Z

    [[takes]]
    name = "iw"
    mode = "IW"
    duration_s = 60
    faults = [{ kind = "lost", at = 5000, count = 12 }]

    [[downlinks]]
    station = "MPS"
    parts = [{ take = "iw", begin = 0.0, end = 0.6 }]

A downlink table holds the fields of `DownlinkPlan` and of `scenario.Downlink` side by side; its `link` those of
`LinkParameters`. `telemetry = false` sends none. `revisit` and `mispointing` are tables.
"""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import attrs

from s1pdgs.formats.isp.errors import PacketError
from s1pdgs.formats.link.parameters import LinkParameters
from s1pdgs.sar.attitude import Mispointing
from s1pdgs.simulator.errors import SimulatorError
from s1pdgs.simulator.instrument_faults import Fault
from s1pdgs.simulator.plan import DownlinkPlan, Part, Plan, TakePlan, TelemetryPlan
from s1pdgs.simulator.revisit import Revisit
from s1pdgs.simulator.scenario import Downlink

_Value = TypeVar("_Value")
_PLAIN = (bool, int, float, str)


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises `SimulatorError` naming the file, the table and the field; `OSError` when unreadable."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SimulatorError(f"{path}: not TOML: {error}") from None
    try:
        return _plan(document)
    except SimulatorError as error:
        raise SimulatorError(f"{path}: {error}") from None


def _plan(document: dict[str, Any]) -> Plan:
    values = dict(document)
    if "takes" in values:
        values["takes"] = tuple(_take(table, f"takes[{k}]") for k, table in _tables(values, "takes"))
    if "downlinks" in values:
        values["downlinks"] = tuple(_downlink(table, f"downlinks[{k}]") for k, table in _tables(values, "downlinks"))
    telemetry = values.get("telemetry", True)
    if isinstance(telemetry, bool):
        values["telemetry"] = TelemetryPlan() if telemetry else None
    else:
        values["telemetry"] = _build(TelemetryPlan, telemetry, "telemetry")
    if "mispointing" in values:
        values["mispointing"] = _build(Mispointing, values["mispointing"], "mispointing")
    if "revisit" in values:
        values["revisit"] = _build(Revisit, values["revisit"], "revisit")
    if "start" in values:
        start = values["start"]
        if not isinstance(start, datetime):
            raise SimulatorError("start: give a date and time such as 2026-01-05T06:00:00Z")
        values["start"] = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    return _build(Plan, values, "")


def _take(table: dict[str, Any], where: str) -> TakePlan:
    values = dict(table)
    if "faults" in values:
        values["faults"] = tuple(_build(Fault, each, f"{where}.faults[{k}]") for k, each in _tables(values, "faults"))
    if isinstance(values.get("mode"), int):
        values["mode"] = str(values["mode"])
    return _build(TakePlan, values, where)


def _downlink(table: dict[str, Any], where: str) -> DownlinkPlan:
    values = dict(table)
    if "parts" in values:
        values["parts"] = tuple(_build(Part, each, f"{where}.parts[{k}]") for k, each in _tables(values, "parts"))
    own = {name: values.pop(name) for name in ("parts", "telemetry") if name in values}
    if "link" in values:
        values["link"] = _build(LinkParameters, values["link"], f"{where}.link")
    return _build(DownlinkPlan, own | {"link": _build(Downlink, values, where)}, where)


def _tables(values: dict[str, Any], name: str) -> list[tuple[int, dict[str, Any]]]:
    tables = values[name]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SimulatorError(f"{name}: must be a list of tables")
    return list(enumerate(tables, 1))


def _build(cls: type[_Value], values: Any, where: str) -> _Value:
    """A value of its fields; every refusal names the table and the field."""
    prefix = f"{where}: " if where else ""
    if not isinstance(values, dict):
        raise SimulatorError(f"{prefix}must be a table")
    fields = {each.name: each for each in attrs.fields(attrs.resolve_types(cls))}  # type: ignore[type-var, arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise SimulatorError(f"{prefix}unknown {', '.join(unknown)}; known are {', '.join(fields)}")
    for name, value in values.items():
        _check_type(f"{prefix}{name}", fields[name].type, value)
    try:
        return cls(**values)
    except (ValueError, TypeError, PacketError) as error:
        reason = error.args[0] if error.args else error
        raise SimulatorError(f"{prefix}{reason}") from None


def _check_type(name: str, wanted: Any, value: Any) -> None:
    """Refuse a plain value of another type than the field's; a whole number is good for a float."""
    allowed = [each for each in (wanted, *get_args(wanted)) if each in _PLAIN]
    if not allowed or not isinstance(value, _PLAIN):
        return
    if type(value) not in allowed and not (type(value) is int and float in allowed):
        raise SimulatorError(f"{name}: {value!r} is not of type {' or '.join(each.__name__ for each in allowed)}")
