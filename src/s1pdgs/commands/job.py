"""`s1pdgs job …` and `s1pdgs jobs`: look at jobs and act on them, one by one or all of a selection."""

import getpass
import json
import socket
from collections.abc import Callable
from typing import Any

import click
import sqlalchemy as sa

from s1pdgs.cli import ground_of, show_rows
from s1pdgs.commands.order import chains_of
from s1pdgs.ground import GroundSegment
from s1pdgs.jobs import operate
from s1pdgs.jobs.listing import Selection, as_row, list_jobs, read_log, select_jobs
from s1pdgs.jobs.operate import Act, Edit, EditError, limit_of, setting_of
from s1pdgs.jobs.queue import UnknownJob
from s1pdgs.jobs.spec import SpecError
from s1pdgs.jobs.telling import as_lines, change_lines, details_of
from s1pdgs.model.job import JobState
from s1pdgs.triggers.gates import MaskShelf
from s1pdgs.triggers.listing import list_waiting
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.replan import replan as replan_job

_HELP = {"help_option_names": ["-h", "--help"]}
_DONE = {
    "retry": "will run again",
    "replan": "gives way to a new one with inputs chosen now",
    "edit": "is changed",
    "park": "is parked",
    "cancel": "is stopped and parked",
    "drop": "is dropped",
}


def selected(command: Callable[..., None]) -> Callable[..., None]:
    """Options that select jobs."""
    for option in (
        click.option("--reason-has", "reason", metavar="TEXT", help="Only jobs whose reason has this text within."),
        click.option("--order", type=int, help="Only jobs of this order."),
        click.option("--chain", help="Only jobs of this chain."),
        click.option(
            "--state",
            "states",
            type=click.Choice([str(state) for state in JobState]),
            multiple=True,
            help="Only of this state (repeatable).",
        ),
    ):
        command = option(command)
    return command


def acting(command: Callable[..., None]) -> Callable[..., None]:
    """Jobs by number or by selection."""
    return click.argument("numbers", type=int, nargs=-1, metavar="[JOB]...")(selected(command))


