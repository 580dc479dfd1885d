"""The account of each reception: its frames and bytes, and what was made of it, from `REP_ACQNR_` reports.

A report covers the deliveries of a pass that were merged. It takes the place of every report about no other deliveries,
and its telemetry products supersede those of such a report (segments are superseded in the account of their data take).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import held_names
from s1pdgs.catalogue.values import from_json, to_json
from s1pdgs.formats.l0.report import AcquisitionReport
from s1pdgs.model.interval import Interval

_TELEMETRY = ("GP_RAW__0_", "HK_RAW__0_")


@frozen
class Reception:
    """What a report told of a pass; `products` are the names that the catalogue has for what was made of it, and
    `superseded` tells of some of them which one is newer.
    """

    report: AcquisitionReport
    name: str
    reported_at: datetime
    products: tuple[str, ...]
    superseded: Mapping[str, str]


def record(connection: sa.Connection, report: AcquisitionReport, name: str, at: datetime) -> bool:
    """Take a report that was made at `at` into the account; False when a newer one about the same is there.

    What was made from deliveries that the report covers belongs to it, whichever report told it first.
    """
    rows = _overlapping(connection, report)
    if any(row.report == name for row in rows):
        return False
    made = {PurePosixPath(product).name for product in report.products}
    products = set(held_names(connection, made).values())
    ours = _deliveries(report)
    for row in rows:
        if row.reported_at > at and ours <= _deliveries(from_json(AcquisitionReport, row.account)):
            known = _versions(connection, row.id)
            late = dict.fromkeys(products - set(known), _CURRENT)
            _add_products(connection, row.id, products)
            _supersede(connection, row.id, {name for name in known if known[name].by is None}, late, row.reported_at)
            return False
    earlier: dict[str, _Version] = {}
    for row in rows:
        if _deliveries(from_json(AcquisitionReport, row.account)) <= ours:
            earlier |= _versions(connection, row.id)
            connection.execute(t.reception.delete().where(t.reception.c.id == row.id))
    inserted = connection.execute(
        t.reception.insert().values(
            satellite=report.satellite,
            start=report.start,
            stop=report.stop,
            report=name,
            reported_at=at,
            account=to_json(report),
        )
    )
    number = inserted.inserted_primary_key[0]  # type: ignore[index]
    _add_products(connection, number, products | set(earlier))
    _supersede(connection, number, products, earlier, at)
    return True


def of_products(connection: sa.Connection, products: Iterable[str]) -> list[Reception]:
    """The receptions that products were made from, in order of time."""
    table = t.reception_product
    chosen = sa.select(table.c.reception_id).where(table.c.product.in_(sorted(products)))
    query = sa.select(t.reception).where(t.reception.c.id.in_(chosen)).order_by(t.reception.c.start, t.reception.c.id)
    return [
        Reception(
            report=from_json(AcquisitionReport, row.account),
            name=row.report,
            reported_at=row.reported_at,
            products=tuple(versions := _versions(connection, row.id)),
            superseded={name: heir.by for name, heir in versions.items() if heir.by is not None},
        )
        for row in connection.execute(query).all()
    ]


def _overlapping(connection: sa.Connection, report: AcquisitionReport) -> list[sa.Row[Any]]:
    query = sa.select(t.reception).where(
        t.reception.c.satellite == report.satellite,
        t.reception.c.start <= report.stop,
        t.reception.c.stop >= report.start,
    )
    return list(connection.execute(query.order_by(t.reception.c.id)).all())


def _deliveries(report: AcquisitionReport) -> Counter[str]:
    """How many deliveries of each session a report covers."""
    return Counter(session for session, _ in {(each.session_id, each.delivery) for each in report.receptions})


@frozen
class _Version:
    """Which product supersedes another one, and since when; None for a current one."""

    by: str | None
    at: datetime | None


_CURRENT = _Version(None, None)


def _versions(connection: sa.Connection, reception: int) -> dict[str, _Version]:
    """The products of a reception, by name."""
    table = t.reception_product
    query = sa.select(table).where(table.c.reception_id == reception).order_by(table.c.product)
    return {row.product: _Version(row.superseded_by, row.superseded_at) for row in connection.execute(query)}


def _supersede(
    connection: sa.Connection, reception: int, current: set[str], earlier: Mapping[str, _Version], at: datetime
) -> None:
    """Mark the telemetry products that earlier reports told: a current one of the type that shares time takes their
    place. What was marked before stays so.
    """
    spans = _telemetry(connection, current | set(earlier))
    table = t.reception_product
    for name, version in earlier.items():
        by = version.by
        if by is None and name in spans and name not in current:
            kind, span = spans[name]
            heirs = [each for each in sorted(current & set(spans)) if spans[each][0] == kind]
            by = next((each for each in heirs if spans[each][1].intersects(span)), None)
        if by is not None:
            row = table.update().where(table.c.reception_id == reception, table.c.product == name)
            connection.execute(row.values(superseded_by=by, superseded_at=version.at or at))


def _telemetry(connection: sa.Connection, names: Iterable[str]) -> dict[str, tuple[str, Interval]]:
    """Type and time of the telemetry products among some names."""
    product = t.product.c
    query = sa.select(product.name, product.type, product.start, product.stop).where(
        product.name.in_(sorted(names)), product.type.in_(_TELEMETRY)
    )
    return {row.name: (row.type, Interval(row.start, row.stop)) for row in connection.execute(query)}


def _add_products(connection: sa.Connection, reception: int, products: Iterable[str]) -> None:
    new = set(products) - set(_versions(connection, reception))
    if new:
        rows = [{"reception_id": reception, "product": product} for product in sorted(new)]
        connection.execute(t.reception_product.insert(), rows)
