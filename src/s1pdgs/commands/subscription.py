"""`s1pdgs subscription …`: look at subscriptions and how their notifications go, and act on them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from s1pdgs.cli import ground_of, show_rows
from s1pdgs.ground import limits_of
from s1pdgs.publication.subscriptions.lifecycle import again, set_status
from s1pdgs.publication.subscriptions.model import By, NotNow, Status, UnknownSubscription
from s1pdgs.publication.subscriptions.telling import as_lines, details, newest

_HELP = {"help_option_names": ["-h", "--help"]}
_ACTOR = "the command line"


@click.group("subscription", context_settings=_HELP)
def command() -> None:
    """Look at subscriptions and act on them; users make them at the OData service."""


@contextmanager
def _possible() -> Iterator[None]:
    """Within the block what is wrong is told to the user."""
    try:
        yield
    except (UnknownSubscription, NotNow) as error:
        raise click.ClickException(str(error)) from None


@command.command("list")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List subscriptions with their queues, newest first."""
    with ground_of(ctx).database.read() as connection:
        rows = newest(connection, limit)
    show_rows(rows if as_json else [_short(row) for row in rows], as_json, "no subscriptions")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """What fits a line."""
    told = {name: row[name] for name in ("subscription", "type", "status", "queued", "dead")}
    where = [row["endpoint"]] if row["endpoint"] else []
    note = " ".join([",".join(row["events"]), *where, row["filter"] or "all products"])
    return {**told, "last_told": (row["last_told"] or "")[:19].replace("T", " "), "note": note}


@command.command("show")
@click.argument("uuid", metavar="SUBSCRIPTION")
@click.option("--last", default=20, show_default=True, help="How many notifications and actions, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, uuid: str, last: int, *, as_json: bool) -> None:
    """Tell all of a subscription: its queue, who did what to it, and each attempt to tell its endpoint."""
    with _possible(), ground_of(ctx).database.read() as connection:
        told = details(connection, uuid, last)
    click.echo(json.dumps(told, indent=1) if as_json else "\n".join(as_lines(told)))


@command.command("again")
@click.argument("uuid", metavar="SUBSCRIPTION")
@click.pass_context
def again_(ctx: click.Context, uuid: str) -> None:
    """Queue again what its endpoint never took."""
    ground = ground_of(ctx)
    with _possible(), ground.database.write() as connection:
        count = again(connection, uuid, By(_ACTOR, ground.outbox.clock.now()))
    if not count:
        raise click.ClickException(f"no notification of subscription {uuid} was given up")
    click.echo(f"{count} notifications of subscription {uuid} are sent again")


@command.command("pause")
@click.argument("uuid", metavar="SUBSCRIPTION")
@click.pass_context
def pause(ctx: click.Context, uuid: str) -> None:
    """Tell nothing until it is resumed; what happens meanwhile is collected."""
    _set(ctx, uuid, Status.PAUSED, "is paused")


@command.command("resume")
@click.argument("uuid", metavar="SUBSCRIPTION")
@click.pass_context
def resume(ctx: click.Context, uuid: str) -> None:
    """Go on with what was collected."""
    _set(ctx, uuid, Status.RUNNING, "goes on")


@command.command("cancel")
@click.argument("uuid", metavar="SUBSCRIPTION")
@click.pass_context
def cancel(ctx: click.Context, uuid: str) -> None:
    """End it for ever, with its queue."""
    _set(ctx, uuid, Status.CANCELLED, "is cancelled")


def _set(ctx: click.Context, uuid: str, status: Status, told: str) -> None:
    ground = ground_of(ctx)
    by = By(_ACTOR, ground.outbox.clock.now())
    with _possible(), ground.database.write() as connection:
        if not set_status(connection, limits_of(ground.settings.subscriptions), uuid, status, by):
            raise click.ClickException(f"subscription {uuid} is {status} already")
    click.echo(f"subscription {uuid} {told}")
