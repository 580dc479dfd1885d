"""Files and zips go at their time, in one transaction with the news, and only when nothing needs them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.events import ProductCatalogued
from s1pdgs.bus.tables import event
from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.lifecycle import hold, release, sweep_garbage
from s1pdgs.catalogue.retention import Form, Retention, Rule
from s1pdgs.catalogue.tables import garbage
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.jobs import tables as jobs
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.lta import eviction
from s1pdgs.publication.lta.dating import Policy, date, walk
from s1pdgs.publication.lta.eviction import due, evict, evict_step
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.triggers.tables import order
from tests.unit.publication.conftest import NOON
from tests.unit.publication.lta.conftest import L0, SLC, House, plan
from tests.unit.publication.lta.stores import AwayStore

HOUR = timedelta(hours=1)


def news(house: House) -> list[str]:
    query = sa.select(event.c.type).where(event.c.type.like("%Evicted")).order_by(event.c.id)
    with house.database.read() as connection:
        return list(connection.scalars(query))


def files_of(house: House, product: Product) -> list[str]:
    return house.store.list(product.location)


def test_files_go_soon_after_compression_and_the_zip_a_week_later(house: House) -> None:
    product = house.make()
    house.settle()
    assert house.held(product).evicted_at is None
    house.later(hours=6)
    assert house.held(product).evicted_at == house.now()
    assert house.held(product).gone_at is None, "its zip is here"
    assert house.published(product).verified_at == house.now()
    assert news(house) == ["FilesEvicted"]
    assert len(files_of(house, product)) == 4, "somebody may still read them"
    house.later(hours=1)
    assert files_of(house, product) == []
    house.later(days=7)
    row = house.published(product)
    assert row.evicted_at == house.now()
    assert news(house) == ["FilesEvicted", "ProductEvicted"]
    assert house.held(product).gone_at == house.now()
    assert house.store.size(row.location) == row.size
    house.later(hours=2)
    assert house.store.size(row.location) is None
    assert house.store.size(row.quicklook) is not None, "the quicklook stays"


def test_what_was_evicted_is_no_input(house: House) -> None:
    product = house.make()
    house.later(hours=7)
    with house.database.read() as connection:
        assert choose(connection, "LastCreated", [product.type], "S1A", product.validity) == []


def test_products_that_were_not_published_are_evicted_and_told_as_such(house: House) -> None:
    session = product_of_session(house, "S1A_20260105072204051312", {"ch_1/a.raw": b"a"})
    house.later(days=30)
    assert house.held(session).evicted_at is not None
    assert news(house) == ["ProductEvicted"]


def test_no_product_is_passed_over_when_more_are_due_than_go_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference system pages by offset while the pages shrink (coprs.md section 1)."""
    monkeypatch.setattr(eviction, "_AT_ONCE", 2)
    products = [house.make(SLC, number) for number in range(5)]
    house.settle()
    held = products[1]
    with house.database.write() as connection:
        hold(connection, held.name, "case 1", "ops", house.now())
    house.later(days=8)
    gone = [product for product in products if house.published(product).evicted_at is not None]
    assert gone == [product for product in products if product != held]
    assert all(house.held(product).evicted_at is not None for product in gone)


def test_what_no_rule_fits_stays(house: House) -> None:
    product = house.make(("IW_RAW__0ADV", "IW_RAW__0A"))
    everlasting = evolve(house, policy=evolve(house.policy, retention=Retention()))
    everlasting.settle()
    everlasting.later(days=10_000)
    assert everlasting.held(product).evicted_at is None
    assert everlasting.published(product).evicted_at is None


def test_blocks_that_another_delivery_claims_stay_until_that_goes_too(house: House) -> None:
    blocks = {"ch_1/a.raw": b"a", "ch_2/b.raw": b"b"}
    first = product_of_session(house, "S1A_20260105072204051312", blocks)
    house.later(days=20)
    again = product_of_session(house, "S1A_20260105072204051312_R1", {**blocks, "ch_2/late.raw": b"l"}, first.location)
    retransfer = product_of_session(house, "S1A_20260105072204051312_R2", blocks, f"{first.location}/R2")
    house.later(days=10)
    house.later(hours=1)
    assert house.held(first).evicted_at is not None
    assert house.held(again).evicted_at is None
    assert len(files_of(house, first)) == 5, "three of the first place, two of the retransfer"
    house.later(days=20)
    house.later(hours=1)
    assert {house.held(one).evicted_at is None for one in (first, again, retransfer)} == {False}
    assert files_of(house, first) == []


def test_files_that_a_job_reads_stay_until_it_has_ended(house: House) -> None:
    product = house.make()
    with house.database.write() as connection:
        connection.execute(jobs.job.insert().values(**_job(house, "ready")))
        connection.execute(jobs.job_input.insert().values(job_id=1, product=product.name))
    house.later(hours=6)
    assert house.held(product).evicted_at is None
    for state in ("ready", "running", "parked"):
        with house.database.write() as connection:
            connection.execute(jobs.job.update().values(state=state))
        assert evict(house.evictor, product.name, [Form.FILES]) == {Form.FILES: f"job 1 ({state}) reads it"}
    with house.database.write() as connection:
        connection.execute(jobs.job.update().values(state="done"))
    house.later(minutes=59)
    assert house.held(product).evicted_at is None, "it is looked at again after an hour"
    house.later(minutes=2)
    assert house.held(product).evicted_at is not None


