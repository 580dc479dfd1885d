"""`s1pdgs campaign …`: process a period again, with a pinned processor and auxiliary baseline."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from s1pdgs.cli import ground_of, show_rows
from s1pdgs.commands.order import UtcTime, chains_file_of, parse_parameters, planner_of
from s1pdgs.formats.files import atomic_file
from s1pdgs.ground import GroundSegment
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns import report as campaign_report
from s1pdgs.triggers.campaigns.asked import asked_of, plan_of, read_names
from s1pdgs.triggers.campaigns.campaign import PRIORITY, Action, CampaignError, UnknownCampaign
from s1pdgs.triggers.campaigns.progress import as_row, progress, to_json
from s1pdgs.triggers.chains import ChainError

_HELP = {"help_option_names": ["-h", "--help"]}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("campaign", context_settings=_HELP)
def command() -> None:
    """Process a period again, below all systematic work."""


@contextmanager
def _known() -> Iterator[None]:
    """Within the block what is wrong with a campaign is told to the user."""
    try:
        yield
    except (CampaignError, UnknownCampaign, ChainError) as error:
        raise click.ClickException(str(error)) from None


@command.command("create")
@click.argument("name", metavar="NAME")
@click.option("--type", "kind", required=True, help="What to make, like IW_GRDH_1S.")
@click.option("--start", type=UtcTime(), required=True, help="Of what was sensed from here (UTC) ...")
@click.option("--stop", type=UtcTime(), required=True, help="... to here.")
@click.option("--area", metavar="WKT", help="Only what touches this area (longitudes and latitudes in degrees).")
@click.option("--satellite", help="Only of this satellite.")
@click.option("--chain-file", type=_FILE, help="Pin the chains of this file; else those that are configured.")
@click.option("--chain", help="The chain that makes it, where several do.")
@click.option("--through", multiple=True, metavar="CHAIN", help="A chain before that one, first to last (repeatable).")
@click.option("--aux-as-of", type=UtcTime(), help="Use only auxiliary products catalogued until then (UTC).")
@click.option("--aux", type=_FILE, help="Use only the auxiliary products named in this file, one a line.")
@click.option("--parameter", "parameters", multiple=True, metavar="K=V", help="Set this parameter (repeatable).")
@click.option("--priority", default=PRIORITY, show_default=True, help="0 to 9; systematic work has 10 and more.")
@click.option("--limit", default=1, show_default=True, help="Jobs in the queue at once.")
@click.pass_context
def create(
    ctx: click.Context,
    /,
    *,
    kind: str,
    chain_file: Path | None,
    aux: Path | None,
    parameters: tuple[str, ...],
    **words: Any,
) -> None:
    """Create a campaign and let it begin."""
    ground = ground_of(ctx)
    told = {name: value for name, value in words.items() if value is not None}
    with _known():
        names = {} if aux is None else {"aux": read_names(aux)}
        asked = asked_of({**told, **names, "type": kind, "parameters": parse_parameters(parameters)})
        plan = plan_of(asked, chain_file or chains_file_of(ground))
        with ground.database.write() as connection:
            campaigns.create(connection, plan, ground.outbox.clock)
    click.echo(f"campaign {plan.name} begins: {' > '.join(plan.way)}")
    _remark(ground, plan.at_once)


@command.command("list")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List campaigns with their progress, newest first."""
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    with ground.database.read() as connection:
        found = campaigns.newest(connection, limit)
        rows = [as_row(campaign, progress(connection, campaign, now)) for campaign in found]
    show_rows(rows, as_json, "no campaigns")


@command.command("show")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Tell what a campaign does and how far it is."""
    ground = ground_of(ctx)
    with _known(), ground.database.read() as connection:
        campaign = campaigns.find(connection, name)
        told = progress(connection, campaign, ground.outbox.clock.now())
    if as_json:
        click.echo(json.dumps(to_json(campaign, told), indent=1))
    else:
        click.echo("\n".join(campaign_report.summary(campaign, told)))


@command.command("pause")
@click.argument("name", metavar="NAME")
@click.pass_context
def pause(ctx: click.Context, name: str) -> None:
    """Place no more jobs; those in the queue are done."""
    _act(ctx, name, Action.PAUSE)
    click.echo(f"campaign {name} is paused")


@command.command("resume")
@click.argument("name", metavar="NAME")
@click.pass_context
def resume(ctx: click.Context, name: str) -> None:
    """Go on after a pause."""
    _act(ctx, name, Action.RESUME)
    click.echo(f"campaign {name} goes on")


@command.command("cancel")
@click.argument("name", metavar="NAME")
@click.pass_context
def cancel(ctx: click.Context, name: str) -> None:
    """Give a campaign up with its jobs; what it made stays."""
    _act(ctx, name, Action.CANCEL)
    click.echo(f"campaign {name} is cancelled")


def _act(ctx: click.Context, name: str, action: Action) -> None:
    ground = ground_of(ctx)
    with _known(), ground.database.write() as connection:
        done = campaigns.act(planner_of(ground), connection, name, action)
    if not done:
        raise click.ClickException(action.lack(name))


@command.command("throttle")
@click.argument("name", metavar="NAME")
@click.argument("limit", type=int, metavar="JOBS")
@click.pass_context
def throttle(ctx: click.Context, name: str, limit: int) -> None:
    """Change how many jobs are in the queue at once."""
    ground = ground_of(ctx)
    with _known(), ground.database.write() as connection:
        campaigns.throttle(connection, name, limit)
    click.echo(f"campaign {name} has at most {limit} jobs in the queue")
    _remark(ground, limit)


def _remark(ground: GroundSegment, limit: int) -> None:
    slots = ground.settings.work.slots
    if limit >= slots > 1:
        click.echo(f"its jobs may hold all {slots} slots; systematic work then waits until one of them ends", err=True)


@command.command("report")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.pass_context
def report(ctx: click.Context, name: str, output: Path | None, *, as_json: bool) -> None:
    """Tell every unit: its job, processor, inputs, products, failures, and the differences to the systematic run."""
    ground = ground_of(ctx)
    with _known(), ground.database.read() as connection:
        campaign = campaigns.find(connection, name)
        told = progress(connection, campaign, ground.outbox.clock.now())
        if as_json:
            pieces = campaign_report.as_json(connection, campaign, told)
        else:
            pieces = (f"{line}\n" for line in campaign_report.as_text(connection, campaign, told))
        if output is None:
            sys.stdout.writelines(pieces)
            return
        try:
            with atomic_file(output) as stream:
                stream.writelines(piece.encode() for piece in pieces)
        except OSError as error:
            raise click.ClickException(f"{output}: {error.strerror}") from None
    click.echo(f"{output}")
