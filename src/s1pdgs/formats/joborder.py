"""Job orders: what a processor is told to do, as a value and as XML (coprs.md section 3.2).

Two flavours of the parameter list exist: the Level-0 and SPP processors read `Dynamic_Processing_Parameters`, the
Level-1 and Level-2 processors `List_of_Dynamic_Processing_Parameters`; the SPP OBS processor also wants its own
spelling of the break point. A value remembers its flavour, so that reading and writing are inverse.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from attrs import evolve, frozen
from lxml import etree

from s1pdgs.formats.files import write_atomic
from s1pdgs.formats.xml import (
    FormatError,
    find,
    find_all,
    find_optional,
    local_name,
    parse_xml,
    read_xml,
    serialise,
    text_of,
)
from s1pdgs.model.interval import Interval

WORKDIR = "$(workdir)"
"""Stands for the working directory in parameter values of an order that is not yet bound to one."""

_TIME = "%Y%m%d_%H%M%S%f"


class JobOrderError(FormatError):
    """A job order does not follow its format; the message names the file and the element."""


class ParameterStyle(StrEnum):
    """How dynamic parameters are written."""

    LISTED = "listed"
    """Level-1 and Level-2: `List_of_Dynamic_Processing_Parameters/Dynamic_Processing_Parameter`."""
    PLAIN = "plain"
    """Level-0 and SPP: `Dynamic_Processing_Parameters/Processing_Parameter` and an empty list that counts them."""


class BreakpointStyle(StrEnum):
    """How the unused break point is written."""

    STANDARD = "Breakpoint"
    SPP = "BreakPoint"


@frozen
class FileInterval:
    """The time that one input file serves."""

    interval: Interval
    file_name: str


@frozen
class OrderInput:
    """Files of one type for a task; a file made by an earlier task is named by a regular expression."""

    file_type: str
    file_name_type: str
    file_names: tuple[str, ...]
    intervals: tuple[FileInterval, ...] = ()


@frozen
class OrderOutput:
    """A type that a task makes; `file_name` is a folder, or a folder and a regular expression."""

    file_type: str
    file_name_type: str
    file_name: str
    mandatory: bool


@frozen
class OrderTask:
    """One `Ipf_Proc`: a task with its inputs and outputs."""

    name: str
    version: str
    inputs: tuple[OrderInput, ...] = ()
    outputs: tuple[OrderOutput, ...] = ()


@frozen
class JobOrder:
    """A job order. `parameters` keep their order; file names are absolute once `within` a working directory."""

    processor_name: str
    version: str
    tasks: tuple[OrderTask, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    sensing: Interval | None = None
    config_files: tuple[str, ...] = ()
    processing_station: str = "____"
    stdout_log_level: str = "INFO"
    stderr_log_level: str = "INFO"
    test: bool = False
    breakpoint_enable: bool = False
    parameter_style: ParameterStyle = ParameterStyle.LISTED
    breakpoint_style: BreakpointStyle = BreakpointStyle.STANDARD

    def parameter(self, name: str, default: str | None = None) -> str:
        """The value of a dynamic parameter; `JobOrderError` when it is absent and has no default."""
        for key, value in self.parameters:
            if key == name:
                return value
        if default is None:
            raise JobOrderError(f"job order of {self.processor_name}: dynamic parameter {name} is missing")
        return default

    def files(self, *file_types: str) -> list[str]:
        """Input files of any of these types over all tasks, in order, each once."""
        wanted = (entry for task in self.tasks for entry in task.inputs if entry.file_type in file_types)
        return list(dict.fromkeys(name for entry in wanted for name in entry.file_names))

    def file(self, *file_types: str) -> str:
        """The first input file of these types; `JobOrderError` naming them when there is none."""
        found = self.files(*file_types)
        if not found:
            kinds = " or ".join(file_types)
            raise JobOrderError(f"job order of {self.processor_name}: no input of type {kinds}")
        return found[0]

    def output_types(self) -> list[str]:
        """Types that the tasks may make, in order, each once."""
        return list(dict.fromkeys(entry.file_type for task in self.tasks for entry in task.outputs))

    def within(self, folder: str) -> Self:
        """The same order with relative file names placed below a working directory."""
        return evolve(
            self,
            tasks=tuple(_task_within(task, folder) for task in self.tasks),
            parameters=tuple((name, value.replace(WORKDIR, folder)) for name, value in self.parameters),
        )


def _task_within(task: OrderTask, folder: str) -> OrderTask:
    def place(name: str) -> str:
        if name.startswith("/"):
            return name
        return f"{folder}/{name}" if name else folder

    inputs = tuple(
        evolve(
            entry,
            file_names=tuple(place(name) for name in entry.file_names),
            intervals=tuple(evolve(span, file_name=place(span.file_name)) for span in entry.intervals),
        )
        for entry in task.inputs
    )
    outputs = tuple(evolve(entry, file_name=place(entry.file_name)) for entry in task.outputs)
    return evolve(task, inputs=inputs, outputs=outputs)


def read_job_order(path: Path) -> JobOrder:
    """The job order of a file; raises `FormatError` naming the file and the element."""
    return _order_of(read_xml(path), str(path))


def write_job_order(path: Path, order: JobOrder) -> None:
    """Write a job order, atomically."""
    write_atomic(path, format_job_order(order))


def format_job_order(order: JobOrder) -> bytes:
    """The XML of a job order in its flavour."""
    root = etree.Element("Ipf_Job_Order")
    _add_configuration(root, order)
    tasks = _add_list(root, "List_of_Ipf_Procs", len(order.tasks))
    for task in order.tasks:
        _add_task(tasks, task, order.breakpoint_style)
    return serialise(root)


def _add_configuration(root: etree._Element, order: JobOrder) -> None:
    conf = etree.SubElement(root, "Ipf_Conf")
    _add(conf, "Processor_Name", order.processor_name)
    _add(conf, "Version", order.version)
    _add(conf, "Stdout_Log_Level", order.stdout_log_level)
    _add(conf, "Stderr_Log_Level", order.stderr_log_level)
    _add(conf, "Test", _boolean(order.test))
    _add(conf, "Breakpoint_Enable", _boolean(order.breakpoint_enable))
    _add(conf, "Processing_Station", order.processing_station)
    if order.sensing is not None:
        _add_interval(etree.SubElement(conf, "Sensing_Time"), order.sensing)
    config = etree.SubElement(conf, "Config_Files")
    for name in order.config_files:
        _add(config, "Conf_File_Name", name)
    _add_parameters(conf, order)


def _add_parameters(conf: etree._Element, order: JobOrder) -> None:
    plain = order.parameter_style is ParameterStyle.PLAIN
    group = etree.SubElement(conf, "Dynamic_Processing_Parameters") if plain else None
    listed = _add_list(conf, "List_of_Dynamic_Processing_Parameters", len(order.parameters))
    for name, value in order.parameters:
        if group is None:
            entry = etree.SubElement(listed, "Dynamic_Processing_Parameter")
        else:
            entry = etree.SubElement(group, "Processing_Parameter")
        _add(entry, "Name", name)
        _add(entry, "Value", value)


def _add_task(parent: etree._Element, task: OrderTask, style: BreakpointStyle) -> None:
    proc = etree.SubElement(parent, "Ipf_Proc")
    _add(proc, "Task_Name", task.name)
    _add(proc, "Task_Version", task.version)
    inputs = _add_list(proc, "List_of_Inputs", len(task.inputs))
    for entry in task.inputs:
        _add_input(inputs, entry)
    outputs = _add_list(proc, "List_of_Outputs", len(task.outputs))
    for made in task.outputs:
        output = etree.SubElement(outputs, "Output", mandatory=_boolean(made.mandatory))
        _add(output, "File_Type", made.file_type)
        _add(output, "File_Name_Type", made.file_name_type)
        _add(output, "File_Name", made.file_name)
    breakpoint_ = etree.SubElement(proc, style.value)
    _add_list(breakpoint_, "List_of_Brk_Files", 0)
    if style is BreakpointStyle.STANDARD:
        _add(breakpoint_, "Enable", "OFF")


def _add_input(inputs: etree._Element, entry: OrderInput) -> None:
    element = etree.SubElement(inputs, "Input")
    _add(element, "File_Type", entry.file_type)
    _add(element, "File_Name_Type", entry.file_name_type)
    names = _add_list(element, "List_of_File_Names", len(entry.file_names))
    for name in entry.file_names:
        _add(names, "File_Name", name)
    spans = _add_list(element, "List_of_Time_Intervals", len(entry.intervals))
    for span in entry.intervals:
        interval = etree.SubElement(spans, "Time_Interval")
        _add_interval(interval, span.interval)
        _add(interval, "File_Name", span.file_name)


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _add_list(parent: etree._Element, name: str, count: int) -> etree._Element:
    return etree.SubElement(parent, name, count=str(count))


def _add_interval(parent: etree._Element, interval: Interval) -> None:
    _add(parent, "Start", interval.start.strftime(_TIME))
    _add(parent, "Stop", interval.stop.strftime(_TIME))


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def parse_job_order(data: bytes, source: str) -> JobOrder:
    """The value of a job order's XML; raises `FormatError` naming `source` and the element."""
    return _order_of(parse_xml(data, source), source)