def test_files_that_a_waiting_order_may_take_stay(house: House) -> None:
    product = house.make()
    begin = product.validity.start + timedelta(days=1)
    values = {
        "chain": "l1", "unit": "u", "trigger": "other", "satellite": "S1A", "start": begin, "stop": begin,
        "timeliness": "NRT", "state": "waiting", "context": {}, "created_at": house.now(),
    }  # fmt: skip
    house.settle()
    house.segment.clock.advance(6 * 3600)
    for near in (
        {"trigger": product.name},
        {"context": {"products": [product.name]}},
        {"start": product.validity.start, "stop": product.validity.start},
        {"start": product.validity.start, "stop": product.validity.start, "campaign": 1},
    ):
        with house.database.write() as connection:
            connection.execute(order.delete())
            connection.execute(order.insert().values(**{**values, "id": 1, **near}))
        assert evict(house.evictor, product.name, [Form.FILES])[Form.FILES] == "order 1 waits for more to process it"
    with house.database.write() as connection:
        connection.execute(order.update().values(satellite="S1C"))
    house.later(hours=1)
    assert house.held(product).evicted_at is not None


def test_nothing_of_a_product_under_legal_hold_goes_until_it_is_released(house: House) -> None:
    product = house.make()
    house.settle()
    with house.database.write() as connection:
        hold(connection, product.name, "case 7", "judge", house.now())
        hold(connection, product.name, "case 8", "judge", house.now())
        date(connection, house.policy, [house.held(product).id])
    house.later(days=100)
    assert house.held(product).evicted_at is None
    assert house.published(product).evicted_at is None
    assert evict(house.evictor, product.name, list(Form)) == dict.fromkeys(Form, "it is under legal hold: case 7")
    with house.database.write() as connection:
        assert release(connection, product.name, "judge", house.now()) == 2
        assert release(connection, product.name, "judge", house.now()) == 0
        date(connection, house.policy, [house.held(product).id])
    house.settle()
    assert house.held(product).evicted_at == house.now()
    assert house.published(product).evicted_at == house.now()


def test_a_hold_that_comes_between_the_look_and_the_eviction_counts(house: House) -> None:
    product = house.make()
    house.settle()
    house.segment.clock.advance(6 * 3600)
    with house.database.write() as connection:
        hold(connection, product.name, "case 7", "judge", house.now())
    assert evict_step(house.evictor) is True
    assert house.held(product).evicted_at is None
    assert evict_step(house.evictor) is False


def test_files_whose_zip_is_lost_stay_though_nothing_is_archived(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.store.delete(bare.published(product).location)
    why = evict(bare.evictor, product.name, [Form.FILES])[Form.FILES]
    assert why == f"its zip is damaged: there is no object published/{product.name}.zip"
    why = evict(bare.evictor, product.name, [Form.FILES])[Form.FILES]
    assert why == "it is being restored"
    assert bare.held(product).evicted_at is None


def test_a_zip_that_the_disk_does_not_give_holds_up_nothing_else(house: House) -> None:
    bad, good = (house.make(SLC, number) for number in (1, 2))
    house.settle()
    place = house.store.path(house.published(bad).location)
    place.unlink()
    place.symlink_to(place)  # who opens it gets an error of the system
    house.later(hours=6)
    assert house.held(good).evicted_at is not None
    assert house.held(bad).evicted_at is None
    assert house.published(bad).evicted_at is not None


def test_a_store_that_is_away_lets_nothing_go_and_the_rest_goes_on(house: House) -> None:
    product = house.make(SLC)
    house.settle()
    away = evolve(house, evictor=evolve(house.evictor, store=AwayStore(house.store.folder)))
    house.segment.clock.advance(6 * 3600)
    assert evict_step(away.evictor)
    assert not evict_step(away.evictor)
    assert house.held(product).evicted_at is None
    house.later(hours=1)
    assert house.held(product).evicted_at is not None


def test_files_whose_publication_is_not_done_stay(house: House) -> None:
    product = house.make()
    with house.database.write() as connection:
        connection.execute(publication.update().values(state="failed", published_at=None))
    house.later(days=8)
    assert house.held(product).evicted_at is None
    assert evict(house.evictor, product.name, list(Form)) == {
        Form.FILES: "its publication is failed", Form.ZIP: "it is not here",
    }  # fmt: skip


def test_after_new_rules_nothing_goes_before_their_notice_has_passed(house: House) -> None:
    old = house.make(L0, 1)
    house.later(days=2)
    strict = Policy(Retention((Rule(of=Form.FILES, days=0),)), timedelta(days=3), house.policy.archive)
    changed = evolve(house, policy=strict)
    changed.settle()
    new = changed.make(L0, 2)
    changed.settle()
    assert changed.held(new).evicted_at is not None, "what came under these rules goes as they say"
    changed.later(days=2, hours=23)
    assert changed.held(old).evicted_at is None
    changed.later(hours=1)
    assert changed.held(old).evicted_at is not None


def test_new_rules_reach_every_product_though_the_walk_is_broken_off(house: House) -> None:
    products = [house.make(SLC, number) for number in range(1, 4)]
    house.settle()
    other = Policy(Retention((Rule(of=Form.ZIP, days=400),)), timedelta(0))
    assert walk(house.database, other, house.now())
    assert not walk(house.database, other, house.now()), "the end is found"
    assert not walk(house.database, other, house.now())
    for product in products:
        assert house.published(product).evict_at == house.published(product).published_at + timedelta(days=400)
        with house.database.read() as connection:
            query = sa.select(product_table.c.evict_at).where(product_table.c.name == product.name)
            assert connection.scalar(query) is None


def test_a_process_that_dies_after_the_transaction_leaves_garbage_that_is_found(house: House) -> None:
    product = house.make()
    house.settle()
    house.segment.clock.advance(6 * 3600)
    evict_step(house.evictor)
    house.segment.clock.advance(3600)
    (house.store.folder / files_of(house, product)[0]).unlink()  # killed after the first object
    assert sweep_garbage(house.database, house.store, house.now()) == 3
    assert files_of(house, product) == []
    assert sweep_garbage(house.database, house.store, house.now()) == 0
    with house.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(garbage)) == 0