@click.command("jobs", context_settings=_HELP)
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def jobs_command(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List jobs and the orders that still wait for inputs, newest first."""
    ground = ground_of(ctx)
    with ground.database.read() as connection:
        rows = [*list_waiting(connection, limit), *list_jobs(connection, limit, ground.outbox.clock.now())]
    show_rows(rows, as_json, "no jobs")


@click.group("job", context_settings=_HELP)
def command() -> None:
    """Look at jobs and act on them."""


@command.command("list")
@selected
@click.option("--before", type=int, metavar="JOB", help="Only with a smaller number: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, /, limit: int, *, as_json: bool, **which: Any) -> None:
    """List jobs, newest first, with what they do or why their last attempt failed."""
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    with ground.database.read() as connection:
        rows = [as_row(job, now) for job in select_jobs(connection, Selection(**which), limit)]
    show_rows(rows, as_json, "no jobs")


@command.command("show")
@click.argument("number", type=int, metavar="JOB")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, number: int, *, as_json: bool) -> None:
    """Tell all that is known of a job: limits, parameters, products, attempts, and what operators did to it."""
    ground = ground_of(ctx)
    try:
        with ground.database.read() as connection:
            told = details_of(connection, number, ground.outbox.clock.now())
    except (UnknownJob, SpecError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(told, indent=1) if as_json else "\n".join(as_lines(told)))


@command.command("log")
@click.argument("number", type=int, metavar="JOB")
@click.option("--attempt", type=int, help="Of this attempt; default: the last.")
@click.pass_context
def log(ctx: click.Context, number: int, attempt: int | None) -> None:
    """Print the log of a job's last attempt, or of another."""
    ground = ground_of(ctx)
    try:
        with ground.database.read() as connection:
            click.echo(read_log(connection, ground.store, ground.work_root / "jobs", number, attempt), nl=False)
    except UnknownJob as error:
        raise click.ClickException(str(error)) from None


@command.command("retry")
@acting
@click.option("--replan", is_flag=True, help="By a new job whose inputs the order chooses from what is held now.")
@click.option("--reason", "why", help="Kept with the job.")
@click.pass_context
def retry(ctx: click.Context, /, numbers: tuple[int, ...], *, replan: bool, why: str | None, **which: Any) -> None:
    """Let parked jobs run again with new attempts."""
    ground = ground_of(ctx)
    if replan:
        _act(ground, "replan", numbers, which, _replanning(ground, why))
    else:
        _act(ground, "retry", numbers, which, _doing(ground, operate.retry, why))


@command.command("park")
@acting
@click.option("--reason", "why", help="Kept with the job.")
@click.pass_context
def park(ctx: click.Context, /, numbers: tuple[int, ...], *, why: str | None, **which: Any) -> None:
    """Set ready or running jobs aside; attempts that run are stopped."""
    ground = ground_of(ctx)
    _act(ground, "park", numbers, which, _doing(ground, operate.park, why))


@command.command("cancel")
@acting
@click.option("--reason", "why", help="Kept with the job.")
@click.option("--drop", is_flag=True, help="Give the jobs up instead of parking them.")
@click.pass_context
def cancel(ctx: click.Context, /, numbers: tuple[int, ...], *, drop: bool, why: str | None, **which: Any) -> None:
    """Stop attempts that run; their jobs are parked."""
    ground = ground_of(ctx)
    _act(ground, "cancel", numbers, which, _doing(ground, operate.give_up if drop else operate.cancel, why))


@command.command("drop")
@acting
@click.option("--reason", "why", help="Kept with the job.")
@click.pass_context
def drop(ctx: click.Context, /, numbers: tuple[int, ...], *, why: str | None, **which: Any) -> None:
    """Give jobs up that have not ended, with their orders; attempts that run are stopped."""
    ground = ground_of(ctx)
    _act(ground, "drop", numbers, which, _doing(ground, operate.drop, why))


@command.command("edit")
@acting
@click.option("--priority", type=int, help="Higher runs first: PT is 40, NRT 30, FAST24 20, NTC 10.")
@click.option("--attempts", type=int, help="How many failures are allowed from now on.")
@click.option(
    "--limit", "limits", multiple=True, metavar="NAME=VALUE", help="Such as memory_mb=16000; 'none' takes it off."
)
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="Of the job order (repeatable).")
@click.pass_context
def edit(
    ctx: click.Context,
    /,
    numbers: tuple[int, ...],
    *,
    priority: int | None,
    attempts: int | None,
    limits: tuple[str, ...],
    parameters: tuple[str, ...],
    **which: Any,
) -> None:
    """Change ready or parked jobs: limits, parameters, priority, attempts. A parked one stays parked: retry it."""
    try:
        wanted = Edit(priority, attempts, dict(map(limit_of, limits)), dict(map(setting_of, parameters)))
    except EditError as error:
        raise click.ClickException(str(error)) from None
    if wanted == Edit():
        raise click.UsageError("nothing to change: give --priority, --attempts, --limit or --parameter")
    ground = ground_of(ctx)

    def act(connection: sa.Connection, job: int) -> bool:
        changes = operate.edit(connection, ground.outbox, job, _actor(), wanted)
        for line in change_lines(changes or {}):
            click.echo(f"job {job}: {line}")
        return changes is not None

    try:
        _act(ground, "edit", numbers, which, act)
    except EditError as error:
        raise click.ClickException(str(error)) from None


def _actor() -> str:
    return f"{getpass.getuser()} on {socket.gethostname()}"


def _doing(ground: GroundSegment, act: Callable[..., bool], why: str | None) -> Act:
    return lambda connection, job: act(connection, ground.outbox, job, _actor(), why)


def _replanning(ground: GroundSegment, why: str | None) -> Act:
    planner = Planner(chains_of(ground), ground.outbox, MaskShelf(ground.store))
    return lambda connection, job: replan_job(planner, connection, job, _actor(), why) is not None


def _act(ground: GroundSegment, action: str, numbers: tuple[int, ...], which: dict[str, Any], act: Act) -> None:
    """Act on the jobs of these numbers, each in a transaction of its own, or on all of a selection."""
    selection = Selection(**which)
    if bool(numbers) == (selection != Selection()):
        raise click.UsageError("tell which jobs: by their numbers, or by --state, --chain, --order, --reason-has")
    if not numbers:
        acted = operate.act_on_all(ground.database, selection, action, act)
        click.echo("\n".join(f"job {number} {_DONE[action]}" for number in acted) or "no job is selected")
        return
    refused = [told for number in numbers if (told := _act_on(ground, action, number, act)) is not None]
    if refused:
        raise click.ClickException("; ".join(refused))


def _act_on(ground: GroundSegment, action: str, number: int, act: Act) -> str | None:
    """Act on one job; why not, when it is not in a state for it."""
    try:
        with ground.database.write() as connection:
            if not act(connection, number):
                return operate.why_not(connection, number, action)
    except (UnknownJob, SpecError) as error:
        return str(error)
    click.echo(f"job {number} {_DONE[action]}")
    return None
