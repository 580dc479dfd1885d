"""What stands in each station of the walk, read from the database for the display and for knowing when all is done."""

from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.bus.events import ProductCatalogued
from s1pdgs.bus.tables import event, seen
from s1pdgs.catalogue.accounts import SUBSCRIBER as ACCOUNTS
from s1pdgs.catalogue.tables import product
from s1pdgs.inbox.tables import quarantine, received_file, session
from s1pdgs.jobs.tables import job
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.publication.publisher import SUBSCRIBER as PUBLICATION
from s1pdgs.publication.tables import publication
from s1pdgs.triggers.orders import SUBSCRIBER as TRIGGERS
from s1pdgs.triggers.tables import order


@frozen
class Standing:
    """Counts of one moment, and the reasons of what went wrong."""

    files_announced: int
    files_stored: int
    sessions: tuple[str, ...]
    products: dict[str, int]
    orders: dict[str, int]
    waiting: tuple[str, ...]
    jobs: tuple[tuple[str, str, str | None], ...]
    publications: dict[str, int]
    undelivered: int
    troubles: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """True when nothing is on its way: all news has taken effect, every order has ended and everything requested is
        published.
        """
        open_orders = self.orders.get(OrderState.WAITING, 0) + self.orders.get(OrderState.PLANNED, 0)
        open_jobs = [state for _, state, _ in self.jobs if state in (JobState.READY, JobState.RUNNING)]
        return not (self.undelivered or open_orders or open_jobs or self.publications.get("pending", 0))


def look(connection: sa.Connection) -> Standing:
    """Read the standing in one snapshot."""
    files = dict(_counts(connection, received_file.c.state))
    jobs = connection.execute(
        sa.select(job.c.chain, job.c.state, job.c.progress, job.c.reason).order_by(job.c.id)
    ).all()
    return Standing(
        files_announced=sum(files.values()),
        files_stored=files.get("stored", 0),
        sessions=tuple(connection.scalars(sa.select(session.c.state).order_by(session.c.id))),
        products=_counts(connection, product.c.type),
        orders=_counts(connection, order.c.state),
        waiting=tuple(
            f"{row.chain}: {row.reason}"
            for row in connection.execute(sa.select(order).where(order.c.state == OrderState.WAITING))
        ),
        jobs=tuple((row.chain, row.state, row.progress) for row in jobs),
        publications=_counts(connection, publication.c.state),
        undelivered=sum(_undelivered(connection, consumer) for consumer in (TRIGGERS, PUBLICATION, ACCOUNTS)),
        troubles=(
            *(f"job of {row.chain} is parked: {row.reason}" for row in jobs if row.state == JobState.PARKED),
            *(f"{row.name} is in quarantine: {row.reason}" for row in connection.execute(sa.select(quarantine))),
            *(f"not published: {reason}" for reason in connection.scalars(
                sa.select(publication.c.reason).where(publication.c.state == "failed"))),
        ),
    )  # fmt: skip


def _undelivered(connection: sa.Connection, consumer: str) -> int:
    """Catalogued products that a consumer has not heard of yet."""
    heard = sa.exists().where(seen.c.event_id == event.c.id, seen.c.consumer == consumer)
    news = sa.select(sa.func.count()).where(event.c.type == ProductCatalogued.__name__, ~heard)
    return connection.scalar(news) or 0


def spans(connection: sa.Connection) -> list[tuple[str, datetime, datetime]]:
    """When reception, each job and publication began and ended."""
    found = [
        (f"receive session {row.id}", row.first_seen, row.completed_at)
        for row in connection.execute(sa.select(session).where(session.c.completed_at.is_not(None)))
    ]
    found += [
        (f"{row.chain} {row.unit}", row.started_at, row.finished_at)
        for row in connection.execute(sa.select(job).where(job.c.state == JobState.DONE).order_by(job.c.id))
    ]
    first, last = connection.execute(
        sa.select(sa.func.min(publication.c.requested_at), sa.func.max(publication.c.published_at))
    ).one()
    if first is not None and last is not None:
        found.append(("publish", first, last))
    return found


def _counts(connection: sa.Connection, column: sa.Column[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {name: count for name, count in rows}  # noqa: C416  rows are not tuples of two for the type checker
