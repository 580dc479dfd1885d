"""The whole walk at one moment, read in one transaction by bounded queries."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.console import shelf
from s1pdgs.inbox import arrivals
from s1pdgs.jobs.listing import LIVE_STATES, ListedJob, count_jobs, jobs_in
from s1pdgs.jobs.tables import job as job_table
from s1pdgs.model.job import JobState, OrderState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.triggers.listing import ListedOrder, count_orders, orders_in

SESSIONS, ORDERS, LIVE_JOBS, ENDED_JOBS, PRODUCTS, ASIDE = 4, 30, 60, 30, 60, 20
_ENDED = (JobState.DONE, JobState.DROPPED)


@frozen
class Wish:
    """What the product list shows: `all`, `published` or `internal`, and of one type when `kind` is given."""

    show: str = "all"
    kind: str | None = None


@frozen
class Trouble:
    """Something that an operator should look at, and where on the page it is."""

    text: str
    place: str


@frozen
class Overview:
    """What stands in each of the seven stations of the walk."""

    now: datetime
    sources: list[arrivals.SourceView]
    sessions: list[arrivals.SessionView]
    session_counts: dict[str, int]
    quarantined: list[arrivals.QuarantineView]
    types: list[tuple[str, int]]
    orders: list[ListedOrder]
    order_counts: dict[str, int]
    jobs: list[ListedJob]
    job_counts: dict[str, int]
    outgoing: shelf.Outgoing
    products: list[shelf.ProductRow]
    late: int

    @property
    def running(self) -> list[ListedJob]:
        return [job for job in self.jobs if job.state == JobState.RUNNING]

    @property
    def held(self) -> int:
        """Products in the catalogue."""
        return sum(number for _, number in self.types)

    @property
    def troubles(self) -> list[Trouble]:
        """What is parked, failed, set aside or late."""
        aside = sum(entry.is_news(self.now) for entry in self.quarantined)
        retrying = sum(job.state == JobState.READY and job.reason is not None for job in self.jobs)
        failing = [source for source in self.sources if source.error and not source.is_silent]
        silent = [source for source in self.sources if source.is_silent]
        behind = [source for source in self.sources if source.is_late(self.now)]
        return [
            *(Trouble(f"source {source.name} has trouble", "stations") for source in failing),
            *(Trouble(f"source {source.name} is not polled", "stations") for source in silent),
            *(Trouble(f"source {source.name} is behind", "stations") for source in behind),
            *_counted(aside, "file set aside", "files set aside", "quarantine"),
            *_counted(self.job_counts[JobState.PARKED], "job parked", "jobs parked", "jobs"),
            *_counted(retrying, "job waits for another attempt", "jobs wait for another attempt", "jobs"),
            *_counted(self.outgoing.failed, "publication failed", "publications failed", "products"),
            *_counted(self.late, "late", "late", "jobs"),
        ]


def overview(
    connection: sa.Connection, now: datetime, configured: Mapping[str, float], wish: Wish | None = None
) -> Overview:
    """Read the walk; `configured` are the sources of the settings with their poll intervals in seconds."""
    wish = wish or Wish()
    live = jobs_in(connection, LIVE_STATES, LIVE_JOBS, by_state=True)
    ended = jobs_in(connection, _ENDED, ENDED_JOBS)
    return Overview(
        now=now,
        sources=arrivals.sources(connection, configured, now),
        sessions=arrivals.sessions(connection, SESSIONS),
        session_counts=arrivals.count_sessions(connection),
        quarantined=arrivals.quarantined(connection, ASIDE),
        types=shelf.count_types(connection),
        orders=orders_in(connection, OrderState.WAITING, ORDERS),
        order_counts=count_orders(connection),
        jobs=[*live, *ended],
        job_counts=count_jobs(connection),
        outgoing=shelf.outgoing(connection),
        products=shelf.newest_products(connection, PRODUCTS, show=wish.show, kind=wish.kind),
        late=_late_jobs(connection, now) + shelf.late_publications(connection, now),
    )


def _late_jobs(connection: sa.Connection, now: datetime) -> int:
    """How many jobs have not ended when their products were due."""
    job = job_table.c
    overdue = [sa.and_(job.timeliness == category, job.t0 < now - category.due_after) for category in Timeliness]
    query = sa.select(sa.func.count()).where(job.state.in_(LIVE_STATES), sa.or_(*overdue))
    return connection.scalar(query) or 0


def _counted(number: int, one: str, many: str, place: str) -> list[Trouble]:
    return [Trouble(f"{number} {one if number == 1 else many}", place)] if number else []