def _order_of(root: etree._Element, source: str) -> JobOrder:
    if local_name(root) != "Ipf_Job_Order":
        raise JobOrderError(f"{source}: root element is {local_name(root)}, not Ipf_Job_Order")
    conf = find(root, "Ipf_Conf", source)
    sensing = find_optional(conf, "Sensing_Time")
    style, parameters = _parameters_of(conf, source)
    procs = list(find_all(find(root, "List_of_Ipf_Procs", source), "Ipf_Proc"))
    spp = any(find_optional(proc, BreakpointStyle.SPP.value) is not None for proc in procs)
    return JobOrder(
        processor_name=text_of(conf, "Processor_Name", source),
        version=text_of(conf, "Version", source),
        tasks=tuple(_task_of(proc, source) for proc in procs),
        parameters=parameters,
        sensing=None if sensing is None else _interval_of(sensing, source),
        config_files=tuple(_texts(conf, "Config_Files/Conf_File_Name")),
        processing_station=_optional_text(conf, "Processing_Station", "____"),
        stdout_log_level=_optional_text(conf, "Stdout_Log_Level", "INFO"),
        stderr_log_level=_optional_text(conf, "Stderr_Log_Level", "INFO"),
        test=_truth(conf, "Test", source),
        breakpoint_enable=_truth(conf, "Breakpoint_Enable", source),
        parameter_style=style,
        breakpoint_style=BreakpointStyle.SPP if spp else BreakpointStyle.STANDARD,
    )


