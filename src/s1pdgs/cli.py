"""`s1pdgs …`: the ground segment from the command line. Rooms are imported by the command that needs them."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from s1pdgs import __version__

if TYPE_CHECKING:
    import threading

    from s1pdgs.doors import Doors
    from s1pdgs.ground import GroundSegment
    from s1pdgs.settings import Settings


@contextmanager
def loading() -> Iterator[None]:
    """Nothing that is loaded is garbage: to look for it would take a seventh of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _LazyGroup(click.Group):
    """A group whose heavy subcommands are imported when they are asked for."""

    lazy: ClassVar = {
        "simulate": ("s1pdgs.simulator.command", "simulate"),
        "spoil": ("s1pdgs.simulator.spoil.command", "spoil"),
        "station": ("s1pdgs.simulator.station.command", "station"),
        "demo": ("s1pdgs.demo.command", "demo"),
        "l0": ("s1pdgs.tools.l0.command", "l0"),
        "get": ("s1pdgs.stations.get_command", "command"),
        "export": ("s1pdgs.commands.export", "command"),
        "tasktable": ("s1pdgs.triggers.tasktable.command", "command"),
        "jobs": ("s1pdgs.commands.job", "jobs_command"),
        "job": ("s1pdgs.commands.job", "command"),
        "order": ("s1pdgs.commands.order", "command"),
        "source": ("s1pdgs.commands.source", "command"),
        "campaign": ("s1pdgs.commands.campaign", "command"),
        "product": ("s1pdgs.commands.product", "command"),
        "datatake": ("s1pdgs.commands.datatake", "command"),
        "account": ("s1pdgs.commands.datatake", "account_command"),
        "explain": ("s1pdgs.commands.order", "explain_command"),
        "session": ("s1pdgs.commands.session", "command"),
        "subscription": ("s1pdgs.commands.subscription", "command"),
    }
    summaries: ClassVar = {
        "simulate": "Make a downlink session and its auxiliary files from a scene.",
        "spoil": "Make another delivery of a session, with what a link or a station does wrong.",
        "station": "Serve deliveries of simulated sessions as CADIP and AUXIP.",
        "jobs": "List jobs and the orders that still wait for inputs, newest first.",
        "job": "Look at jobs and act on them.",
        "source": "Look at the stations that are polled, and at what they did not deliver.",
        "order": "Look at orders and act on them.",
        "product": "Look at products: how long they are kept, and whether the store holds them.",
        "campaign": "Process a period again, by pinned chains and auxiliary products.",
        "datatake": "Look at data takes: planned, received, made, missing and why.",
        "account": "Tell completeness and timeliness.",
        "explain": "Say why an order is where it is, and what was refused.",
        "session": "Act on downlink sessions: let one whose files went come again.",
        "subscription": "Look at subscriptions, how they are told, and act on them.",
        "export": "Write the catalogue of published products as stac-geoparquet.",
        "tasktable": "Check task tables and see what they ask for.",
        "get": "Find and download products of an OData service or a STAC API.",
        "demo": "Turn a simulated downlink into published products, and watch.",
        "l0": "Look into Level-0 products and audit them.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.lazy])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        import importlib

        module, attribute = self.lazy[cmd_name]
        with loading():
            command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's, without importing the lazy commands for a line of help each."""
        rows = []
        for name in self.list_commands(ctx):
            command = None if name in self.lazy else super().get_command(ctx, name)
            rows.append((name, self.summaries[name] if command is None else command.get_short_help_str(limit=80)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="s1pdgs")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="S1PDGS_CONFIG",
    help="Settings file (TOML). Environment variables S1PDGS_… override it.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None) -> None:
    """The open Sentinel-1 Payload Data Ground Segment."""
    ctx.obj = config


def main() -> None:
    """Entry of the `s1pdgs` program: errors that a user can mend are one line on standard error and exit code 2."""
    try:
        code = cli.main(prog_name="s1pdgs", standalone_mode=False)  # of ctx.exit, which click gives back here
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _settings(ctx: click.Context) -> "Settings":
    from s1pdgs.settings import SettingsError, load_settings

    try:
        return load_settings(ctx.obj)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def ground_of(ctx: click.Context) -> "GroundSegment":
    from s1pdgs.ground import open_ground_segment
    from s1pdgs.settings import SettingsError
    from s1pdgs.storage.database import DatabaseError
    from s1pdgs.watch.logs import configure_logs

    settings = _settings(ctx)
    configure_logs(settings.log)
    try:
        return open_ground_segment(settings, ctx.obj)
    except DatabaseError as error:
        raise click.ClickException(f"{error}; see that it runs, or correct the setting database") from None
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


@cli.command()
@click.option("--role", "roles", multiple=True, help="Run only this role (repeatable); default: all in one process.")
@click.pass_context
def run(ctx: click.Context, roles: tuple[str, ...]) -> None:
    """Run the ground segment until it is stopped.

    SIGTERM or Ctrl-C: it takes nothing new, lets jobs go on for work.drain_s and hands back what has not ended then;
    the same again hands back at once.
    """
    import signal
    import threading

    stop, at_once = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: (at_once if stop.is_set() else stop).set())
    with ExitStack() as stack:
        with loading():
            doors = _begin(ctx, roles, at_once, stack)
            gc.freeze()  # nor does it become garbage
        if doors is not None:
            click.echo(f"serving {doors.url}")
        stop.wait()
        click.echo("stopping; once more hands jobs back at once")


def _begin(ctx: click.Context, roles: tuple[str, ...], at_once: "threading.Event", stack: ExitStack) -> "Doors | None":
    """Let roles run until the stack is left; the doors, when they serve."""
    from s1pdgs import keeping
    from s1pdgs.app import running
    from s1pdgs.roles import ROLES
    from s1pdgs.settings import SettingsError
    from s1pdgs.storage.objects import StorageError

    unknown = set(roles) - set(ROLES)
    if unknown:
        raise click.ClickException(f"unknown role {', '.join(sorted(unknown))}; roles are {', '.join(ROLES)}")
    ground = ground_of(ctx)
    try:
        ground.store.check()
        keeping.policy_of(ground.settings, keeping.archive_of(ground.settings))
    except (StorageError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    try:
        return stack.enter_context(running(ground, roles or ROLES, at_once))
    except OSError as error:
        where = f"{ground.settings.serve.host} port {ground.settings.serve.port}"
        raise click.ClickException(f"{where}: {error.strerror}; set host and port in [serve]") from None


@cli.command()
def settings() -> None:
    """Print every setting with its meaning and default, as a settings file."""
    from s1pdgs.settings_example import example

    click.echo(example(), nl=False)


@cli.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.pass_context
def ingest(ctx: click.Context, path: Path) -> None:
    """Bring in a session folder, a SAFE product, an auxiliary file or a zip of one."""
    from s1pdgs.catalogue.door import CatalogueError
    from s1pdgs.formats.xml import FormatError
    from s1pdgs.inbox.errors import InboxError
    from s1pdgs.stations import folder
    from s1pdgs.stations.errors import StationError

    ground = ground_of(ctx)
    try:
        name = folder.ingest(path, ground.database, ground.store, ground.outbox, ground.work_root / "ingest")
    except (FormatError, InboxError, CatalogueError, StationError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(name)


@cli.command()
@click.option("--type", "types", multiple=True, help="Only products of this type (repeatable).")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def products(ctx: click.Context, types: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List what the catalogue holds, newest first."""
    from s1pdgs.catalogue.query import newest
    from s1pdgs.model.time import format_iso

    ground = ground_of(ctx)
    with ground.database.read() as connection:
        held = newest(connection, limit, types)
    rows = [
        {
            "name": one.name,
            "type": one.product.type,
            "size": one.product.size,
            "start": format_iso(one.validity.start),
            "stop": format_iso(one.validity.stop),
            "timeliness": one.product.timeliness,
            "catalogued": format_iso(one.catalogued_at),
        }
        for one in held
    ]
    show_rows(rows, as_json, "no products")


@cli.command()
@click.argument("number", type=int, metavar="JOB")
@click.argument("fence", type=int)
@click.pass_context
def execute(ctx: click.Context, number: int, fence: int) -> None:
    """Run one claimed attempt at a job (started by runners, not by people)."""
    import signal
    import threading

    from s1pdgs.ground import workshop_of
    from s1pdgs.jobs.execute import Outcome
    from s1pdgs.jobs.execute import execute as execute_attempt
    from s1pdgs.jobs.queue import Claim

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    outcome = execute_attempt(workshop_of(ground_of(ctx)), Claim(number, fence), stop)
    sys.exit(0 if outcome in (Outcome.DONE, Outcome.HANDED_BACK) else 1)


_WIDE = ("name", "unit", "note")


def show_rows(rows: list[dict[str, Any]], as_json: bool, when_empty: str) -> None:
    """Rows as a table for people, long columns last, or as JSON for machines."""
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo(when_empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = sorted(rows[0], key=lambda name: name in _WIDE)
    for name in columns:
        numeric = isinstance(rows[0][name], (int, float))
        table.add_column(name, justify="right" if numeric else "left", no_wrap=name not in _WIDE, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(name, row[name]) for name in columns))
    console = Console()
    if not console.is_terminal:
        console = Console(width=240)
    console.print(table)


def _cell(name: str, value: Any) -> str:
    """A value as people read it: sizes with units, times to the second."""
    if value is None:
        return ""
    if name == "size":
        from rich.filesize import decimal

        return decimal(value)
    if name in ("start", "stop", "catalogued", "created", "check", "due", "done_at"):
        return str(value)[:19].replace("T", " ")
    return str(value)
