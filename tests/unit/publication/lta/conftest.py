"""A ground segment that publishes, archives, evicts and restores; products are tiny, everything else is real."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve, frozen

from s1pdgs.bus.outbox import deliver
from s1pdgs.catalogue.lifecycle import sweep_garbage
from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.retention import Retention
from s1pdgs.model.product import Product
from s1pdgs.publication.lta.copying import Archive, copy_step
from s1pdgs.publication.lta.dating import Policy, subscriber, walk
from s1pdgs.publication.lta.eviction import Evictor, evict_step
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.lta.restore import Restorer
from s1pdgs.publication.publisher import Patience
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, local_objects
from tests.databases import plan_of
from tests.unit.publication.conftest import NOON, Segment, new_segment, product_name, square, store_product

PATIENCE = Patience(max_attempts=3, backoff_s=10.0, lease_s=60.0)
SLC, L0 = ("IW_SLC__1SDV", "IW_SLC__1S"), ("IW_RAW__0SDV", "IW_RAW__0S")
ARCHIVED = [r".*_SLC__1S", r".*_RAW__0S"]


@frozen
class House:
    """A segment with its archive, None for none, and what keeps both in order."""

    segment: Segment
    policy: Policy
    evictor: Evictor

    @property
    def database(self) -> Database:
        return self.segment.database

    @property
    def store(self) -> LocalObjects:
        return self.segment.store

    @property
    def restorer(self) -> Restorer:
        archive = None if self.policy.archive is None else self.policy.archive.store
        terms = Terms(timedelta(days=2), archive, Archive.of(self.store, [r".*_RAW__0S"]).types)
        return Restorer(self.database, self.store, self.segment.outbox, terms, self.policy, PATIENCE)

    def now(self) -> datetime:
        return self.segment.clock.now()

    def make(self, kind: tuple[str, str] = SLC, number: int = 1, **changes: Any) -> Product:
        """A product with its files in the store, in the catalogue and published."""
        name = product_name("S1A", kind[0], NOON + timedelta(minutes=10 * number), number)
        product = store_product(self.store, name, kind[1], ring=square(10, 45), **changes)
        self.segment.publish(product)
        return product

    def settle(self) -> None:
        """All that housekeeping does at one moment."""
        while walk(self.database, self.policy, self.now()):
            pass
        while deliver(self.database, subscriber(self.policy)):
            pass
        if self.policy.archive is not None:
            while copy_step(self.database, self.store, self.policy.archive, self.segment.clock, PATIENCE):
                pass
        while evict_step(self.evictor):
            pass
        sweep_garbage(self.database, self.store, self.now())

    def later(self, **time: float) -> None:
        self.segment.clock.advance(timedelta(**time).total_seconds())
        self.settle()

    def held(self, product: Product) -> Held:
        with self.database.read() as connection:
            found = find(connection, product.name)
        assert found is not None
        return found

    def published(self, product: Product) -> sa.Row[Any]:
        query = sa.select(publication).where(publication.c.product_id == self.held(product).id)
        with self.database.read() as connection:
            return connection.execute(query).one()

    def without_archive(self) -> "House":
        bare = evolve(self, policy=evolve(self.policy, archive=None), evictor=evolve(self.evictor, archive=None))
        bare.settle()
        return bare


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return new_house(database, tmp_path)


def plan(database: Database, query: sa.Select[Any]) -> str:
    """How the database would run a query."""
    return plan_of(database, str(query.compile(database.engine, compile_kwargs={"literal_binds": True})))


def new_house(database: Database, folder: Path) -> House:
    segment = new_segment(database, folder)
    archive = Archive.of(local_objects(folder / "archive"), ARCHIVED)
    policy = Policy(Retention.read(), timedelta(days=3), archive)
    evictor = Evictor(database, segment.store, segment.outbox, archive, timedelta(hours=1))
    made = House(segment, policy, evictor)
    made.settle()
    return made
