"""`s1pdgs get`: find and download products of an OData service or a STAC API."""

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from s1pdgs.model.time import SystemClock, parse_utc
from s1pdgs.stations import stac
from s1pdgs.stations.errors import StationError
from s1pdgs.stations.get import Listed, Observer, Result, State, Wish, get, listed
from s1pdgs.stations.http import StationHttp, open_http
from s1pdgs.stations.profile import Credentials, Kind, Profile, Retry

_NAME_COLUMNS = 32
_WIDE = 100
"""Columns of a terminal that has room for sizes and rates."""
_BESIDE_NAMES = 12
_INTERRUPTED = 130


class _Moment(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_utc(value)
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time, such as 2026-01-05 or 2026-01-05T10:42:00Z", param, ctx)


class _Box(click.ParamType[tuple[float, float, float, float]]):
    name = "box"

    def convert(
        self, value: str | tuple[float, float, float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        if isinstance(value, tuple):
            return value
        try:
            west, south, east, north = (float(edge) for edge in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no box of west,south,east,north, such as 9,44,20,48", param, ctx)
        return west, south, east, north


@click.command("get", context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option(
    "--url",
    envvar="S1PDGS_GET_URL",
    default="http://127.0.0.1:8100/odata/v1",
    help="Root of the OData service, ours or another one that speaks like a PRIP.",
)
@click.option("--stac", "stac_url", envvar="S1PDGS_GET_STAC", help="Landing page of a STAC API, in place of --url.")
@click.option("--type", "kind", help="Product type, such as IW_GRDH_1S (OData).")
@click.option("--collection", "collections", multiple=True, help="Collection of items (STAC, repeatable).")
@click.option("--start", type=_Moment(), help="Sensing at or after this UTC time.")
@click.option("--stop", type=_Moment(), help="Sensing at or before this UTC time.")
@click.option("--area", metavar="WKT", help="Footprint meets this area, in longitude and latitude.")
@click.option("--bbox", "box", type=_Box(), help="Footprint meets this box, west,south,east,north (STAC).")
@click.option("--filter", "condition", metavar="EXPRESSION", help="A $filter, or CQL2 for STAC, joined by 'and'.")
@click.option("--asset", "assets", multiple=True, help="Download this asset, not the product (STAC, repeatable).")
@click.option("--limit", type=click.IntRange(1), help="Not more products than this, the newest (STAC: the first).")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where files go.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, help="Downloads at a time.")
@click.option("--attempts", type=click.IntRange(1), default=5, help="Tries in a row that may bring nothing.")
@click.option("--list", "only_list", is_flag=True, help="List the products and download nothing.")
@click.option("--token-url", envvar="S1PDGS_GET_TOKEN_URL", help="Where OAuth 2 tokens are had.")
@click.option("--client-id", envvar="S1PDGS_GET_CLIENT_ID", help="The OAuth 2 client.")
@click.option("--user", envvar="S1PDGS_GET_USER", help="User name; the password is read from S1PDGS_GET_PASSWORD.")
@click.option("--trust", "trusted", multiple=True, metavar="HOST", help="Log in at this host of files, too.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificates to trust.")
def command(**given: Any) -> None:
    """Download products whose names begin with NAMES, or that the options choose.

    From a STAC API (--stac), NAMES are whole identifiers of items. Broken downloads go on where they stopped, also in a
    later run; each file is proven by the size and checksum that were told before it has its name. The exit code is 1
    when a product could not be had.
    """
    asked = _Asked(**given)
    wish, profile = asked.wish(), asked.profile()
    http = open_http(profile, SystemClock())
    with http.client:
        try:
            products = list(_listed(http, wish, asked.limit))
        except StationError as error:
            raise click.ClickException(str(error)) from error
        if asked.only_list:
            for product in products:
                click.echo(f"{product.name}  {_size(product.size)}{'' if product.online else '  offline'}")
            return
        if not products:
            raise click.ClickException(f"{profile.url} has no product like that")
        results = _downloaded(http, products, asked.out, asked.parallel)
    _tell(results, asked.out)
    sys.exit(1 if any(result.state is State.FAILED for result in results) else 0)


@frozen(kw_only=True)
class _Asked:
    """The options, by their names."""

    names: tuple[str, ...]
    url: str
    stac_url: str | None
    kind: str | None
    collections: tuple[str, ...]
    start: datetime | None
    stop: datetime | None
    area: str | None
    box: tuple[float, float, float, float] | None
    condition: str | None
    assets: tuple[str, ...]
    limit: int | None
    out: Path
    parallel: int
    attempts: int
    only_list: bool
    token_url: str | None
    client_id: str | None
    user: str | None
    trusted: tuple[str, ...]
    ca_file: Path | None

    def wish(self) -> Wish | stac.ItemWish:
        """What is wanted; raises `click.UsageError` for options that mean nothing to the service, or for none."""
        wish: Wish | stac.ItemWish
        if self.stac_url is None:
            only_stac = {"--collection": self.collections, "--bbox": self.box, "--asset": self.assets}
            _refuse(self.url, only_stac, "STAC; give --stac URL")
            wish = Wish(self.names, self.kind, self.start, self.stop, self.area, self.condition)
        else:
            _refuse(self.stac_url, {"--type": self.kind}, "OData; give --collection or --filter")
            wish = stac.ItemWish(
                self.names, self.collections, self.box, self.start, self.stop, self.area, self.condition, self.assets
            )
        if wish in {Wish(), stac.ItemWish(assets=self.assets)} and self.limit is None:
            raise click.UsageError("say what you want: NAMES, --type, --start, --stop, --area, --filter or --limit")
        return wish

    def profile(self) -> Profile:
        """The service as a source."""
        return Profile(
            name="get",
            kind=Kind.AUXIP,
            url=self.stac_url or self.url,
            credentials=Credentials(self.token_url, self.user, _password(self.user), self.client_id, _secret()),
            trusted_hosts=self.trusted,
            parallel_downloads=self.parallel,
            ca_file=self.ca_file,
            retry=Retry(self.attempts),
        )


def _downloaded(http: StationHttp, products: list[Listed], out: Path, parallel: int) -> list[Result]:
    """Download behind a display. Who interrupts it waits for nothing: parts may break off anywhere."""
    try:
        with _Display(products) as display:
            return get(http, products, out, parallel, display.observer())
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command goes on with what has arrived in {out.resolve()}", err=True)
        sys.stderr.flush()
        os._exit(_INTERRUPTED)


def _refuse(url: str, given: Mapping[str, object], others: str) -> None:
    """Refuse options that mean nothing to a service."""
    for name, value in given.items():
        if value:
            raise click.UsageError(f"{url} is asked without {name}, which is of {others}")


def _listed(http: StationHttp, wish: Wish | stac.ItemWish, limit: int | None) -> Iterator[Listed]:
    if isinstance(wish, Wish):
        return listed(http, wish, limit)
    try:
        wish.parameters()
    except ValueError as error:
        raise click.UsageError(f"--area: {error}") from None
    return stac.listed(http, wish, limit)


def _password(user: str | None) -> str | None:
    return os.environ.get("S1PDGS_GET_PASSWORD") if user else None


def _secret() -> str | None:
    return os.environ.get("S1PDGS_GET_CLIENT_SECRET")


class _Display:
    """A bar for everything and one for each download under way; nothing moves where the output is no terminal."""

    def __init__(self, products: list[Listed]) -> None:
        console = Console(stderr=True)
        percentage = TextColumn("{task.percentage:>3.0f}%")
        rates = DownloadColumn(binary_units=False), TransferSpeedColumn(), TimeRemainingColumn(compact=True)
        columns: tuple[ProgressColumn, ...] = rates if console.width >= _WIDE else (percentage,)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None if console.width < _WIDE else 30),
            *columns,
            console=console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._room = min(_NAME_COLUMNS, max(console.width - _BESIDE_NAMES, 8))
        total = sum(product.size or 0 for product in products)
        self._all = self._progress.add_task(f"{len(products)} products".ljust(self._room), total=total)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "_Display":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def observer(self) -> Observer:
        return Observer(self._begun, self._received, self._ended)

    def _begun(self, product: Listed, held: int) -> None:
        self._forget(product)
        self._tasks[product.id] = self._progress.add_task(
            _shortened(product.name, self._room), total=product.size, completed=held
        )
        self._progress.advance(self._all, held)

    def _received(self, product: Listed, size: int) -> None:
        self._progress.advance(self._tasks[product.id], size)
        self._progress.advance(self._all, size)

    def _ended(self, result: Result) -> None:
        self._forget(result.product)
        if result.state is State.HAD:
            self._progress.advance(self._all, result.bytes)
        if result.state is State.FAILED:
            why = str(result.why).removeprefix(result.product.name).removeprefix(": ").strip()
            told = f"{result.product.name}: {why}"
            self._progress.console.print(told, markup=False, highlight=False, soft_wrap=True)

    def _forget(self, product: Listed) -> None:
        task = self._tasks.pop(product.id, None)
        if task is not None:
            self._progress.remove_task(task)


def _shortened(name: str, room: int) -> str:
    return name if len(name) <= room else f"{name[: room - 1]}…"


def _tell(results: list[Result], out: Path) -> None:
    counts = {state: [result for result in results if result.state is state] for state in State}
    got = sum(result.bytes for result in counts[State.GOT])
    parts = [f"{len(counts[State.GOT])} downloaded ({_size(got)})"]
    if counts[State.HAD]:
        parts.append(f"{len(counts[State.HAD])} were here already")
    if counts[State.FAILED]:
        parts.append(f"{len(counts[State.FAILED])} failed")
    click.echo(f"{', '.join(parts)}: {out.resolve()}")


def _size(count: int | None) -> str:
    if count is None:
        return "size untold"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB"
