"""`station DIR...`: serve a simulated station until interrupted."""

import signal
from pathlib import Path
from threading import Event

import click

from s1pdgs.simulator.station.content import SESSION_FILE, ContentError, StationContent, read_content
from s1pdgs.simulator.station.faults import Account
from s1pdgs.simulator.station.server import RunningStation, serve

LOOK_S = 1.0
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("station", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folders", nargs=-1, metavar="DIR...", type=_FOLDER)
@click.option("--watch", type=_FOLDER, help="Also publish deliveries below this folder, as they appear there.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8500, show_default=True, help="0 takes a free one.")
@click.option(
    "--speedup",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Passes, and the delays of retransfers, go by this much faster.",
)
@click.option("--open", "is_open", is_flag=True, help="Ask for no credentials.")
def station(
    folders: tuple[Path, ...], *, watch: Path | None, host: str, port: int, speedup: float, is_open: bool
) -> None:
    """Serve simulated passes and auxiliary files as a CADIP and AUXIP station; the first pass begins now.

    Each DIR is a delivery: a session of `s1pdgs simulate`, or one that `s1pdgs spoil` made of it (with losses, from
    another station, or as a retransfer, which comes later). One server acts for all stations that are named in them,
    and for each alone under /STATION/odata/v1.
    """
    if not folders and watch is None:
        raise click.UsageError("name a folder with a session (s1pdgs simulate makes one), or --watch a folder")
    account = None if is_open else Account()
    try:
        content = read_content(*folders)
        served = serve(content, host, port, speedup=speedup, account=account)
    except (ContentError, OSError) as error:
        raise click.ClickException(str(error)) from None
    with served as running:
        _describe(running, content, account)
        stopped = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        known: set[Path] = set()
        while not stopped.wait(None if watch is None else LOOK_S):
            if watch is not None:
                _offer_new(running, watch, known)
    click.echo("stopped")


def _describe(running: RunningStation, content: StationContent, account: Account | None) -> None:
    click.echo(f"CADIP and AUXIP at {running.odata_url}, tokens at {running.token_url}")
    if account is not None:
        click.echo(f"client {account.client_id}/{account.client_secret}, user {account.username}/{account.password}")
    for session in content.sessions:
        click.echo(f"{session.label:8} {session.id}, {len(session.blocks)} blocks")


def _offer_new(running: RunningStation, watch: Path, known: set[Path]) -> None:
    """Publish the deliveries below a folder that are not known yet; `session.json` is the last file of one."""
    for source in sorted({*watch.glob(f"*/{SESSION_FILE}"), *watch.glob(SESSION_FILE)} - known):
        known.add(source)
        try:
            running.offer(source.parent)
        except (ContentError, OSError) as error:
            click.echo(f"not published: {error}", err=True)
        else:
            click.echo(f"published {source.parent}")
