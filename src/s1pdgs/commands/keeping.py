"""How products are kept, and what to do: `s1pdgs product` `show`, `hold`, `release`, `evict`, `restore`, `archive`,
`publish`, `retention` and `damaged`.
"""

import getpass
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa

from s1pdgs import keeping
from s1pdgs.catalogue import lifecycle
from s1pdgs.catalogue.door import CatalogueError
from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.retention import Form
from s1pdgs.catalogue.tables import product
from s1pdgs.cli import ground_of, show_rows
from s1pdgs.ground import GroundSegment
from s1pdgs.publication.errors import PublicationError
from s1pdgs.publication.lta.copying import copy_again
from s1pdgs.publication.lta.dating import Policy, date
from s1pdgs.publication.lta.eviction import NOT_HERE, upcoming
from s1pdgs.publication.lta.eviction import evict as evict_product
from s1pdgs.publication.lta.needs import needs
from s1pdgs.publication.lta.orders import DEFAULT_PRIORITY, Asked, place
from s1pdgs.publication.lta.telling import as_lines, details
from s1pdgs.publication.publisher import publish_again
from s1pdgs.publication.tables import damaged_object
from s1pdgs.settings import SettingsError

_NAME = click.argument("name", metavar="NAME")


@click.command("show")
@_NAME
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Tell when the files and the zip of a product go, why, and what keeps them."""
    ground = ground_of(ctx)
    with _told(), ground.database.read() as connection:
        lifecycle.number_of(connection, name)
        held = find(connection, name)
        assert held is not None  # noqa: S101  it has a number
        told = details(connection, _policy(ground), held)
    click.echo(json.dumps(told, indent=1) if as_json else "\n".join(as_lines(told)))


@click.command("hold")
@_NAME
@click.option("--reason", required=True, help="Kept with the hold and told to everybody who asks.")
@click.pass_context
def hold(ctx: click.Context, name: str, reason: str) -> None:
    """Put a product under legal hold: nothing of it goes until it is released."""
    ground = ground_of(ctx)
    with _told(), ground.database.write() as connection:
        lifecycle.hold(connection, name, reason, _actor(), ground.outbox.clock.now())
        date(connection, _policy(ground), [lifecycle.number_of(connection, name)])
    click.echo(f"{name} is under legal hold")


@click.command("release")
@_NAME
@click.pass_context
def release(ctx: click.Context, name: str) -> None:
    """End all legal holds of a product; the rules decide on it again."""
    ground = ground_of(ctx)
    with _told(), ground.database.write() as connection:
        count = lifecycle.release(connection, name, _actor(), ground.outbox.clock.now())
        date(connection, _policy(ground), [lifecycle.number_of(connection, name)])
    if not count:
        raise click.ClickException(f"{name} is under no legal hold")
    click.echo(f"{name} is released from {count} legal hold{'' if count == 1 else 's'}")


@click.command("evict")
@_NAME
@click.option("--form", "forms", type=click.Choice([str(form) for form in Form]), multiple=True, help="Default: both.")
@click.pass_context
def evict(ctx: click.Context, name: str, forms: tuple[str, ...]) -> None:
    """Let the files and the zip of a product go before their time, unless something needs them."""
    ground = ground_of(ctx)
    with _told():
        evictor = keeping.evictor_of(ground.settings, ground.database, ground.store, ground.outbox)
        kept = evict_product(evictor, name, [Form(form) for form in forms] or list(Form))
    gone = f"{ground.outbox.clock.now() + evictor.grace:%Y-%m-%d %H:%M:%S}"
    for form, why in kept.items():
        stays = why if why == NOT_HERE else f"stays: {why}"
        click.echo(f"{form}: {f'went; its objects are removed after {gone}' if why is None else stays}")
    if set(kept.values()) - {None, NOT_HERE}:
        ctx.exit(1)


@click.command("restore")
@_NAME
@click.option("--files", is_flag=True, help="The files too, for jobs to read, whatever the type.")
@click.option("--priority", type=click.IntRange(1, 100), default=DEFAULT_PRIORITY, show_default=True, help="100 first.")
@click.pass_context
def restore(ctx: click.Context, name: str, priority: int, *, files: bool) -> None:
    """Order a product that is offline; the number of the order, as the entity set Orders knows it."""
    ground = ground_of(ctx)
    with _told(), ground.database.write() as connection:
        terms = keeping.terms_of(ground.settings, keeping.archive_of(ground.settings))
        order = place(connection, terms, name, Asked(priority, files), ground.outbox.clock.now())
    click.echo(order)


@click.command("archive")
@_NAME
@click.pass_context
def archive(ctx: click.Context, name: str) -> None:
    """Try a failed copy into the archive again."""
    ground = ground_of(ctx)
    with ground.database.write() as connection:
        done = copy_again(connection, name, ground.outbox.clock.now())
    if not done:
        raise click.ClickException(f"{name} has no failed copy; `s1pdgs product show {name}` tells how it is kept")
    click.echo(f"{name} will be copied")


@click.command("publish")
@_NAME
@click.pass_context
def publish(ctx: click.Context, name: str) -> None:
    """Try a failed publication again."""
    ground = ground_of(ctx)
    with ground.database.write() as connection:
        done = publish_again(connection, name, ground.outbox.clock.now())
    if not done:
        raise click.ClickException(f"{name} has no failed publication; `s1pdgs product show {name}` tells how it is")
    click.echo(f"{name} will be published")


@click.command("retention")
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many that go next.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array of those that go next, for machines.")
@click.pass_context
def retention(ctx: click.Context, limit: int, *, as_json: bool) -> None:
    """List the rules, and which files and zips go next and what keeps them."""
    ground = ground_of(ctx)
    with _told():
        policy = _policy(ground)
        with ground.database.read() as connection:
            rows = sorted(
                (row for form in Form for row in _next(connection, policy, form, limit)),
                key=lambda row: str(row["goes"]),
            )
    if not as_json:
        click.echo("".join(f"{rule}\n" for rule in policy.retention.rules))
    show_rows(rows[:limit], as_json, "nothing goes: no product has its time")


@click.command("damaged")
@click.option("--json", "as_json", is_flag=True, help="One JSON array for machines.")
@click.pass_context
def damaged(ctx: click.Context, *, as_json: bool) -> None:
    """List what was found missing or damaged in store and archive and has not been found well since."""
    ground, c = ground_of(ctx), damaged_object.c
    query = sa.select(c.found_at, c.fault, c.place, c.key, product.c.name.label("product")).join(product)
    with ground.database.read() as connection:
        rows = connection.execute(query.order_by(c.found_at, c.key)).mappings().all()
    told = [{**row, "found_at": f"{row['found_at']:%Y-%m-%d %H:%M:%S}"} for row in rows]
    show_rows(told, as_json, "nothing is known to be damaged")


def _next(connection: sa.Connection, policy: Policy, form: Form, limit: int) -> Iterator[dict[str, str | None]]:
    rows = connection.execute(upcoming(form).limit(limit)).all()
    kept = needs(connection, policy.archive, form, [row.id for row in rows])
    for row in rows:
        goes = f"{row.at:%Y-%m-%d %H:%M:%S}"
        yield {"goes": goes, "form": str(form), "name": row.name, "note": kept.get(row.id)}


@contextmanager
def _told() -> Iterator[None]:
    """Within the block what an operator can mend becomes a message."""
    try:
        yield
    except (CatalogueError, PublicationError, SettingsError) as error:
        raise click.ClickException(str(error)) from None


def _policy(ground: GroundSegment) -> Policy:
    return keeping.policy_of(ground.settings, keeping.archive_of(ground.settings))


def _actor() -> str:
    return f"{getpass.getuser()} at {socket.gethostname()}"


COMMANDS = (show, hold, release, evict, restore, archive, publish, retention, damaged)
