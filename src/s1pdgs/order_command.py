"""`s1pdgs order …` and `s1pdgs explain`: look at orders, ask why they are where they are, and act on them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from s1pdgs.app import GroundSegment
from s1pdgs.cli import _open, _show
from s1pdgs.model.job import OrderState
from s1pdgs.model.time import parse_utc
from s1pdgs.triggers import orders
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.explain import explain, inquire
from s1pdgs.triggers.explain_text import as_lines, to_json
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.listing import newest_orders, order_details, order_row
from s1pdgs.triggers.orders import Planner, UnknownOrder

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
    with _open(ctx).database.read() as connection:
        rows = [order_row(order) for order in newest_orders(connection, limit, state)]
    _show(rows, as_json, "no orders")


@command.command("show")
@click.argument("number", type=int, metavar="ORDER")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, number: int, *, as_json: bool) -> None:
    """Tell where an order is and what comes next."""
    try:
        with _open(ctx).database.read() as connection:
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
    ground = _open(ctx)
    planner = Planner(chains_of(ground), ground.outbox, MaskShelf(ground.store))
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
    ground = _open(ctx)
    try:
        with ground.database.write() as connection:
            gone = orders.drop(connection, number, reason, ground.outbox.clock.now())
    except UnknownOrder as error:
        raise click.ClickException(str(error)) from None
    if not gone:
        raise click.ClickException(f"order {number} has ended already")
    click.echo(f"order {number} is dropped")


@click.command("explain", context_settings=_HELP)
@click.argument("number", type=int, metavar="ORDER")
@click.option("--as-of", "moment", type=UtcTime(), help="What would have been chosen then (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def explain_command(ctx: click.Context, number: int, moment: datetime | None, *, as_json: bool) -> None:
    """Say why an order is where it is: open needs, every candidate and why it was refused, deadlines."""
    ground = _open(ctx)
    try:
        with ground.database.read() as connection:
            inquiry = inquire(connection, chains_of(ground), number, ground.outbox.clock.now(), moment)
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
