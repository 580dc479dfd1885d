"""`s1pdgs l0`: look into Level-0 products and audit them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
from rich.console import Console

from s1pdgs.formats.xml import FormatError
from s1pdgs.tools.l0.columns import COLUMNS, Column, choose_columns
from s1pdgs.tools.l0.dump import Selection, head_of, packet_batches, subcommutated_rows
from s1pdgs.tools.l0.errors import ToolError
from s1pdgs.tools.l0.filters import Condition, parse_condition
from s1pdgs.tools.l0.info import describe
from s1pdgs.tools.l0.plot import plot_timeline
from s1pdgs.tools.l0.product import Product, open_product
from s1pdgs.tools.l0.samples import write_samples
from s1pdgs.tools.l0.screen import show
from s1pdgs.tools.l0.sinks import open_sink
from s1pdgs.tools.l0.tables import FORMATS, batches_of, format_of, write_table
from s1pdgs.tools.l0.verify.audit import DECODED_OF_EACH_KIND, audit
from s1pdgs.tools.l0.verify.findings import RULES
from s1pdgs.tools.l0.verify.screen import as_json_value, show_report

_TABLE_ROWS = 20
_SCREEN, _PLAIN_WIDTH = 80, 100
"""Columns of what is printed into a file or a pipe."""
_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group("l0")
def l0() -> None:
    """Look into Level-0 products and audit them.

    PRODUCT is a SAFE folder, a zip of one, or a file of space packets (.dat).
    """


def _product(function: _Function) -> _Function:
    return click.argument("product", type=click.Path(path_type=Path))(function)


def _polarisations(function: _Function) -> _Function:
    only = "Only this polarisation (VV, VH ...; repeatable)."
    return click.option("--polarisation", "polarisations", multiple=True, help=only)(function)


def _with(given: Path, work: Callable[[Product], Any]) -> Any:
    """Do something with an opened product; errors that a user can mend become one line."""
    try:
        with open_product(given) as product:
            return work(product)
    except (FormatError, OSError) as error:
        raise click.ClickException(str(error)) from None


@l0.command()
@_product
@click.option("--json", "as_json", is_flag=True, help="Everything, for machines.")
def info(product: Path, *, as_json: bool) -> None:
    """Tell on one screen what a product is: acquisition, packets, gaps, timeline, orbit and temperatures."""

    told = _with(product, describe)
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return

    show(_console(_SCREEN), told)


def _list_fields(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    width = max(map(len, COLUMNS))
    for column in COLUMNS.values():
        click.echo(f"{column.name:{width}}  {column.kind:7}  {column.meaning}")
    context.exit()


@l0.command()
@_product
@_polarisations
@click.option("--fields", default="", help="Comma-separated fields, or all; --list-fields tells which there are.")
@click.option("--where", multiple=True, metavar="CONDITION", help="Such as swath=IW1,IW2 or rank>8; all must hold.")
@click.option("--packets", "span", metavar="FIRST:LAST", help="Only these packets of each file; LAST not included.")
@click.option("--burst", "bursts", type=click.IntRange(1), multiple=True, help="Only this burst of each swath.")
@click.option("--limit", type=click.IntRange(1), help=f"At most so many rows; {_TABLE_ROWS} on the terminal.")
@click.option("--physical", is_flag=True, help="Physical values with their units next to codes.")
@click.option("--annotations", is_flag=True, help="With what the annotation component says of each packet.")
@click.option("--subcom", type=click.Choice(("orbit", "attitude", "temperatures")), help="What the packets relay.")
@click.option("--samples", type=click.Path(path_type=Path), help="Decode samples into OUT.npz or OUT.zarr instead.")
@click.option("--signal", help="With --samples: echo (default), noise, txcal ...; or all.")
@click.option("--format", "wanted", type=click.Choice(FORMATS), help="Default: as the suffix of the output says.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A .csv, .jsonl or .parquet.")
@click.option(
    "--list-fields", is_flag=True, is_eager=True, expose_value=False, callback=_list_fields, help="List all fields."
)
def dump(product: Path, **options: Any) -> None:
    """Write packet headers, what they relay, or decoded samples.

    \b
    s1pdgs l0 dump PRODUCT --where signal=echo --fields packet,time,pri,swst --physical
    s1pdgs l0 dump PRODUCT --fields all --annotations -o headers.parquet
    s1pdgs l0 dump PRODUCT --subcom orbit -o orbit.csv
    s1pdgs l0 dump PRODUCT --samples iw1.zarr --where swath=IW1 --burst 2
    """
    _with(product, lambda opened: _dump(opened, **options))


def _dump(product: Product, **options: Any) -> None:
    selection = _selection(**options)
    if options["samples"] is not None:
        _samples(product, selection, options["samples"], options["signal"] or "echo")
        return
    output, limit = options["output"], options["limit"]
    wanted = format_of(output, options["wanted"])
    if limit is None and wanted == "table":
        limit = _TABLE_ROWS
    if options["subcom"]:
        head, batches = batches_of(subcommutated_rows(product, options["subcom"], selection.polarisations)[:limit])
    else:
        columns = _columns(options["fields"], options["physical"], options["annotations"])
        head, batches = head_of(columns), packet_batches(product, columns, selection, limit)
    rows = write_table(head, batches, output, wanted, sys.stdout)
    if output is not None:
        click.echo(f"{rows} rows into {output}")


def _columns(fields: str, physical: bool, annotations: bool) -> tuple[Column, ...]:
    chosen = [name.strip() for name in fields.split(",") if name.strip()]
    return choose_columns(chosen, physical=physical, annotations=annotations)


def _selection(
    *, polarisations: tuple[str, ...], where: tuple[str, ...], span: str | None, bursts: tuple[int, ...], **_: Any
) -> Selection:
    first, last = 0, None
    if span is not None:
        begin, colon, end = span.partition(":")
        if not colon or not (begin or "0").isdigit() or not (end or "0").isdigit():
            raise ToolError(f"--packets {span!r}: write FIRST:LAST, such as 100:200, 100: or :200")
        first, last = int(begin or 0), int(end) if end else None
    return Selection(polarisations, tuple(parse_condition(text) for text in where), bursts, first, last)


def _samples(product: Product, selection: Selection, output: Path, signal: str) -> None:

    if signal != "all":
        only: Condition = parse_condition(f"signal={signal}")
        selection = attrs.evolve(selection, conditions=(*selection.conditions, only))
    with open_sink(output) as sink:
        reports = write_samples(product, selection, sink)
    for report in reports:
        damaged = f", {report.damaged} damaged (zeros)" if report.damaged else ""
        click.echo(f"{report.name}: {report.lines} lines of {report.samples} samples{damaged}")
    click.echo(f"into {output}")


@l0.command()
@_product
@_polarisations
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), required=True, help=".png, .svg, .pdf")
def plot(product: Path, polarisations: tuple[str, ...], output: Path) -> None:
    """Draw the timeline: swaths, signals, gaps, sampling windows, gain and bit rates."""

    _with(product, lambda opened: plot_timeline(opened, output, polarisations))
    click.echo(f"drawn into {output}")


def _list_rules(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    width = max(map(len, RULES))
    for rule, meaning in RULES.items():
        click.echo(f"{rule:{width}}  {meaning}")
    context.exit()


@l0.command()
@_product
@click.option("--json", "as_json", is_flag=True, help="Findings for machines.")
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@click.option("--decode-all", is_flag=True, help=f"Decode every packet, not {DECODED_OF_EACH_KIND} of each kind.")
@click.option("--list-rules", is_flag=True, is_eager=True, expose_value=False, callback=_list_rules, help="List rules.")
def verify(product: Path, *, as_json: bool, strict: bool, decode_all: bool) -> None:
    """Audit a product, of whatever origin, and say what is wrong, where, and what to do.

    Exit code 0 when there is no error, else 1.
    """
    try:
        report = audit(product, None if decode_all else DECODED_OF_EACH_KIND)
    except (FormatError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(as_json_value(report), indent=1))
    else:
        show_report(_console(_PLAIN_WIDTH), report)
    sys.exit(0 if report.passed(strict=strict) else 1)


def _console(width: int) -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=width)
