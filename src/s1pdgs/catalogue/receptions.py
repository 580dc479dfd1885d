"""The account of each reception: its frames and bytes, and what was made of it, from `REP_ACQNR_` reports.

A report covers the deliveries of a pass that were merged. It takes the place of every report about no other deliveries.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import held_names
from s1pdgs.catalogue.values import from_json, to_json
from s1pdgs.formats.l0.report import AcquisitionReport


@frozen
class Reception:
    """What a report told of a pass; `products` are the names that the catalogue has for what was made of it."""

    report: AcquisitionReport
    name: str
    reported_at: datetime
    products: tuple[str, ...]


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
            _add_products(connection, row.id, products)
            return False
    for row in rows:
        if _deliveries(from_json(AcquisitionReport, row.account)) <= ours:
            products |= set(_products(connection, row.id))
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
    _add_products(connection, inserted.inserted_primary_key[0], products)  # type: ignore[index]
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
            products=tuple(_products(connection, row.id)),
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


def _products(connection: sa.Connection, reception: int) -> list[str]:
    table = t.reception_product
    query = sa.select(table.c.product).where(table.c.reception_id == reception).order_by(table.c.product)
    return list(connection.scalars(query))


def _add_products(connection: sa.Connection, reception: int, products: Iterable[str]) -> None:
    new = set(products) - set(_products(connection, reception))
    if new:
        rows = [{"reception_id": reception, "product": product} for product in sorted(new)]
        connection.execute(t.reception_product.insert(), rows)
