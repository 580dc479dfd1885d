"""Task tables: which programs make up a processor, what they need and what they make (coprs.md section 3.1).

Real tables are read as they are: `count` attributes are often wrong and never trusted, the number of CPUs stands
anywhere in a task, units may be missing, and an input may refer to one of an earlier task.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from attrs import frozen
from lxml import etree

from s1pdgs.formats.xml import FormatError, find_all, find_optional, local_name, parse_xml

MAX_BYTES = 4 * 1024 * 1024
_DAYS_OF_DELTA = 366 * 86_400


class TaskTableError(FormatError):
    """A task table does not follow its format; the message names the file, the line and the element."""


class Origin(StrEnum):
    """Where an input comes from."""

    CATALOGUE = "DB"
    TASK = "PROC"
    LOG = "LOG"


class Destination(StrEnum):
    """Where an output goes."""

    CATALOGUE = "DB"
    TASK = "PROC"
    BOTH = "DBPROC"


@frozen
class Alternative:
    """One way to satisfy an input; the lowest `order` is preferred. Deltas widen the interval of the search."""

    order: int
    origin: Origin
    retrieval_mode: str
    t0_s: float
    t1_s: float
    file_type: str
    file_name_type: str


@frozen
class TaskInput:
    """What a task needs; `mode` is ALWAYS, SLICING, NON_SLICING, ... Alternatives are sorted by their order."""

    mode: str
    mandatory: bool
    alternatives: tuple[Alternative, ...]
    id: str | None = None

    @property
    def name(self) -> str:
        """Its identifier, or the types that satisfy it."""
        return self.id or "|".join(dict.fromkeys(entry.file_type for entry in self.alternatives))


@frozen
class TaskOutput:
    """What a task makes."""

    destination: Destination
    mandatory: bool
    type: str
    file_name_type: str


@frozen
class Task:
    """A program with its inputs (references resolved) and outputs."""

    name: str
    version: str
    program: str
    critical: bool
    cpus: int
    inputs: tuple[TaskInput, ...]
    outputs: tuple[TaskOutput, ...]


@frozen
class Pool:
    """Tasks that run side by side; pools run one after the other."""

    tasks: tuple[Task, ...]
    detached: bool = False
    killing_signal: int = 15


@frozen
class Parameter:
    """A dynamic parameter and its default."""

    name: str
    kind: str
    default: str


@frozen
class TaskTable:
    """A processor as its task table describes it; `max_time_s` None means no limit."""

    processor_name: str
    version: str
    pools: tuple[Pool, ...]
    parameters: tuple[Parameter, ...] = ()
    config_files: tuple[str, ...] = ()
    test: bool = False
    sensing_time: bool = False
    min_disk_mb: int = 0
    max_time_s: int | None = None

    @property
    def tasks(self) -> list[Task]:
        """All tasks, in the order of their pools."""
        return [task for pool in self.pools for task in pool.tasks]


def read_task_table(path: Path) -> TaskTable:
    """The task table of a file; raises `FormatError` naming the file, the line and the element."""
    if path.stat().st_size > MAX_BYTES:
        raise TaskTableError(f"{path}: larger than the {MAX_BYTES} bytes accepted of a task table")
    return parse_task_table(path.read_bytes(), str(path))


def parse_task_table(data: bytes, source: str) -> TaskTable:
    """The value of a task table's XML; raises `FormatError` naming `source`, the line and the element."""
    root = parse_xml(data, source)
    if local_name(root) != "Ipf_Task_Table":
        raise TaskTableError(f"{source}: root element is {local_name(root)}, not Ipf_Task_Table")
    reader = _Reader(source)
    table = TaskTable(
        processor_name=reader.text(root, "Processor_Name"),
        version=reader.text(root, "Version"),
        pools=tuple(_pools(root, reader)),
        parameters=tuple(_parameters(root, reader)),
        config_files=tuple(reader.text(entry, "File_Name") for entry in find_all(root, "List_of_Cfg_Files/Cfg_Files")),
        test=reader.truth(root, "Test", default=False),
        sensing_time=reader.truth(root, "Sensing_Time_flag", default=False),
        min_disk_mb=_disk_mb(root, reader),
        max_time_s=reader.whole(root, "Max_Time", default=0) or None,
    )
    if not table.tasks:
        raise TaskTableError(f"{source}: List_of_Pools holds no task")
    return table


def _disk_mb(root: etree._Element, reader: "_Reader") -> int:
    element = find_optional(root, "Min_Disk_Space")
    units = "MB" if element is None else element.get("units", "MB")
    factor = {"MB": 1, "GB": 1024}.get(units)
    if factor is None:
        raise reader.error(root, f"Min_Disk_Space is in {units!r}; MB and GB are known")
    return reader.whole(root, "Min_Disk_Space", default=0) * factor


