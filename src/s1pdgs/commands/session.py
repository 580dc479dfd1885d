"""`s1pdgs session …`: act on downlink sessions."""

import click

from s1pdgs.cli import ground_of
from s1pdgs.inbox.deliveries import OPEN, receive_again
from s1pdgs.inbox.sessions import find_session


@click.group("session", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Act on downlink sessions."""


@command.command("again")
@click.argument("delivery", metavar="SESSION")
@click.pass_context
def again(ctx: click.Context, delivery: str) -> None:
    """Let a session whose files went come from its station again, all blocks of it.

    It becomes the product that it was. Of one that came from a folder, ingest the folder again.
    """
    ground = ground_of(ctx)
    stations = {source.name for source in ground.settings.sources if source.kind == "cadip"}
    with ground.database.write() as connection:
        known = find_session(connection, delivery)
        if known is None:
            raise click.ClickException(f"no session {delivery} was ever announced; s1pdgs products --type SESSION")
        if known.source not in stations:
            raise click.ClickException(
                f"session {delivery} came from {known.source}, which is no station of the settings; "
                "s1pdgs ingest FOLDER takes it in again"
            )
        if not receive_again(connection, delivery, known.source, ground.outbox.clock.now()):
            why = "is on its way" if known.state == OPEN else "need not come again: its files are here"
            raise click.ClickException(f"session {delivery} {why}")
    click.echo(f"session {delivery} comes from {known.source} again")