def _parameters_of(conf: etree._Element, source: str) -> tuple[ParameterStyle, tuple[tuple[str, str], ...]]:
    plain = find_optional(conf, "Dynamic_Processing_Parameters")
    if plain is not None:
        entries = find_all(plain, "Processing_Parameter")
        return ParameterStyle.PLAIN, tuple(_named_values(entries, source))
    entries = find_all(conf, "List_of_Dynamic_Processing_Parameters/Dynamic_Processing_Parameter")
    return ParameterStyle.LISTED, tuple(_named_values(entries, source))


def _named_values(entries: Iterator[etree._Element], source: str) -> Iterator[tuple[str, str]]:
    for entry in entries:
        yield text_of(entry, "Name", source), _optional_text(entry, "Value", "")


def _task_of(proc: etree._Element, source: str) -> OrderTask:
    return OrderTask(
        name=text_of(proc, "Task_Name", source),
        version=text_of(proc, "Task_Version", source),
        inputs=tuple(_input_of(element, source) for element in find_all(proc, "List_of_Inputs/Input")),
        outputs=tuple(_output_of(element, source) for element in find_all(proc, "List_of_Outputs/Output")),
    )


def _input_of(element: etree._Element, source: str) -> OrderInput:
    spans = find_all(element, "List_of_Time_Intervals/Time_Interval")
    return OrderInput(
        file_type=text_of(element, "File_Type", source),
        file_name_type=_optional_text(element, "File_Name_Type", ""),
        file_names=tuple(_texts(element, "List_of_File_Names/File_Name")),
        intervals=tuple(FileInterval(_interval_of(span, source), text_of(span, "File_Name", source)) for span in spans),
    )


def _output_of(element: etree._Element, source: str) -> OrderOutput:
    mandatory = element.get("mandatory", "false")
    return OrderOutput(
        file_type=text_of(element, "File_Type", source),
        file_name_type=_optional_text(element, "File_Name_Type", ""),
        file_name=_optional_text(element, "File_Name", ""),
        mandatory=_boolean_of(mandatory, "Output/@mandatory", element, source),
    )


def _texts(element: etree._Element, path: str) -> Iterator[str]:
    for found in find_all(element, path):
        yield (found.text or "").strip()


def _optional_text(element: etree._Element, path: str, default: str) -> str:
    found = find_optional(element, path)
    return default if found is None else (found.text or "").strip()


def _truth(conf: etree._Element, name: str, source: str) -> bool:
    return _boolean_of(_optional_text(conf, name, "false"), name, conf, source)


def _boolean_of(text: str, name: str, element: etree._Element, source: str) -> bool:
    if text not in ("true", "false"):
        raise JobOrderError(f"{source}, line {element.sourceline}: {name} is {text!r}, neither true nor false")
    return text == "true"


def _interval_of(element: etree._Element, source: str) -> Interval:
    start, stop = (_time_of(element, name, source) for name in ("Start", "Stop"))
    try:
        return Interval(start, stop)
    except ValueError as error:
        raise JobOrderError(f"{source}, line {element.sourceline}: {error}") from None


def _time_of(element: etree._Element, name: str, source: str) -> datetime:
    text = text_of(element, name, source)
    try:
        moment = datetime.strptime(text, _TIME).replace(tzinfo=UTC)
        if moment.year >= 1000:  # others cannot be written again
            return moment
    except ValueError:
        pass
    raise JobOrderError(f"{source}, line {element.sourceline}: {name} {text!r} is not a time yyyyMMdd_HHmmssSSSSSS")
