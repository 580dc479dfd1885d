"""`s1pdgs order …` and `s1pdgs explain`: look at orders, ask why they are where they are, and act on them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from s1pdgs.cli import ground_of, show_rows
from s1pdgs.ground import GroundSegment, courier_of
from s1pdgs.jobs.containers import trouble_of
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.time import parse_utc
from s1pdgs.triggers import orders
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns.campaign import UnknownCampaign
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.explain.inquiry import explain, inquire
from s1pdgs.triggers.explain.text import as_lines, to_json
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.listing import newest_orders, order_details, order_row
from s1pdgs.triggers.orders import Planner, UnknownOrder
from s1pdgs.triggers.wanted import status as wanted_status
from s1pdgs.triggers.wanted import text as wanted_text
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import Asked, asked_of, read_wishes
from s1pdgs.triggers.wanted.deadlines import EXPIRE, PROCEED
from s1pdgs.triggers.wanted.inheritance import on_demand
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.status import UnknownWish
from s1pdgs.triggers.would import trials

_HELP = {"help_option_names": ["-h", "--help"]}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
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


@contextmanager
def _known() -> Iterator[None]:
    """Within the block an order or wish that does not exist is told to the user."""
    try:
        yield
    except (UnknownOrder, UnknownWish, UnknownCampaign) as error:
        raise click.ClickException(str(error)) from None


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only orders of this state.")
@click.option("--chain", help="Only orders of this chain.")
@click.option("--campaign", metavar="NAME", help="The orders of this campaign; without it those of none.")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(
    ctx: click.Context, state: str | None, chain: str | None, campaign: str | None, limit: int, *, as_json: bool
) -> None:
    """List orders, newest first, with what they wait for or why they ended."""
    with _known(), ground_of(ctx).database.read() as connection:
        number = 0 if campaign is None else campaigns.find(connection, campaign).number
        found = newest_orders(connection, limit, state, chain=chain, campaign=number)
        rows = [order_row(order) for order in found]
    show_rows(rows, as_json, "no orders")


@command.command("show")
@click.argument("number", type=int, metavar="ORDER")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, number: int, *, as_json: bool) -> None:
    """Tell where an order is and what comes next."""
    with _known(), ground_of(ctx).database.read() as connection:
        told, details = str(explain(connection, number)), order_details(connection, number)
        wishes = [wanted_status.status(connection, each) for each in details["wishes"]]
    if as_json:
        click.echo(json.dumps(details, indent=1))
        return
    click.echo(told)
    for name in ("trigger", "satellite", "start", "stop", "timeliness", "round", "created"):
        click.echo(f"  {name}: {details[name]}")
    for name in ("products", "jobs", "made"):
        for value in details[name]:
            click.echo(f"  {name}: {value}")
    if details["campaign"] is not None:
        click.echo(f"  campaign: {details['campaign']}")
    for each in wishes:
        click.echo(f"  wish: {each.number} for {each.type} ({each.outcome})")
        for notice in each.notices:
            click.echo(f"    {notice}")


@command.command("release")
@click.argument("number", type=int, metavar="ORDER")
@click.pass_context
def release(ctx: click.Context, number: int) -> None:
    """Let a waiting order go on with gaps and without its optional inputs."""
    ground = ground_of(ctx)
    planner = planner_of(ground)
    with _known(), ground.database.write() as connection:
        has_job = orders.release(planner, connection, number)
        told = str(explain(connection, number))
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
    with _known(), ground.database.write() as connection:
        gone = orders.drop(connection, number, reason, ground.outbox.clock.now())
    if not gone:
        raise click.ClickException(f"order {number} has ended already")
    click.echo(f"order {number} is dropped")


@command.command("make")
@click.argument("kind", metavar="[TYPE]", required=False)
@click.option("--for", "product", metavar="PRODUCT", help="Make it of this product, or of what was made of it.")
@click.option("--datatake", metavar="ID", help="Of this data take (024A10, or S1A-024A10).")
@click.option("--area", metavar="WKT", help="Of what touches this area (longitudes and latitudes in degrees) ...")
@click.option("--start", type=UtcTime(), help="... and was sensed from here (UTC) ...")
@click.option("--stop", type=UtcTime(), help="... to here.")
@click.option("--satellite", help="Of this satellite only, with --area or --start and --stop.")
@click.option("--parameter", "parameters", multiple=True, metavar="K=V", help="Set this parameter (repeatable).")
@click.option("--priority", type=click.IntRange(0, 100), help="Higher runs first: PT is 40, NRT 30, FAST24 20, NTC 10.")
@click.option("--again", is_flag=True, help="Make it though it exists.")
@click.option("--deadline", type=UtcTime(), help="At this time (UTC) it goes on with what is there ...")
@click.option("--at-deadline", type=click.Choice([PROCEED, EXPIRE]), help="... or expires.")
@click.option("--notify", metavar="URL", help="POST the outcome to this URL when all of it has ended.")
@click.option("--file", type=_FILE, help="Order the wishes of this TOML or JSON file, all of them or none.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be ordered.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def make(
    ctx: click.Context, /, kind: str | None, *, file: Path | None, dry_run: bool, as_json: bool, **words: Any
) -> None:
    """Order products of TYPE (like IW_GRDH_1S): what they need and does not exist is made first."""
    ground = ground_of(ctx)
    planner = planner_of(ground)
    try:
        wishes = _wishes(kind, file, words)
        with ground.database.read() if dry_run else ground.database.write() as connection:
            courier = courier_of(ground.settings.notices)
            placed = [wanted_wish.place(planner, connection, each, courier, dry_run=dry_run) for each in wishes]
            rows = [row for each in placed for row in wanted_text.rows_of(connection, each)]
    except WantedError as error:
        raise click.ClickException(str(error)) from None
    show_rows(rows, as_json, "nothing to make")


def _wishes(kind: str | None, file: Path | None, words: dict[str, Any]) -> list[Asked]:
    """The wish that the options tell, or those of a file."""
    told = {name: value for name, value in words.items() if value not in (None, False, ())}
    if (kind is None) == (file is None) or (file is not None and told):
        raise click.UsageError("tell a TYPE with options, or a --file of wishes")
    if file is not None:
        return read_wishes(file)
    return [asked_of({**told, "type": kind, "parameters": parse_parameters(words["parameters"])})]


@command.command("wishes")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def wishes(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List what was ordered by hand, newest first."""
    ground = ground_of(ctx)
    with ground.database.read() as connection:
        told = wanted_status.newest(connection, limit)
    show_rows([wanted_text.as_row(each, ground.outbox.clock.now()) for each in told], as_json, "no wishes")


