"""What is wrong with a task table, or odd: everything that the reader lets pass, with line and element."""

import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.catalogue.selection import POLICIES
from s1pdgs.formats.tasktable import Origin, TaskTable, parse_task_table
from s1pdgs.formats.xml import FormatError, find_all, find_optional, local_name, parse_xml
from s1pdgs.jobs.containers import trouble_of

MODES = ("ALWAYS", "SLICING", "NON_SLICING", "NRT", "NTC", "STC", "BLANK")
FILE_NAME_TYPES = ("Physical", "Directory", "Regexp", "Stem", "")
_SIGNALS = range(1, 65)


class Severity(StrEnum):
    """`ERROR`: orders of this table cannot work; `WARNING`: probably not as meant; `NOTE`: harmless."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@frozen(order=True)
class Finding:
    """Something to tell of one line; line 0 is the table as a whole."""

    line: int
    severity: Severity
    element: str
    text: str


@frozen
class Container:
    """The image in which programs shall run, and the command of the engine; none takes one of the PATH."""

    image: str
    command: tuple[str, ...] = ()


def check_task_table(
    data: bytes, source: str, *, programs: bool = False, container: Container | None = None
) -> tuple[TaskTable | None, list[Finding]]:
    """The table, None when it cannot be read, and all findings by line; `programs` looks for its programs here,
    `container` for the engine and the image in which they shall run.
    """
    try:
        table = parse_task_table(data, source)
    except FormatError as error:
        return None, [Finding(0, Severity.ERROR, "Ipf_Task_Table", str(error))]
    root = parse_xml(data, source)
    found = [*_counts(root), *_ids(root), *_inputs(root), *_outputs(root), *_intermediates(root), *_parameters(root)]
    if programs:
        found += _programs(root)
    trouble = None if container is None else trouble_of(container.command, container.image)
    if trouble is not None:
        found.append(Finding(0, Severity.WARNING, "Ipf_Task_Table", trouble))
    return table, sorted(found)


def _finding(element: etree._Element, severity: Severity, text: str) -> Finding:
    return Finding(element.sourceline or 0, severity, local_name(element), text)


def _text(element: etree._Element, name: str) -> str:
    found = find_optional(element, name)
    return "" if found is None else (found.text or "").strip()


def _counts(root: etree._Element) -> Iterator[Finding]:
    for element in root.iter(etree.Element):
        told, children = element.get("count"), len(element)
        if told is not None and told != str(children):
            yield _finding(element, Severity.NOTE, f"count is {told}, but there are {children}; it is not trusted")


def _ids(root: etree._Element) -> Iterator[Finding]:
    seen: dict[str, int | None] = {}
    for element in _all(root, "Input"):
        name = element.get("id")
        if name in seen:
            text = f"id {name!r} was given in line {seen[name]} already; later references mean this one"
            yield _finding(element, Severity.WARNING, text)
        if name is not None:
            seen[name] = element.sourceline


def _inputs(root: etree._Element) -> Iterator[Finding]:
    for element in _all(root, "Input"):
        mode = _text(element, "Mode")
        if mode and mode not in MODES:
            yield _finding(element, Severity.WARNING, f"Mode {mode!r} is unknown, so this input is never asked for")
        alternatives = list(find_all(element, "List_of_Alternatives/Alternative"))
        orders = [_text(entry, "Order") for entry in alternatives]
        for order in sorted({order for order in orders if orders.count(order) > 1}):
            yield _finding(element, Severity.WARNING, f"Order {order} is given to several alternatives; the first wins")
        for entry in alternatives:
            yield from _alternative(entry)


def _alternative(element: etree._Element) -> Iterator[Finding]:
    policy, kind = _text(element, "Retrieval_Mode"), _text(element, "File_Name_Type")
    if policy and policy not in POLICIES and _text(element, "Origin") == Origin.CATALOGUE:
        known = ", ".join(sorted(POLICIES))
        yield _finding(element, Severity.ERROR, f"Retrieval_Mode {policy!r} is unknown; known are {known}")
    if kind not in FILE_NAME_TYPES:
        yield _finding(element, Severity.WARNING, f"File_Name_Type {kind!r} is unknown")
    for name in ("T0", "T1"):
        if _text(element, name).startswith("-"):
            yield _finding(element, Severity.NOTE, f"{name} is negative: it narrows the interval of the search")


def _outputs(root: etree._Element) -> Iterator[Finding]:
    for element in _all(root, "Output"):
        kind = _text(element, "File_Name_Type")
        if kind not in FILE_NAME_TYPES:
            yield _finding(element, Severity.WARNING, f"File_Name_Type {kind!r} is unknown")
    for pool in _all(root, "Pool"):
        signal = _text(pool, "Killing_Signal")
        if signal and int(signal) not in _SIGNALS:
            yield _finding(pool, Severity.WARNING, f"Killing_Signal {signal} is no signal; SIGTERM (15) is usual")


def _intermediates(root: etree._Element) -> Iterator[Finding]:
    """Inputs of origin PROC that no task of this or an earlier pool makes."""
    made: set[str] = set()
    for pool in _all(root, "Pool"):
        made |= {
            _text(output, "Type")
            for output in _all(pool, "Output")
            if _text(output, "Destination") in {"PROC", "DBPROC"}
        }
        for entry in _all(pool, "Alternative"):
            kind = _text(entry, "File_Type")
            if _text(entry, "Origin") == Origin.TASK and kind not in made:
                yield _finding(entry, Severity.WARNING, f"no task up to this pool makes {kind} for others (PROC)")


def _parameters(root: etree._Element) -> Iterator[Finding]:
    seen: set[str] = set()
    for element in _all(root, "Dyn_ProcParam"):
        name = _text(element, "Param_Name")
        if name in seen:
            yield _finding(element, Severity.WARNING, f"parameter {name} is given twice")
        seen.add(name)


def _programs(root: etree._Element) -> Iterator[Finding]:
    for task in _all(root, "Task"):
        program = _text(task, "File_Name")
        if program and shutil.which(program) is None and not Path(program).is_file():
            yield _finding(task, Severity.WARNING, f"program {program} is not on this host")


def _all(root: etree._Element, name: str) -> list[etree._Element]:
    return [element for element in root.iter(etree.Element) if local_name(element) == name]
