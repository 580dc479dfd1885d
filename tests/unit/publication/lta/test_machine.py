"""Whatever happens to products in whatever order: what a row claims is there, and what is held or ordered stays."""

import contextlib
import hashlib
import tempfile
from pathlib import Path

import sqlalchemy as sa
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from s1pdgs.catalogue.lifecycle import held_among, hold, release, sweep_garbage
from s1pdgs.catalogue.retention import Form
from s1pdgs.model.product import Product
from s1pdgs.publication.errors import ConflictError, EvictedError
from s1pdgs.publication.lta.dating import date
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import Asked, OrderStatus, cancel, place
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.lta.tables import OPEN, lta_order, restore
from tests.databases import new_database
from tests.unit.publication.lta.conftest import L0, SLC, House, new_house
from tests.unit.publication.lta.stores import DyingStore

WHICH = st.integers(0, 2)


class Keeping(RuleBasedStateMachine):
    """Three products: one that the archive keeps with its files, one without them, and one that it does not keep."""

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.house: House = new_house(self.stack.enter_context(new_database("sqlite", folder)), folder)
        kinds = (L0, SLC, ("IW_RAW__0ADV", "IW_RAW__0A"))
        self.products: list[Product] = [self.house.make(kind, number) for number, kind in enumerate(kinds)]
        self.orders: list[str] = []

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(hours=st.sampled_from([1, 7, 30, 24 * 8, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        self.house.later(hours=hours)

    @rule(which=WHICH, form=st.sampled_from(list(Form)))
    def one_is_evicted(self, which: int, form: Form) -> None:
        evict(self.house.evictor, self.products[which].name, [form])

    @rule()
    def garbage_goes(self) -> None:
        sweep_garbage(self.house.database, self.house.store, self.house.now())

    @rule(which=WHICH)
    def one_is_held(self, which: int) -> None:
        with self.house.database.write() as connection:
            hold(connection, self.products[which].name, "case", "judge", self.house.now())
            date(connection, self.house.policy, [which + 1])

    @rule(which=WHICH)
    def one_is_released(self, which: int) -> None:
        with self.house.database.write() as connection:
            release(connection, self.products[which].name, "judge", self.house.now())
            date(connection, self.house.policy, [which + 1])

    @rule(which=WHICH, priority=st.integers(1, 100), files=st.booleans())
    def one_is_ordered(self, which: int, priority: int, *, files: bool) -> None:
        product = self.products[which]
        gone, can = self.house.held(product).gone_at is not None, self.house.published(product).archived_at is not None
        try:
            with self.house.database.write() as connection:
                terms = self.house.restorer.terms
                self.orders.append(place(connection, terms, product.name, Asked(priority, files), self.house.now()))
        except EvictedError:
            assert gone
            assert not can
        else:
            assert can or not gone

    @rule(data=st.data())
    def an_order_is_cancelled(self, data: st.DataObject) -> None:
        if self.orders:
            order = data.draw(st.sampled_from(self.orders))
            with contextlib.suppress(ConflictError), self.house.database.write() as connection:
                cancel(connection, order, self.house.now())

    @rule(cut=st.integers(1, 6))
    def a_restorer_dies(self, cut: int) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            restore_step(evolve(self.house.restorer, store=DyingStore(self.house.store.folder, [cut])))

    @rule()
    def what_is_due_is_restored(self) -> None:
        while restore_step(self.house.restorer):
            pass

    @invariant()
    def what_is_claimed_is_there(self) -> None:
        if not hasattr(self, "house"):
            return
        for product in self.products:
            held, row = self.house.held(product), self.house.published(product)
            if held.evicted_at is None:
                for file in held.product.files:
                    data = self.house.store.path(f"{held.product.location}/{file.path}").read_bytes()
                    assert hashlib.sha256(data).hexdigest() == file.sha256
            if row.evicted_at is None:
                data = self.house.store.path(row.location).read_bytes()
                assert hashlib.sha256(data).hexdigest() == row.sha256
            assert (held.gone_at is not None) == (held.evicted_at is not None and row.evicted_at is not None)

    @invariant()
    def what_is_held_has_no_end(self) -> None:
        if not hasattr(self, "house"):
            return
        with self.house.database.read() as connection:
            held = held_among(connection, [1, 2, 3])
        for number in held:
            assert self.house.published(self.products[number - 1]).evict_at is None

    @invariant()
    def orders_are_open_as_long_as_their_restore(self) -> None:
        if not hasattr(self, "house"):
            return
        is_open = lta_order.c.status.in_([OrderStatus.QUEUED, OrderStatus.IN_PROGRESS])
        orders = sa.select(lta_order.c.restore_id).where(is_open).distinct().order_by(lta_order.c.restore_id)
        with self.house.database.read() as connection:
            wanted = list(connection.scalars(orders))
            working = list(connection.scalars(sa.select(restore.c.id).where(OPEN).order_by(restore.c.id)))
        assert wanted == working


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=4, stateful_step_count=15)