@command.command("wish")
@click.argument("number", type=int, metavar="WISH")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def wish(ctx: click.Context, number: int, *, as_json: bool) -> None:
    """Tell how the orders of a wish go and what they made."""
    ground = ground_of(ctx)
    with _known(), ground.database.read() as connection:
        told = wanted_status.status(connection, number)
    if as_json:
        click.echo(json.dumps(wanted_status.to_json(told), indent=1))
    else:
        click.echo("\n".join(wanted_text.as_lines(told, ground.outbox.clock.now())))


@command.command("cancel")
@click.argument("number", type=int, metavar="WISH")
@click.pass_context
def cancel(ctx: click.Context, number: int) -> None:
    """Give a wish up, with the orders that only it caused."""
    ground = ground_of(ctx)
    with _known(), ground.database.write() as connection:
        gone = wanted_wish.cancel(planner_of(ground), connection, number)
    if not gone:
        raise click.ClickException(f"wish {number} has ended already")
    click.echo(f"wish {number} is cancelled")


@command.command("tell")
@click.argument("number", type=int, metavar="WISH")
@click.pass_context
def tell(ctx: click.Context, number: int) -> None:
    """Send the notices of a wish that were given up once more."""
    ground = ground_of(ctx)
    with _known(), ground.database.write() as connection:
        again = wanted_wish.tell_again(connection, number, ground.outbox.clock.now())
    if not again:
        raise click.ClickException(f"no notice of wish {number} was given up")
    click.echo(f"the notices of wish {number} are sent again")


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
    planner = planner_of(ground, file)
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


def planner_of(ground: GroundSegment, chains: Path | None = None) -> Planner:
    """What turns products into orders, by the chains of a file or those that the settings name."""
    return Planner(chains_of(ground, chains), ground.outbox, MaskShelf(ground.store))


def parse_parameters(given: tuple[str, ...]) -> dict[str, str]:
    """Parameters as `NAME=VALUE`."""
    pairs = [text.partition("=") for text in given]
    wrong = next((key + sign for key, sign, _ in pairs if not (key and sign)), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not like NAME=VALUE", param_hint="--parameter")
    return {key: value for key, _, value in pairs}


@click.command("explain", context_settings=_HELP)
@click.argument("number", type=int, metavar="ORDER")
@click.option("--as-of", "moment", type=UtcTime(), help="What would have been chosen then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def explain_command(ctx: click.Context, number: int, moment: datetime | None, *, as_json: bool) -> None:
    """Say why an order is where it is: open needs, every candidate and why it was refused, deadlines."""
    ground = ground_of(ctx)
    with _known(), ground.database.read() as connection:
        inquiry = inquire(planner_of(ground), connection, number, moment)
    if as_json:
        click.echo(json.dumps(to_json(inquiry), indent=1))
        return
    click.echo("\n".join(as_lines(inquiry, in_past=moment is not None)))


def chains_file_of(ground: GroundSegment) -> Path:
    """The file of the chains that the settings name."""
    return ground.settings.triggers.chains or SHIPPED


def chains_of(ground: GroundSegment, path: Path | None = None) -> Chains:
    """The chains of a file, else those that the settings name."""
    try:
        return Chains.read(path or chains_file_of(ground))
    except (ChainError, OSError) as error:
        raise click.ClickException(str(error)) from None
