"""Reports as Earth Explorer files: a frozen value becomes elements named like its fields, read back by its types.

A field `first_packet` is an element `First_Packet`; a tuple `gaps` is `List_of_Gaps` with its count and elements `Gap`;
None is left out. Times are UTC with microseconds.
"""

import math
import types
import typing
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import attrs
from lxml import etree

from s1pdgs.formats.earth_explorer import EarthExplorerError, EarthExplorerHeader, child, new_document, read_block
from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.l0.report import AcquisitionReport, DataTakeReport
from s1pdgs.formats.xml import find, find_all, find_optional, local_name, serialise
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import format_compact, parse_utc

Report = TypeVar("Report", bound=attrs.AttrsInstance)
Whole = TypeVar("Whole", AcquisitionReport, DataTakeReport)


def write_report(
    folder: Path, file_type: str, report: Any, *, site: str, created: datetime, creator: str, version: str
) -> str:
    """Write a report (with `satellite`, `start` and `stop`) into `folder` as a file of that type; its name.

    `site` are the four characters of the processing station.
    """
    name = (
        f"{report.satellite}_OPER_{file_type}_{site:_<4.4}_{format_compact(created)}"
        f"_V{format_compact(report.start)}_{format_compact(report.stop)}"
    )
    header = EarthExplorerHeader(
        file_name=name,
        mission=f"SENTINEL {report.satellite[1:]}",
        file_type=file_type,
        validity=Interval(report.start, report.stop),
        system="PDGS",
        creator=creator,
        creator_version=version,
        created=created,
    )
    root, block = new_document(header)
    _append_fields(block, report)
    write_atomic(folder / f"{name}.EOF", serialise(root))
    return f"{name}.EOF"


def read_report(path: Path, file_type: str, kind: type[Whole]) -> Whole:
    """Read a report of a type back into its value; `FormatError` naming the file and the field."""
    header, block = read_block(path)
    if header.file_type != file_type:
        raise EarthExplorerError(f"{path}: its File_Type is {header.file_type}, not {file_type}")
    report = _parse_fields(block, kind, str(path))
    if report.stop < report.start:
        raise EarthExplorerError(f"{path}: Stop {report.stop.isoformat()} is before Start {report.start.isoformat()}")
    return report


def _append_fields(parent: etree._Element, value: Any) -> None:
    for field in attrs.fields(type(value)):
        part = getattr(value, field.name)
        if isinstance(part, tuple):
            listed = child(parent, f"List_of_{_title(field.name)}", count=str(len(part)))
            for item in part:
                _append(listed, _item(field.name), item)
        elif part is not None:
            _append(parent, _title(field.name), part)


def _append(parent: etree._Element, name: str, value: Any) -> None:
    element = child(parent, name)
    if attrs.has(type(value)):
        _append_fields(element, value)
    else:
        element.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("UTC=%Y-%m-%dT%H:%M:%S.%f")
    return str(value)


def _parse_fields(parent: etree._Element, kind: type[Report], where: str) -> Report:
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _parse(parent, field.name, hints[field.name], where) for field in attrs.fields(kind)})


def _parse(parent: etree._Element, field: str, hint: Any, where: str) -> Any:
    name = _title(field)
    if typing.get_origin(hint) is tuple:
        return _parse_list(find(parent, f"List_of_{name}", where), _item(field), typing.get_args(hint)[0], where)
    if isinstance(hint, types.UnionType):
        if find_optional(parent, name) is None:
            return None
        hint = next(each for each in typing.get_args(hint) if each is not types.NoneType)
    return _parse_value(find(parent, name, where), hint, f"{where}: {local_name(parent)}/{name}")


def _parse_list(listed: etree._Element, item: str, hint: Any, where: str) -> tuple[Any, ...]:
    name = local_name(listed)
    elements = list(find_all(listed, item))
    if listed.get("count") != str(len(elements)):
        raise EarthExplorerError(
            f"{where}: {name} holds {len(elements)} entries but its count attribute says {listed.get('count')!r}; "
            "the file may be truncated"
        )
    return tuple(_parse_value(element, hint, f"{where}: {name}/{item} {n}") for n, element in enumerate(elements, 1))


def _parse_value(element: etree._Element, hint: Any, where: str) -> Any:
    if attrs.has(hint):
        return _parse_fields(element, hint, where)
    text = (element.text or "").strip()
    read, expected = _READERS.get(hint, (hint, f"one of {', '.join(hint)}" if issubclass(hint, StrEnum) else "text"))
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise EarthExplorerError(f"{where} is {text[:40]!r}, not {expected}") from None


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text] if text in {"true", "false"} else _refuse(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


_READERS: dict[Any, tuple[Callable[[str], Any], str]] = {
    bool: (_boolean, "true or false"),
    int: (lambda text: int(text[:20]), "a whole number"),
    float: (_finite, "a finite number"),
    datetime: (parse_utc, "a time such as UTC=2026-03-01T05:10:00.000000"),
}


def _title(field: str) -> str:
    return "_".join(word.capitalize() for word in field.split("_"))


def _item(field: str) -> str:
    return _title(field).removesuffix("s")
