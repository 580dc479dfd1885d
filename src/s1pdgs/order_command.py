"""`s1pdgs order …` and `s1pdgs explain`: look at orders, ask why they are where they are, and act on them."""

import json
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from s1pdgs.app import GroundSegment
from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.telling import UnknownDataTake, parse_identifier
from s1pdgs.cli import ground_of, show_rows
from s1pdgs.jobs.containers import trouble_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.time import parse_utc
from s1pdgs.triggers import orders, wanted_sources
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.explain import explain, inquire
from s1pdgs.triggers.explain_text import as_lines, to_json
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.listing import newest_orders, order_details, order_row
from s1pdgs.triggers.orders import Planner, UnknownOrder
from s1pdgs.triggers.wanted import Wanted, carry_out, plan, way_types
from s1pdgs.triggers.wanted_sources import WantedError
from s1pdgs.triggers.wishes import on_demand
from s1pdgs.triggers.would import trials

_HELP = {"help_option_names": ["-h", "--help"]}
_STATES = [str(state) for state in OrderState]


class UtcTime(click.ParamType[datetime]):
    """A UTC time as ISO 8601, without a zone or with one."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_utc(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write it like 2026-01-05T08:00:00Z", param, ctx)


@click.group("order", context_settings=_HELP)
def command() -> None:
    """Look at orders and act on them."""


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only orders of this state.")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, state: str | None, limit: int, *, as_json: bool) -> None:
    """List orders, newest first, with what they wait for or why they ended."""
    with ground_of(ctx).database.read() as connection:
        rows = [order_row(order) for order in newest_orders(connection, limit, state)]
    show_rows(rows, as_json, "no orders")


@command.command("show")
@click.argument("number", type=int, metavar="ORDER")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, number: int, *, as_json: bool) -> None:
    """Tell where an order is and what comes next."""
    try:
        with ground_of(ctx).database.read() as connection:
            told, details = str(explain(connection, number)), order_details(connection, number)
    except UnknownOrder as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(details, indent=1))
        return
    click.echo(told)
    for name in ("trigger", "satellite", "start", "stop", "timeliness", "round", "created"):
        click.echo(f"  {name}: {details[name]}")
    for name in ("products", "jobs", "made"):
        for value in details[name]:
            click.echo(f"  {name}: {value}")


@command.command("release")
@click.argument("number", type=int, metavar="ORDER")
@click.pass_context
def release(ctx: click.Context, number: int) -> None:
    """Let a waiting order go on with gaps and without its optional inputs."""
    ground = ground_of(ctx)
    planner = _planner(ground)
    try:
        with ground.database.write() as connection:
            has_job = orders.release(planner, connection, number)
            told = str(explain(connection, number))
    except UnknownOrder as error:
        raise click.ClickException(str(error)) from None
    if not has_job:
        raise click.ClickException(f"it has no job: {told}")
    click.echo(told)


@command.command("drop")
@click.argument("number", type=int, metavar="ORDER")
@click.option("--reason", default="dropped by the operator", show_default=True)
@click.pass_context
def drop(ctx: click.Context, number: int, reason: str) -> None:
    """Give an order up, with its job."""
    ground = ground_of(ctx)
    try:
        with ground.database.write() as connection:
            gone = orders.drop(connection, number, reason, ground.outbox.clock.now())
    except UnknownOrder as error:
        raise click.ClickException(str(error)) from None
    if not gone:
        raise click.ClickException(f"order {number} has ended already")
    click.echo(f"order {number} is dropped")


@command.command("make")
@click.argument("kind", metavar="TYPE")
@click.option("--for", "product", metavar="PRODUCT", help="Make it of this product, or of what was made of it.")
@click.option("--datatake", metavar="ID", help="Of this data take (024A10, or S1A-024A10).")
@click.option("--area", metavar="WKT", help="Of what touches this area (longitudes and latitudes in degrees) ...")
@click.option("--start", type=UtcTime(), help="... and was sensed from here (UTC) ...")
@click.option("--stop", type=UtcTime(), help="... to here.")
@click.option("--satellite", help="Of this satellite only, with --area or --start and --stop.")
@click.option("--parameter", "parameters", multiple=True, metavar="K=V", help="Set this parameter (repeatable).")
@click.option("--priority", type=click.IntRange(0, 100), help="Higher runs first: PT is 40, NRT 30, FAST24 20, NTC 10.")
@click.option("--again", is_flag=True, help="Make it though it exists.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be ordered.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def make(ctx: click.Context, /, kind: str, *, dry_run: bool, as_json: bool, **asked: Any) -> None:
    """Order products of TYPE (like IW_GRDH_1S): what they need and does not exist is made first."""
    ground = ground_of(ctx)
    planner = _planner(ground)
    wanted = Wanted(kind, asked.pop("again"), _parameters(asked.pop("parameters")), asked.pop("priority"))
    try:
        with ground.database.read() if dry_run else ground.database.write() as connection:
            groups = _sources(connection, planner.chains, kind, **asked)
            steps = plan(connection, planner.chains, wanted, groups)
            placed = {} if dry_run else carry_out(planner, connection, wanted, steps)
            rows = [
                {
                    "action": str(step.action),
                    "order": placed.get(step, step.order),
                    "chain": " > ".join(step.way),
                    "unit": step.unit,
                    "note": explain(connection, placed[step]).summary if step in placed else step.note,
                }
                for step in steps
            ]
    except (WantedError, UnknownDataTake) as error:
        raise click.ClickException(str(error)) from None
    show_rows(rows, as_json, "nothing to make")


@command.command("would")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="CHAINFILE")
@click.option("--chain", "only", multiple=True, help="Only this chain, though it is switched off (repeatable).")
@click.option("--start", type=UtcTime(), default="1970-01-01", help="What begins from here (UTC) ...")
@click.option("--stop", type=UtcTime(), default="9999-12-31", help="... to here.")
@click.option("--limit", default=200, show_default=True, help="At most so many units of each chain.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def would(ctx: click.Context, /, file: Path, only: tuple[str, ...], *, limit: int, as_json: bool, **time: Any) -> None:
    """List what the chains and task tables of CHAINFILE would trigger on the catalogue as it is; nothing is changed."""
    ground = ground_of(ctx)
    planner = _planner(ground, file)
    unknown = sorted(set(only) - {route.name for route in planner.chains.routes})
    if unknown:
        raise click.ClickException(f"{file} has no chain {unknown[0]}")
    routes = [on_demand(route) if only else route for route in planner.chains.routes if not only or route.name in only]
    window = _interval(**time)
    with ground.database.read() as connection:
        found = [trial for route in routes for trial in islice(trials(planner, connection, route, window), limit + 1)]
    rows = [
        {
            "chain": trial.chain,
            "would": str(trial.fate),
            "unit": trial.unit,
            "note": "; ".join(filter(None, [trial.note, trial.known])),
        }
        for route in routes
        for trial in [each for each in found if each.chain == route.name][:limit]
    ]
    show_rows(rows, as_json, "nothing would be triggered")
    for route in routes:
        if sum(trial.chain == route.name for trial in found) > limit:
            click.echo(f"{route.name} would process more than these {limit} units; --limit shows more", err=True)
        image = route.chain.container
        if image is not None and (trouble := trouble_of(ground.settings.work.container_command, image)) is not None:
            click.echo(f"{route.name} runs in containers: {trouble}", err=True)


def _interval(start: datetime, stop: datetime) -> Interval:
    if stop < start:
        raise click.UsageError("--stop is before --start")
    return Interval(start, stop)


def _planner(ground: GroundSegment, chains: Path | None = None) -> Planner:
    return Planner(chains_of(ground, chains), ground.outbox, MaskShelf(ground.store))


def _parameters(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = next((key + sign for key, sign, _ in pairs if not (key and sign)), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not like NAME=VALUE", param_hint="--parameter")
    return {key: value for key, _, value in pairs}


def _sources(
    connection: sa.Connection,
    chains: Chains,
    kind: str,
    *,
    product: str | None,
    datatake: str | None,
    area: str | None,
    start: datetime | None,
    stop: datetime | None,
    satellite: str | None,
) -> list[list[Held]]:
    """What a wish is made of, by the one way in which it was told."""
    in_time = area is not None or start is not None or stop is not None
    if (product is not None) + (datatake is not None) + in_time != 1:
        raise click.UsageError("tell one thing to make it of: --for, --datatake, or --start and --stop with any --area")
    if product is not None:
        return [wanted_sources.of_product(connection, product)]
    if datatake is not None:
        number, of_satellite = parse_identifier(datatake)
        return [wanted_sources.of_datatake(connection, number, of_satellite or satellite)]
    if start is None or stop is None or stop < start:
        raise click.UsageError("an area needs a time: --start and --stop, the later one last")
    shape = None if area is None else wanted_sources.parse_area(area)
    types = way_types(connection, chains, kind)
    return wanted_sources.in_area(connection, types, Interval(start, stop), shape, satellite)


@click.command("explain", context_settings=_HELP)
@click.argument("number", type=int, metavar="ORDER")
@click.option("--as-of", "moment", type=UtcTime(), help="What would have been chosen then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def explain_command(ctx: click.Context, number: int, moment: datetime | None, *, as_json: bool) -> None:
    """Say why an order is where it is: open needs, every candidate and why it was refused, deadlines."""
    ground = ground_of(ctx)
    try:
        with ground.database.read() as connection:
            inquiry = inquire(_planner(ground), connection, number, moment)
    except UnknownOrder as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(to_json(inquiry), indent=1))
        return
    click.echo("\n".join(as_lines(inquiry, in_past=moment is not None)))


def chains_of(ground: GroundSegment, path: Path | None = None) -> Chains:
    """The chains of a file, else those that the settings name."""
    try:
        return Chains.read(path or ground.settings.triggers.chains or SHIPPED)
    except (ChainError, OSError) as error:
        raise click.ClickException(str(error)) from None
