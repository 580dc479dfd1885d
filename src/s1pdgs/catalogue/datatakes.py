"""The account of each data take, from `REP_L0PSA_` reports: what arrived, what is missing and why, and its products.

The newest report wins. Versions of a product that it does not name any more are marked as superseded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import receptions
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import held_names
from s1pdgs.catalogue.receptions import Reception
from s1pdgs.catalogue.values import from_json, to_json
from s1pdgs.formats.l0.report import DataTakeReport
from s1pdgs.formats.names import NamingError, ProductName

_TOGETHER = timedelta(seconds=1)
_BATCH = 500
_BRIEF = [column for column in t.datatake.c if column.name != "account"]


@frozen
class ListedDataTake:
    """A data take in brief; `number` is that of its account. Losses are in packets."""

    number: int
    satellite: str
    datatake: int
    mode: str
    start: datetime
    stop: datetime
    packets: int
    lost_in_downlink: int
    lost_in_instrument: int
    slices: int
    slices_made: int
    whole: bool

    @property
    def state(self) -> str:
        """`complete`, or what is wrong, the worst first."""
        if self.lost_in_downlink or self.lost_in_instrument:
            return "gaps"
        return "complete" if self.whole else "partial"


@frozen
class Version:
    """A product of a data take; `slice` is its place on the grid, 0 for the whole data take."""

    product: str
    type: str
    slice: int
    superseded_by: str | None
    superseded_at: datetime | None


@frozen
class DataTakeAccount:
    """All that is known of a data take. `held` maps names that the report tells to those of the catalogue."""

    brief: ListedDataTake
    report: DataTakeReport
    name: str
    reported_at: datetime
    held: Mapping[str, str]
    versions: tuple[Version, ...]
    receptions: tuple[Reception, ...]


def record(connection: sa.Connection, report: DataTakeReport, name: str, at: datetime) -> bool:
    """Take a report that was made at `at` into the account; False when a newer one is there."""
    known = _known(connection, report)
    if known is not None and (known.reported_at > at or known.report == name):
        return False
    values = {
        "start": report.start,
        "stop": report.stop,
        "report": name,
        "reported_at": at,
        "packets": sum(stream.packets for stream in report.streams),
        "lost_in_downlink": sum(stream.lost_in_downlink for stream in report.streams),
        "lost_in_instrument": sum(stream.lost_in_instrument for stream in report.streams),
        "slices": len(report.slices),
        "slices_made": sum(each.product is not None for each in report.slices),
        "whole": all(stream.starts and stream.ends for stream in report.streams),
        "account": to_json(report),
    }
    if known is None:
        identity = {"satellite": report.satellite, "datatake": report.data_take_id, "mode": report.mode}
        inserted = connection.execute(t.datatake.insert().values(**identity, **values))
        number = inserted.inserted_primary_key[0]  # type: ignore[index]
    else:
        number = known.id
        connection.execute(t.datatake.update().where(t.datatake.c.id == number).values(**values))
    _note_versions(connection, number, report, at)
    _note_segments(connection, number, report)
    return True


def _known(connection: sa.Connection, report: DataTakeReport) -> sa.Row[Any] | None:
    """The account of the same data take; RF characterisations of one data take are told apart by their start."""
    take = t.datatake.c
    query = sa.select(t.datatake).where(
        take.satellite == report.satellite, take.datatake == report.data_take_id, take.mode == report.mode
    )
    if report.mode == "RF":
        query = query.where(take.start.between(report.start - _TOGETHER, report.start + _TOGETHER))
    return connection.execute(query.order_by(take.id)).first()


def _note_versions(connection: sa.Connection, number: int, report: DataTakeReport, at: datetime) -> None:
    places = {_name(each.product): each.number for each in report.slices if each.product is not None}
    held = held_names(connection, {_name(product) for product in report.products})
    current = {product: _place(product, places.get(made, 0)) for made, product in held.items()}
    table = t.datatake_product
    known = {row.product: row for row in connection.execute(sa.select(table).where(table.c.datatake_id == number))}
    for product, place in current.items():
        values = {"type": place[0], "slice": place[1], "superseded_by": None, "superseded_at": None}
        if product not in known:
            connection.execute(table.insert().values(datatake_id=number, product=product, **values))
        elif known[product].superseded_by is not None:
            own = sa.and_(table.c.datatake_id == number, table.c.product == product)
            connection.execute(table.update().where(own).values(**values))
    heirs = {place: product for product, place in current.items()}
    for product, row in known.items():
        heir = heirs.get(_place(product, row.slice))
        if product not in current and row.superseded_by is None and heir is not None:
            marked = table.update().where(table.c.datatake_id == number, table.c.product == product)
            connection.execute(marked.values(superseded_by=heir, superseded_at=at))


def _place(product: str, slice_number: int) -> tuple[str, int, str]:
    """What the versions of a product share. RF products have one polarisation each; others may gain one."""
    try:
        name = ProductName.parse(product)
    except NamingError:
        return "", slice_number, product
    return name.product_type, slice_number, name.polarisation if name.mode == "RF" else ""


def _note_segments(connection: sa.Connection, number: int, report: DataTakeReport) -> None:
    connection.execute(t.datatake_segment.delete().where(t.datatake_segment.c.datatake_id == number))
    rows = [{"datatake_id": number, "segment": name} for name in sorted({_name(each) for each in report.segments})]
    if rows:
        connection.execute(t.datatake_segment.insert(), rows)


def _name(path: str) -> str:
    return PurePosixPath(path).name


def grid_start_of(connection: sa.Connection, satellite: str, datatake: int) -> datetime | None:
    """Where the grid of slices of a data take begins; None before its first report, and where there are no slices."""
    take = t.datatake.c
    query = sa.select(take.account).where(take.satellite == satellite, take.datatake == datatake)
    for account in connection.scalars(query.order_by(take.id)):
        report = from_json(DataTakeReport, account)
        if report.slice_length_s > 0:
            return report.grid_start
    return None


def listed(connection: sa.Connection, datatakes: Sequence[int]) -> list[ListedDataTake]:
    """The data takes of some mission identifiers that a report told, in order of time."""
    found: list[ListedDataTake] = []
    for begin in range(0, len(datatakes), _BATCH):
        query = sa.select(*_BRIEF).where(t.datatake.c.datatake.in_(datatakes[begin : begin + _BATCH]))
        found.extend(_brief(row) for row in connection.execute(query))
    return sorted(found, key=lambda brief: (brief.start, brief.number))


def account_numbered(connection: sa.Connection, number: int) -> DataTakeAccount | None:
    """The account of a number."""
    row = connection.execute(sa.select(t.datatake).where(t.datatake.c.id == number)).first()
    return None if row is None else _account(connection, row)


def _account(connection: sa.Connection, row: sa.Row[Any]) -> DataTakeAccount:
    report = from_json(DataTakeReport, row.account)
    product, segment = t.datatake_product, t.datatake_segment
    versions = sa.select(product).where(product.c.datatake_id == row.id)
    segments = connection.scalars(sa.select(segment.c.segment).where(segment.c.datatake_id == row.id))
    return DataTakeAccount(
        brief=_brief(row),
        report=report,
        name=row.report,
        reported_at=row.reported_at,
        held=held_names(connection, {_name(each) for each in report.products}),
        versions=tuple(
            Version(each.product, each.type, each.slice, each.superseded_by, each.superseded_at)
            for each in connection.execute(versions.order_by(product.c.slice, product.c.type, product.c.product))
        ),
        receptions=tuple(receptions.of_products(connection, segments.all())),
    )


def _brief(row: sa.Row[Any]) -> ListedDataTake:
    return ListedDataTake(
        number=row.id,
        satellite=row.satellite,
        datatake=row.datatake,
        mode=row.mode,
        start=row.start,
        stop=row.stop,
        packets=row.packets,
        lost_in_downlink=row.lost_in_downlink,
        lost_in_instrument=row.lost_in_instrument,
        slices=row.slices,
        slices_made=row.slices_made,
        whole=row.whole,
    )
