"""`station DIR`: serve a simulated station until interrupted."""

import signal
from pathlib import Path
from threading import Event

import click

from s1pdgs.simulator.station.content import ContentError, read_content
from s1pdgs.simulator.station.faults import Account
from s1pdgs.simulator.station.server import serve


@click.command("station")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8500, show_default=True, help="0 takes a free one")
@click.option("--speedup", default=1.0, show_default=True, type=click.FloatRange(min=0, min_open=True))
@click.option("--open", "is_open", is_flag=True, help="ask for no credentials")
def station(folders: tuple[Path, ...], host: str, port: int, speedup: float, is_open: bool) -> None:
    """Serve simulated passes and auxiliary files as a CADIP and AUXIP station; the pass begins now."""
    account = None if is_open else Account()
    try:
        served = serve(read_content(*folders), host, port, speedup=speedup, account=account)
    except (ContentError, OSError) as error:
        raise click.ClickException(str(error)) from None
    with served as running:
        click.echo(f"CADIP and AUXIP at {running.odata_url}, tokens at {running.token_url}")
        if account is not None:
            click.echo(
                f"client {account.client_id}/{account.client_secret}, user {account.username}/{account.password}"
            )
        stopped = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()
    click.echo("stopped")
