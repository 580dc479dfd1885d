"""`s1pdgs source …`: which stations are well, what is late, what was set aside, and to fetch it again."""

from datetime import datetime
from typing import Any

import click

from s1pdgs.cli import ground_of, show_rows
from s1pdgs.ground import GroundSegment
from s1pdgs.inbox import arrivals
from s1pdgs.inbox.files import retry_file

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("source", context_settings=_HELP)
def command() -> None:
    """Look at the stations that are polled, and at what they did not deliver."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List sources: how each one is, and what is late.

    `health` is well, behind (something waits since an hour), trouble (see the note), silent (nobody polls it) or not
    polled. Exit code 1 when one of them is not well or an hour behind, so that a watchdog can ask.
    """
    ground = ground_of(ctx)
    now, polls = ground.outbox.clock.now(), {source.name: source.poll_s for source in ground.settings.sources}
    with ground.database.read() as connection:
        found = arrivals.sources(connection, polls, now)
        open_sessions = arrivals.count_open(connection)
    show_rows([_row(one, open_sessions.get(one.name, 0), now) for one in found], as_json, "no sources: see [[sources]]")
    if any(one.name in polls and (one.health != "well" or one.is_late(now)) for one in found):
        ctx.exit(1)


def _row(source: arrivals.SourceView, sessions: int, now: datetime) -> dict[str, Any]:
    return {
        "source": source.name,
        "health": "behind" if source.health == "well" and source.is_late(now) else source.health,
        "polled": _since(source.polled_at, now),
        "open sessions": sessions,
        "to fetch": source.due_files,
        "oldest": _since(source.oldest_due, now),
        "seen until": None if source.reached is None else f"{source.reached:%Y-%m-%dT%H:%M:%SZ}",
        "note": source.error,
    }


@command.command("late")
@click.option("--limit", default=50, show_default=True, help="How many, open ones first, then those that ended last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def late(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List sessions that are not complete, and what they lack."""
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    with ground.database.read() as connection:
        found = arrivals.sessions(connection, limit, lacking=True)
    rows = [
        {
            "session": one.id,
            "source": one.source,
            "station": one.station,
            "state": one.state,
            "known": _since(one.first_seen, now),
            "blocks": ", ".join(f"ch{each.number} {each.stored}/{_goal(each)}" for each in one.channels),
            "note": one.reason,
        }
        for one in found
    ]
    show_rows(rows, as_json, "every session is complete")


def _goal(channel: arrivals.ChannelView) -> str:
    return f"{channel.goal}{'+' if channel.expected is None else ''}"


@command.command("aside")
@click.option("--limit", default=50, show_default=True, help="How many, the latest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def aside(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List files that are set aside, and why."""
    ground = ground_of(ctx)
    now = ground.outbox.clock.now()
    with ground.database.read() as connection:
        found = arrivals.quarantined(connection, limit)
    rows = [
        {"source": one.source, "id": one.remote_id, "since": _since(one.at, now), "name": one.name, "note": one.reason}
        for one in found
    ]
    show_rows(rows, as_json, "nothing is set aside")


@command.command("retry")
@click.argument("source")
@click.argument("identifiers", metavar="ID...", nargs=-1, required=True)
@click.pass_context
def retry(ctx: click.Context, source: str, identifiers: tuple[str, ...]) -> None:
    """Fetch files again that are set aside.

    `s1pdgs source aside` tells their IDs.
    """
    ground: GroundSegment = ground_of(ctx)
    with ground.database.write() as connection:
        for identifier in identifiers:
            if not retry_file(connection, source, identifier, ground.outbox.clock.now()):
                raise click.ClickException(
                    f"{source} has no file {identifier} that is set aside; `s1pdgs source aside` lists what is"
                )
    click.echo(f"{len(identifiers)} to be fetched again from {source}")


def _since(moment: datetime | None, now: datetime) -> str | None:
    """How long ago, in one unit."""
    if moment is None:
        return None
    passed = max((now - moment).total_seconds(), 0.0)
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed >= 2 * seconds:
            return f"{passed / seconds:.0f} {unit} ago"
    return f"{passed:.0f} s ago"
