"""What the account of data takes is told from: products, reports and orders of many data takes by few queries."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue import tables as catalogue
from s1pdgs.catalogue.door import attributes_from_json
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import parse_utc
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.expectations.fates import Made, Place, Steps

_BATCH = 500
_Item = TypeVar("_Item")


@frozen
class Ordered:
    """An order with the job of its present round, and the names of all that its jobs made."""

    row: sa.Row[Any]
    job: sa.Row[Any] | None
    outputs: tuple[str, ...]

    @property
    def steps(self) -> Steps:
        ordered: datetime = self.row.opened_at or self.row.created_at
        if self.job is None:
            return Steps(ordered)
        return Steps(ordered, self.job.created_at, self.job.started_at, self.job.finished_at)


@frozen
class Report:
    """What the report of a data take says of its slices, the place of each version of a product that was made of it (0
    for the whole data take), and which versions are superseded.
    """

    places: tuple[Place, ...]
    versions: Mapping[str, int]
    superseded: frozenset[str]


@frozen
class Maker:
    """The chain whose job made a product, and the campaign of the order (0: systematic or by hand)."""

    chain: str
    campaign: int


def products_of(
    connection: sa.Connection, datatakes: Iterable[int], with_attributes: Collection[str]
) -> dict[tuple[str, int], list[Made]]:
    """All products of some data takes by satellite and identifier, oldest first; attributes of some types only."""
    product = catalogue.product.c
    found: dict[tuple[str, int], list[Made]] = {}
    for batch in batches(sorted(set(datatakes))):
        query = _select(with_attributes).where(product.datatake.in_(batch))
        for row in connection.execute(query.order_by(product.id)):
            found.setdefault((row.satellite, row.datatake), []).append(_made(row))
    return found


def named(connection: sa.Connection, names: Iterable[str], with_attributes: Collection[str]) -> dict[str, Made]:
    """The products of some names."""
    found: dict[str, Made] = {}
    for batch in batches(names):
        rows = connection.execute(_select(with_attributes).where(catalogue.product.c.name.in_(batch)))
        found |= {row.name: _made(row) for row in rows}
    return found


def _select(with_attributes: Collection[str]) -> sa.Select[Any]:
    product = catalogue.product.c
    told = sa.case((product.type.in_(sorted(with_attributes)), product.attributes)).label("attributes")
    columns = ("id", "name", "type", "satellite", "datatake", "start", "stop", "generated", "t0", "timeliness",
               "catalogued_at", "gone_at")  # fmt: skip
    return sa.select(*(product[name] for name in columns), told)


def _made(row: sa.Row[Any]) -> Made:
    return Made(
        id=row.id,
        name=row.name,
        type=row.type,
        interval=Interval(row.start, row.stop),
        generated=row.generated,
        catalogued_at=row.catalogued_at,
        evicted_at=row.gone_at,
        t0=row.t0,
        timeliness=None if row.timeliness is None else Timeliness(row.timeliness),
        attributes=attributes_from_json(row.attributes) if row.attributes else {},
    )


def reports_of(connection: sa.Connection, accounts: Iterable[int]) -> dict[int, Report]:
    """What the reports say of the slices of data takes, by the number of the account."""
    take, version = catalogue.datatake.c, catalogue.datatake_product.c
    found: dict[int, Report] = {}
    for batch in batches(accounts):
        versions: dict[int, dict[str, int]] = {}
        superseded: dict[int, set[str]] = {}
        for row in connection.execute(sa.select(catalogue.datatake_product).where(version.datatake_id.in_(batch))):
            versions.setdefault(row.datatake_id, {})[row.product] = row.slice
            if row.superseded_by is not None:
                superseded.setdefault(row.datatake_id, set()).add(row.product)
        for row in connection.execute(sa.select(take.id, take.account).where(take.id.in_(batch))):
            places = tuple(_place(each) for each in row.account["slices"])
            found[row.id] = Report(places, versions.get(row.id, {}), frozenset(superseded.get(row.id, ())))
    return found


def _place(told: Mapping[str, Any]) -> Place:
    product = told["product"]
    time = Interval(parse_utc(told["start"]), parse_utc(told["stop"]))
    name = None if product is None else str(product).rpartition("/")[2]
    return Place(told["number"], time, name, is_reported=True)


def orders_of(
    connection: sa.Connection, chains: Collection[str], units: Iterable[str]
) -> dict[tuple[str, str], Ordered]:
    """The orders that some chains have for some units, by chain and unit; those of campaigns are left out."""
    order, found = t.order.c, {}
    columns = ("id", "chain", "unit", "trigger", "state", "reason", "round", "created_at", "opened_at")
    for batch in batches(units):
        query = sa.select(*(order[name] for name in columns)).where(
            order.chain.in_(sorted(chains)), order.unit.in_(batch), order.campaign == 0
        )  # fmt: skip
        rows = connection.execute(query).all()
        runs = _jobs(connection, [row.id for row in rows])
        outputs = _outputs(connection, [job.id for each in runs.values() for job in each.values()])
        for row in rows:
            ran = runs.get(row.id, {})
            made = tuple(name for job in ran.values() for name in outputs.get(job.id, ()))
            found[row.chain, row.unit] = Ordered(row, ran.get(row.round), made)
    return found


def _jobs(connection: sa.Connection, orders: Sequence[int]) -> dict[int, dict[int, sa.Row[Any]]]:
    """The jobs of orders by order and round, the first round first."""
    job = jobs.job.c
    columns = ("id", "order_id", "round", "state", "fence", "progress", "reason", "visible_at", "created_at",
               "started_at", "finished_at")  # fmt: skip
    query = sa.select(*(job[name] for name in columns)).where(job.order_id.in_(orders))
    found: dict[int, dict[int, sa.Row[Any]]] = {}
    for row in connection.execute(query.order_by(job.order_id, job.round)):
        found.setdefault(row.order_id, {})[row.round] = row
    return found


def _outputs(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    output = jobs.job_output.c
    found: dict[int, list[str]] = {}
    for batch in batches(numbers):
        for row in connection.execute(sa.select(output.job_id, output.product).where(output.job_id.in_(batch))):
            found.setdefault(row.job_id, []).append(row.product)
    return found


def makers_of(connection: sa.Connection, names: Iterable[str]) -> dict[str, Maker]:
    """What made some products, where it was a job here."""
    found: dict[str, Maker] = {}
    for batch in batches(names):
        query = (
            sa.select(jobs.job_output.c.product, jobs.job.c.chain, sa.func.coalesce(t.order.c.campaign, 0).label("of"))
            .join(jobs.job, jobs.job.c.id == jobs.job_output.c.job_id)
            .outerjoin(t.order, t.order.c.id == jobs.job.c.order_id)
            .where(jobs.job_output.c.product.in_(batch))
        )
        found |= {row.product: Maker(row.chain, row.of) for row in connection.execute(query)}
    return found


def batches(items: Iterable[_Item], size: int = _BATCH) -> Iterator[list[_Item]]:
    """Some items at a time, as they come."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
