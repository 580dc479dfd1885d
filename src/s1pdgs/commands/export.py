"""`s1pdgs export …`: the catalogue as one file."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from s1pdgs.cli import ground_of
from s1pdgs.publication.cql2_text import to_json
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import count
from s1pdgs.publication.stac_filter import cql2

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("export", context_settings=_HELP)
def command() -> None:
    """Write what is published as one file."""


@command.command("geoparquet")
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--filter", "condition", metavar="CQL2", help="Only items that this CQL2 text holds for.")
@click.pass_context
def geoparquet(ctx: click.Context, path: Path, condition: str | None) -> None:
    """Write the STAC items of published products into FILE, for GeoPandas, DuckDB, QGIS and rustac.

    Memory does not grow with their number. FILE is there when all is in it; one of that name is replaced.
    """
    try:
        from s1pdgs.publication.export import write_geoparquet  # noqa: PLC0415  with the extra only
    except ModuleNotFoundError:
        raise click.ClickException("the export needs the extra: pip install 's1pdgs[tools]'") from None
    if not path.absolute().parent.is_dir():
        raise click.ClickException(f"{path.parent} is no folder; make it first")
    ground = ground_of(ctx)
    serve = ground.settings.serve
    site = (serve.base_url or f"http://{serve.host}:{serve.port}").rstrip("/")
    try:
        predicate = ALWAYS if condition is None else cql2(to_json(condition))
        with ground.database.read() as connection, _bar() as bar:
            task = bar.add_task(path.name, total=count(connection, predicate))
            rows = write_geoparquet(
                connection, path, predicate, site, lambda written: bar.update(task, completed=written)
            )
    except QueryError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{rows} items: {path.resolve()} ({path.stat().st_size / 1e6:.1f} MB)")


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
