"""`s1pdgs tasktable check|show`: read a task table as the ground segment does, and say what it makes of it."""

import json
import sys
from pathlib import Path

import click
from attrs import asdict
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from s1pdgs.formats.tasktable import MAX_BYTES, Alternative, Origin, Task, TaskInput, TaskTable, read_task_table
from s1pdgs.formats.xml import FormatError
from s1pdgs.settings import SettingsError, load_settings
from s1pdgs.triggers.tasktable.check import Container, Finding, Severity, check_task_table

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


@click.group("tasktable", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Check task tables and see what they ask for."""


@command.command("check")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--programs", is_flag=True, help="Also look for the programs on this host.")
@click.option("--container", "image", help="Also look for the container engine and this image on this host.")
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON.")
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], *, programs: bool, image: str | None, as_json: bool) -> None:
    """Say what is wrong or odd in task tables, with line and element; exit code 1 when one cannot work."""
    container = None if image is None else Container(image, _engine(ctx))
    findings = {path: _findings(path, programs=programs, container=container) for path in files}
    if as_json:
        click.echo(
            json.dumps({str(path): [asdict(found) for found in each] for path, each in findings.items()}, indent=2)
        )
    else:
        for path, each in findings.items():
            _tell(path, each)
    broken = any(found.severity is Severity.ERROR for each in findings.values() for found in each)
    sys.exit(1 if broken else 0)


def _engine(ctx: click.Context) -> tuple[str, ...]:
    try:
        return tuple(load_settings(ctx.obj).work.container_command)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _findings(path: Path, *, programs: bool, container: Container | None) -> list[Finding]:
    if path.stat().st_size > MAX_BYTES:
        text = f"{path}: larger than the {MAX_BYTES} bytes accepted of a task table"
        return [Finding(0, Severity.ERROR, "Ipf_Task_Table", text)]
    return check_task_table(path.read_bytes(), str(path), programs=programs, container=container)[1]


def _tell(path: Path, findings: list[Finding]) -> None:
    console = Console(soft_wrap=False)
    if not findings:
        console.print(Text(f"{path}: good"))
        return
    console.print(Text(f"{path}:"))
    table = Table(box=None, show_header=False, pad_edge=False)
    for found in findings:
        line = f"line {found.line}" if found.line else ""
        table.add_row("", line, Text(found.severity, _STYLES[found.severity]), found.element, Text(found.text))
    console.print(table)


@command.command("show")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
def show(file: Path, *, as_json: bool) -> None:
    """Show the pools, tasks, inputs and outputs of a task table."""
    try:
        table = read_task_table(file)
    except FormatError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(table), indent=2))
    else:
        Console().print(_tree(table))


def _tree(table: TaskTable) -> Tree:
    limit = "no time limit" if table.max_time_s is None else f"at most {table.max_time_s} s"
    tree = Tree(Text(f"{table.processor_name} {table.version}: {limit}, {table.min_disk_mb} MB of disk", "bold"))
    if table.parameters:
        branch = tree.add("parameters")
        for parameter in table.parameters:
            branch.add(Text(f"{parameter.name} = {parameter.default!r} ({parameter.kind})"))
    for number, pool in enumerate(table.pools, 1):
        branch = tree.add(f"pool {number}" + (" (detached)" if pool.detached else ""))
        for task in pool.tasks:
            _add_task(branch, task)
    return tree


def _add_task(branch: Tree, task: Task) -> None:
    kind = "" if task.critical else ", may fail"
    leaf = branch.add(Text(f"{task.name} {task.version}: {task.program} ({task.cpus} CPU{kind})", "bold"))
    for entry in task.inputs:
        leaf.add(Text(_input(entry)))
    for output in task.outputs:
        mandatory = "" if output.mandatory else ", optional"
        leaf.add(Text(f"→ {output.type} to {output.destination}{mandatory}", "green"))


def _input(entry: TaskInput) -> str:
    mandatory = "" if entry.mandatory else ", optional"
    mode = "" if entry.mode == "ALWAYS" else f", {entry.mode}"
    return f"← {' or '.join(_alternative(each) for each in entry.alternatives)}{mandatory}{mode}"


def _alternative(entry: Alternative) -> str:
    if entry.origin is not Origin.CATALOGUE:
        return f"{entry.file_type} of a task before"
    widened = "" if not (entry.t0_s or entry.t1_s) else f" -{entry.t0_s:g} s/+{entry.t1_s:g} s"
    return f"{entry.file_type} by {entry.retrieval_mode}{widened}"
