"""A small catalogue fed through the real door, and planners on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import define

import s1pdgs.triggers.tables as t
from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue.door import register
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.time import FAR_FUTURE, format_compact
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.orders import Planner, sweep
from tests.databases import new_sqlite

NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)
DATATAKE = 0x24A10


@define
class Watch:
    time: datetime = NOON + timedelta(hours=1)

    def now(self) -> datetime:
        return self.time

    def turn(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def span(start_s: float, stop_s: float) -> Interval:
    return Interval(at(start_s), at(stop_s))


def make(name: str, kind: str, validity: Interval, files: tuple[str, ...] = (), **changes: object) -> Product:
    facts: dict[str, object] = {
        "name": name,
        "type": kind,
        "satellite": "S1A",
        "validity": validity,
        "generation_time": NOON,
        "location": f"auxiliary/{name}",
        "files": tuple(StoredFile(path, 3, "md5", "sha") for path in files or (name,)),
        "t0": NOON,
        **changes,
    }
    return Product(**facts)  # type: ignore[arg-type]


def session(
    name: str = "S1A_20200615120000032000",
    of: str | None = None,
    channels: tuple[int, ...] = (1, 2),
    blocks: tuple[int, ...] = (1, 2),
    **changes: object,
) -> Product:
    """A delivery called `name` of the session `of`."""
    of = of or name
    stems = [f"DCS_01_{of}_ch{channel}" for channel in channels]
    files = [f"ch_{stem[-1]}/{stem}_DSDB_{n:05d}.raw" for stem in stems for n in blocks]
    files += [f"ch_{stem[-1]}/{stem}_DSIB.xml" for stem in stems]
    facts: dict[str, object] = {
        "validity": span(-600, 0), "location": f"sessions/{name}", "attributes": {"station": "SGS", "sessionId": of}
    }  # fmt: skip
    facts |= changes
    return make(name, "SESSION", facts.pop("validity"), tuple(files), **facts)  # type: ignore[arg-type]


def segment(
    polarisation: str, start_s: float = -3000, stop_s: float = -2900, consolidation: str = "FULL", **changes: object
) -> Product:
    attributes: dict[str, AttributeValue] = {
        "datatakeID": DATATAKE, "sliceProductFlag": False, "productClass": "S", "productConsolidation": consolidation,
        "instrumentConfigurationID": 6,
    }  # fmt: skip
    return level_0(
        "S3", "S", polarisation, span(start_s, stop_s), attributes, **{"timeliness": Timeliness.FAST24, **changes}
    )


def level_0(
    mode: str,
    kind: str,
    polarisation: str,
    validity: Interval,
    attributes: dict[str, AttributeValue],
    **changes: object,
) -> Product:
    uid = changes.pop("uid", "ABCD")
    name = (
        f"S1A_{mode}_RAW__0{kind}{polarisation}_{format_compact(validity.start)}_{format_compact(validity.stop)}_033000_"
        f"{DATATAKE:06X}_{uid}.SAFE"
    )
    return make(name, f"{mode}_RAW__0{kind}", validity, ("manifest.safe", "data.dat"), attributes=attributes, **changes)


def raw_slice(number: int = 1, start_s: float = -3000, stop_s: float = -2967, **changes: object) -> Product:
    attributes: dict[str, AttributeValue] = {
        "datatakeID": DATATAKE, "sliceProductFlag": True, "productClass": "S", "sliceNumber": number, "totalSlices": 4,
        "instrumentConfigurationID": 6,
    }  # fmt: skip
    return level_0("S3", "S", "DV", span(start_s, stop_s), attributes, **{"timeliness": Timeliness.NRT, **changes})


def companion(kind: str, start_s: float = -3000, stop_s: float = -2900, **changes: object) -> Product:
    attributes: dict[str, AttributeValue] = {"datatakeID": DATATAKE, "sliceProductFlag": False, "productClass": kind}
    return level_0("S3", kind, "DV", span(start_s, stop_s), attributes, **changes)


def auxiliary(
    kind: str, configuration: int | None = None, validity: Interval | None = None, **changes: object
) -> Product:
    attributes = {} if configuration is None else {"instrumentConfigurationID": configuration}
    validity = validity or Interval(NOON - timedelta(days=30), FAR_FUTURE)
    name = str(changes.pop("name", f"{kind}_{configuration or 'file'}"))
    return make(name, kind, validity, attributes=attributes, **changes)


PLANS = [auxiliary("AUX_OBMEMC"), auxiliary("MPL_ORBSCT"), auxiliary("MPL_ORBPRE")]
CALIBRATION = [auxiliary("AUX_PP1", 6), auxiliary("AUX_CAL", 6), auxiliary("AUX_INS", 6)]


@define
class Mission:
    """The ground segment up to its jobs."""

    database: Database
    planner: Planner
    watch: Watch

    def receive(self, *products: Product) -> None:
        """Catalogue products in one transaction and deliver the news."""
        with self.database.write() as connection:
            for product in products:
                assert register(connection, self.planner.outbox, product)
        self.deliver()

    def deliver(self) -> None:
        while deliver(self.database, self.planner.subscriber()):
            pass

    def sweep(self) -> int:
        with self.database.write() as connection:
            return sweep(self.planner, connection, self.watch.now())

    def orders(self, chain: str) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as connection:
            query = sa.select(t.order).where(t.order.c.chain == chain).order_by(t.order.c.id)
            return list(connection.execute(query).all())

    def order(self, chain: str) -> sa.Row[tuple[object, ...]]:
        (row,) = self.orders(chain)
        return row

    def spec(self, chain: str) -> JobSpec:
        """What the newest job of a chain runs."""
        with self.database.read() as connection:
            job = connection.scalar(sa.select(sa.func.max(jobs.job.c.id)).where(jobs.job.c.chain == chain))
            assert job is not None
            return queue.spec_of(connection, job)

    def jobs(self, chain: str) -> list[tuple[int, str]]:
        """Round and state of the jobs of a chain."""
        with self.database.read() as connection:
            query = sa.select(jobs.job.c.round, jobs.job.c.state).where(jobs.job.c.chain == chain)
            return [(row.round, row.state) for row in connection.execute(query.order_by(jobs.job.c.id))]

    def claim(self, chain: str) -> Claim:
        """A worker takes the job of a chain."""
        with self.database.write() as connection:
            claim = queue.claim(connection, self.planner.outbox, "here:1")
            assert claim is not None
            assert queue.spec_of(connection, claim.job).chain == chain
        return claim

    def work(self, chain: str, *products: Product, claim: Claim | None = None) -> None:
        """Run the job of a chain as if a processor had made these products."""
        claim = claim or self.claim(chain)
        with self.database.write() as connection:
            assert queue.finish(connection, self.planner.outbox, claim, [product.name for product in products])
            for product in products:
                register(connection, self.planner.outbox, product)
        self.deliver()


@cache
def shipped() -> Chains:
    """The chains that we ship; they are values, so all missions may have the same."""
    return Chains.read()


@contextmanager
def open_mission(folder: Path, chains: Chains | None = None) -> Iterator[Mission]:
    database = new_sqlite(folder)
    yield mission_on(database, chains)
    database.close()


def mission_on(database: Database, chains: Chains | None = None) -> Mission:
    watch = Watch()
    return Mission(database, Planner(chains or shipped(), Outbox(watch)), watch)


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    with open_mission(tmp_path) as opened:
        yield opened