def _parameters(root: etree._Element, reader: "_Reader") -> Iterator[Parameter]:
    for entry in find_all(root, "List_of_Dyn_ProcParam/Dyn_ProcParam"):
        kind, default = (
            reader.text(entry, "Param_Type", default="String"),
            reader.text(entry, "Param_Default", default=""),
        )
        yield Parameter(reader.text(entry, "Param_Name"), kind, default)


def _pools(root: etree._Element, reader: "_Reader") -> Iterator[Pool]:
    known: dict[str, TaskInput] = {}
    for pool in find_all(root, "List_of_Pools/Pool"):
        yield Pool(
            tasks=tuple(_task(entry, known, reader) for entry in find_all(pool, "List_of_Tasks/Task")),
            detached=reader.truth(pool, "Detached", default=False),
            killing_signal=reader.whole(pool, "Killing_Signal", default=15),
        )


def _task(element: etree._Element, known: dict[str, TaskInput], reader: "_Reader") -> Task:
    return Task(
        name=reader.text(element, "Name"),
        version=reader.text(element, "Version"),
        program=reader.text(element, "File_Name"),
        critical=reader.truth(element, "Critical", default=True),
        cpus=max(reader.whole(element, "Number_of_CPUs", default=1), 1),
        inputs=tuple(_input(entry, known, reader) for entry in find_all(element, "List_of_Inputs/Input")),
        outputs=tuple(_output(entry, reader) for entry in find_all(element, "List_of_Outputs/Output")),
    )


def _input(element: etree._Element, known: dict[str, TaskInput], reader: "_Reader") -> TaskInput:
    reference = element.get("ref")
    if reference is not None:
        if reference not in known:
            raise reader.error(element, f"Input refers to {reference!r}, which no earlier Input has as its id")
        return known[reference]
    alternatives = [_alternative(entry, reader) for entry in find_all(element, "List_of_Alternatives/Alternative")]
    if not alternatives:
        raise reader.error(element, "Input has no Alternative")
    found = TaskInput(
        mode=reader.text(element, "Mode"),
        mandatory=reader.truth(element, "Mandatory", default=True),
        alternatives=tuple(sorted(alternatives, key=lambda entry: entry.order)),
        id=element.get("id"),
    )
    if found.id is not None:
        known[found.id] = found
    return found


def _alternative(element: etree._Element, reader: "_Reader") -> Alternative:
    origin = reader.text(element, "Origin")
    if origin not in list(Origin):
        raise reader.error(element, f"Origin is {origin!r}; {', '.join(Origin)} are known")
    return Alternative(
        order=reader.whole(element, "Order", default=1),
        origin=Origin(origin),
        retrieval_mode=reader.text(element, "Retrieval_Mode", default="LatestValCover"),
        t0_s=reader.seconds(element, "T0"),
        t1_s=reader.seconds(element, "T1"),
        file_type=reader.text(element, "File_Type"),
        file_name_type=reader.text(element, "File_Name_Type", default=""),
    )


def _output(element: etree._Element, reader: "_Reader") -> TaskOutput:
    destination = reader.text(element, "Destination")
    if destination not in list(Destination):
        raise reader.error(element, f"Destination is {destination!r}; {', '.join(Destination)} are known")
    return TaskOutput(
        destination=Destination(destination),
        mandatory=reader.truth(element, "Mandatory", default=False),
        type=reader.text(element, "Type"),
        file_name_type=reader.text(element, "File_Name_Type", default=""),
    )


@frozen
class _Reader:
    """Reads the fields of elements and names file, line and element when one is wrong."""

    source: str

    def error(self, element: etree._Element, problem: str) -> TaskTableError:
        return TaskTableError(f"{self.source}, line {element.sourceline}, {local_name(element)}: {problem}")

    def text(self, element: etree._Element, name: str, default: str | None = None) -> str:
        found = find_optional(element, name)
        text = "" if found is None else (found.text or "").strip()
        if text:
            return text
        if default is None:
            raise self.error(element, f"{name} is {'missing' if found is None else 'empty'}")
        return default

    def truth(self, element: etree._Element, name: str, *, default: bool) -> bool:
        text = self.text(element, name, default="yes" if default else "no")
        value = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
        if value is None:
            raise self.error(element, f"{name} is {text!r}; Yes, No, true and false are known")
        return value

    def whole(self, element: etree._Element, name: str, default: int) -> int:
        text = self.text(element, name, default=str(default))
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise self.error(element, f"{name} is {text!r}, not a whole number of at most nine digits")
        return int(text)

    def seconds(self, element: etree._Element, name: str) -> float:
        text = self.text(element, name, default="0")
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise self.error(element, f"{name} is {text!r}, not a number of seconds") from None
        if not value.is_finite() or abs(value) > _DAYS_OF_DELTA:
            raise self.error(element, f"{name} is {text!r}, more than a year of seconds")
        return float(value)