def test_what_the_store_does_not_let_go_holds_up_nothing_else(house: House) -> None:
    products = [house.make(SLC, number) for number in (1, 2)]
    house.settle()
    house.segment.clock.advance(7 * 3600)
    evict_step(house.evictor)
    folder = house.store.path(products[0].location)
    folder.rename(folder.with_name("aside"))
    folder.symlink_to(folder.with_name("aside"))  # a folder that is a link is not removed
    house.segment.clock.advance(3600)
    sweep_garbage(house.database, house.store, house.now())
    assert folder.is_symlink()
    assert files_of(house, products[1]) == []
    folder.unlink()
    folder.with_name("aside").rename(folder)
    house.later(hours=1)
    assert [files_of(house, product) for product in products] == [[], []]


def test_a_process_that_dies_before_the_transaction_ends_changes_nothing(house: House) -> None:
    product = house.make()
    house.settle()
    house.segment.clock.advance(6 * 3600)
    broken = evolve(house.evictor, outbox=evolve(house.evictor.outbox, clock=DyingClock(house, at=4)))
    with pytest.raises(KeyboardInterrupt):
        evict_step(broken)
    assert house.held(product).evicted_at is None
    assert news(house) == []
    house.settle()
    assert house.held(product).evicted_at is not None
    assert news(house) == ["FilesEvicted"]


def test_a_download_that_runs_comes_to_its_end(house: House) -> None:
    product = house.make()
    stream = house.store.read(house.published(product).location, 0)
    first = next(stream)
    house.later(days=8)
    house.later(hours=1)
    assert house.store.size(house.published(product).location) is None
    assert len(first + b"".join(stream)) == house.published(product).size


@pytest.mark.parametrize("form", list(Form))
def test_what_is_due_is_found_along_an_index(database: Database, form: Form) -> None:
    index = "ix_product_evict_at" if form is Form.FILES else "ix_publication_evict_at"
    assert index in plan(database, due(form, NOON))


class DyingClock:
    """A clock whose process dies when it looks for the nth time."""

    def __init__(self, house: House, at: int) -> None:
        self.house, self.left = house, at

    def now(self) -> object:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.house.now()


def product_of_session(house: House, name: str, blocks: dict[str, bytes], location: str | None = None) -> Product:
    location = location or f"sessions/{name}"
    files = []
    for path, data in blocks.items():
        sums = house.store.put(f"{location}/{path}", iter([data]))
        files.append(StoredFile(path, sums.size, sums.md5, sums.sha256))
    session = Product(
        name=name, type="SESSION", satellite="S1A", validity=Interval(NOON, NOON + HOUR), generation_time=NOON,
        location=location, files=tuple(files), t0=NOON,
    )  # fmt: skip
    house.segment.register(session)
    house.settle()
    return session


def _job(house: House, state: str) -> dict[str, object]:
    return {
        "id": 1, "order_id": 1, "round": 1, "chain": "l1", "unit": "u", "spec": {}, "t0": NOON, "timeliness": "NRT",
        "priority": 1, "state": state, "visible_at": NOON, "fence": 1, "max_attempts": 3, "created_at": house.now(),
    }  # fmt: skip


def test_news_of_products_that_are_gone_again_is_no_error(house: House) -> None:
    with house.database.write() as connection:
        house.segment.outbox.emit(connection, ProductCatalogued("nowhere", "IW_SLC__1S"))
    house.settle()
