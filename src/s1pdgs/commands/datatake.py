"""`s1pdgs datatake …` and `s1pdgs account`: is every second accounted for, was everything made, and in time?"""

import json
from datetime import datetime, timedelta

import click

from s1pdgs.catalogue.takes import Standing
from s1pdgs.catalogue.telling import UnknownDataTake, parse_identifier
from s1pdgs.cli import ground_of, show_rows
from s1pdgs.commands.order import UtcTime
from s1pdgs.ground import GroundSegment
from s1pdgs.model.interval import Interval
from s1pdgs.publication import account, figures_text
from s1pdgs.publication.figures import figures
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.expectations import account as expectations
from s1pdgs.triggers.expectations.text import as_row

_HELP = {"help_option_names": ["-h", "--help"]}
_STATES = [str(standing) for standing in Standing]
_WEEK = timedelta(days=7)


@click.group("datatake", context_settings=_HELP)
def command() -> None:
    """Look at data takes: planned, received, what was made of them, what is missing and why."""


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only data takes of this state.")
@click.option("--since", type=UtcTime(), help="Only those that begin at or after this time (UTC).")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json_", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, state: str | None, since: datetime | None, limit: int, *, as_json_: bool) -> None:
    """List the data takes until now, sensed last first; `--state planned` lists those to come."""
    ground = ground_of(ctx)
    standing = None if state is None else Standing(state)
    with ground.database.read() as connection:
        accounts = expectations.newest(
            connection, _chains(ground), ground.outbox.clock.now(), limit, since=since, standing=standing
        )
    show_rows([as_row(each) for each in accounts], as_json_, "no data takes")


@command.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json_", is_flag=True, help="One JSON array of the accounts for machines.")
@click.pass_context
def show(ctx: click.Context, identifier: str, *, as_json_: bool) -> None:
    """Tell the account of data take ID (024A10, or S1A-024A10): its plan, its products, its packets."""
    try:
        number, satellite = parse_identifier(identifier)
    except UnknownDataTake as error:
        raise click.ClickException(str(error)) from None
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    with ground.database.read() as connection:
        accounts = expectations.identified(connection, _chains(ground), now, number, satellite)
        if not accounts:
            raise click.ClickException(f"nothing is known of data take {identifier}; `s1pdgs datatake list` names all")
        if as_json_:
            told = [account.as_json(connection, each, now) for each in accounts]
            click.echo(json.dumps(told, indent=1))
            return
        click.echo("\n\n".join("\n".join(account.as_lines(connection, each, now)) for each in accounts))


@click.command("account", context_settings=_HELP)
@click.option(
    "--from", "start", type=UtcTime(), help="Data takes that begin from here on (UTC); default: a week before --to."
)
@click.option(
    "--to",
    "stop",
    type=UtcTime(),
    help="Data takes that begin until here (UTC); default: now, or the newest one of an archive.",
)
@click.option("--json", "as_json_", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def account_command(ctx: click.Context, start: datetime | None, stop: datetime | None, *, as_json_: bool) -> None:
    """Tell completeness and timeliness: what was expected, made, is pending or missing and why, and what was late."""
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    try:
        with ground.database.read() as connection:
            begin, end = expectations.period(connection, now, _WEEK, start, stop)
            if end < begin:
                raise click.ClickException(f"--to {end} is before --from {begin}")
            time = Interval(begin, end)
            counted = figures(connection, expectations.within(connection, _chains(ground), now, time), now)
    except expectations.TooManyError as error:
        raise click.ClickException(str(error)) from None
    if as_json_:
        click.echo(json.dumps(figures_text.as_json(counted, time), indent=1))
        return
    click.echo("\n".join(figures_text.as_lines(counted, time, now)))


def _chains(ground: GroundSegment) -> Chains:
    try:
        return Chains.read(ground.settings.triggers.chains or SHIPPED)
    except ChainError as error:
        raise click.ClickException(str(error)) from None
