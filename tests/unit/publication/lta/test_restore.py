"""What was ordered comes back whole and is told once, wherever a process dies."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.events import ProductRestored
from s1pdgs.bus.tables import event, notice
from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.lifecycle import hold
from s1pdgs.catalogue.retention import Form
from s1pdgs.model.product import Product
from s1pdgs.publication.errors import ConflictError, EvictedError, UnknownProductError
from s1pdgs.publication.lta.copying import archive_key
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import Asked, OrderStatus, cancel, place
from s1pdgs.publication.lta.restore import DUE, Restorer, restore_step
from s1pdgs.publication.lta.tables import lta_order
from s1pdgs.storage.database import Database
from tests.unit.publication.conftest import NOON
from tests.unit.publication.lta.conftest import L0, SLC, House, plan
from tests.unit.publication.lta.stores import DisturbedStore, DyingStore, FullStore

CALLBACK = "http://127.0.0.1:9/told"


def order(house: House, product: Product, **asked: Any) -> str:
    with house.database.write() as connection:
        return place(connection, house.restorer.terms, product.name, Asked(**asked), house.now())


def state(house: House, uuid: str) -> sa.Row[Any]:
    with house.database.read() as connection:
        return connection.execute(sa.select(lta_order).where(lta_order.c.uuid == uuid)).one()


def told(house: House) -> list[str]:
    with house.database.read() as connection:
        return [row["Status"] for row in connection.scalars(sa.select(notice.c.payload).order_by(notice.c.id))]


def restored(house: House) -> int:
    query = sa.select(sa.func.count()).where(event.c.type == ProductRestored.__name__)
    with house.database.read() as connection:
        return connection.scalar(query) or 0


def is_whole(house: House, product: Product) -> bool:
    """Whether the zip and the files are here, byte for byte."""
    row, held = house.published(product), house.held(product).product
    if row.evicted_at is not None or house.held(product).evicted_at is not None:
        return False
    assert house.held(product).gone_at is None
    assert hashlib.sha256(house.store.path(row.location).read_bytes()).hexdigest() == row.sha256
    for file in held.files:
        data = house.store.path(f"{held.location}/{file.path}").read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.sha256
    return True


def offline(house: House, kind: tuple[str, str] = L0, number: int = 1) -> Product:
    """A published product of which the archive alone has a copy."""
    product = house.make(kind, number)
    house.settle()
    assert evict(house.evictor, product.name, list(Form)) == dict.fromkeys(Form)
    house.later(hours=1)
    assert house.store.list(product.location) == []
    return product


def test_what_is_ordered_comes_online_with_its_files_and_goes_again(house: House) -> None:
    product = offline(house)
    uuid = order(house, product, notify=CALLBACK)
    queued = state(house, uuid)
    assert (queued.status, queued.estimated_at > house.now()) == (OrderStatus.QUEUED, True)
    assert restore_step(house.restorer) is True
    assert restore_step(house.restorer) is False
    done = state(house, uuid)
    assert (done.status, done.completed_at) == (OrderStatus.COMPLETED, house.now())
    assert done.evict_at == house.published(product).published_at + timedelta(days=7), "no sooner than the rules say"
    assert is_whole(house, product)
    assert restored(house) == 1
    assert told(house) == ["completed"]
    with house.database.read() as connection:
        (found,) = choose(connection, "LastCreated", [product.type], "S1A", product.validity)
    assert found.name == product.name
    house.later(days=8)
    assert house.published(product).evicted_at is not None
    again = order(house, product)
    assert restore_step(house.restorer)
    assert state(house, again).evict_at == house.now() + timedelta(days=2), "its own time is over, so that of orders"
    house.later(days=2)
    assert house.published(product).evicted_at is not None
    house.later(hours=1)
    assert house.store.list("restored") == house.store.list(house.held(product).product.location)


def test_files_come_back_only_where_they_are_wanted(house: House) -> None:
    product = offline(house, SLC)
    order(house, product)
    assert restore_step(house.restorer)
    assert house.published(product).evicted_at is None
    assert house.held(product).evicted_at is not None
    order(house, product, files=True)
    assert restore_step(house.restorer)
    assert is_whole(house, product)


def test_orders_of_one_product_share_its_restore(house: House) -> None:
    product, other = offline(house), offline(house, L0, 2)
    first = order(house, product, priority=10)
    between = order(house, other, priority=50)
    second = order(house, product, priority=90)
    assert first != second
    assert state(house, first).restore_id == state(house, second).restore_id
    assert restore_step(house.restorer)
    assert [state(house, one).status for one in (first, between, second)] == ["completed", "queued", "completed"]
    assert restore_step(house.restorer)
    assert restored(house) == 2


def test_an_order_of_what_is_online_is_complete_and_keeps_it_for_its_time(house: House) -> None:
    product = house.make(SLC)
    house.later(days=6)
    uuid = order(house, product, notify=CALLBACK)
    assert state(house, uuid).status == OrderStatus.COMPLETED
    assert state(house, uuid).evict_at == house.now() + timedelta(days=2)
    assert told(house) == ["completed"]
    house.later(days=1, hours=23)
    assert house.published(product).evicted_at is None
    house.later(hours=2)
    assert house.published(product).evicted_at is not None


def test_a_zip_is_made_again_of_files_that_are_here(house: House) -> None:
    bare = house.without_archive()
    product = bare.make(("IW_RAW__0ADV", "IW_RAW__0A"))
    before = bare.published(product)
    bare.later(days=8)
    assert bare.held(product).evicted_at is None
    assert bare.published(product).evicted_at is not None
    uuid = order(bare, product)
    assert restore_step(bare.restorer)
    assert state(bare, uuid).status == OrderStatus.COMPLETED
    after = bare.published(product)
    assert (after.sha256, after.location != before.location) == (before.sha256, True)
    assert is_whole(bare, product)


def test_what_has_no_copy_is_not_ordered(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.settle()
    evict(bare.evictor, product.name, list(Form))
    with pytest.raises(EvictedError, match="no copy in the archive; it can be made again on demand"):
        order(bare, product)
    with pytest.raises(UnknownProductError), house.database.write() as connection:
        place(connection, house.restorer.terms, "nowhere", Asked(), house.now())


def test_a_damaged_copy_fails_its_orders_with_name_and_checksum(house: House, tmp_path: Path) -> None:
    product = offline(house)
    (tmp_path / "archive" / archive_key(product.name)).write_bytes(b"rotten")
    first, second = order(house, product, notify=CALLBACK), order(house, product)
    assert restore_step(house.restorer)
    for uuid in (first, second):
        failed = state(house, uuid)
        assert failed.status == OrderStatus.FAILED
        assert f"object archived/{product.name}.zip has 6 bytes with SHA-256 " in failed.message
        assert hashlib.sha256(b"rotten").hexdigest() in failed.message
    assert told(house) == ["failed"]
    assert house.published(product).evicted_at is not None
    assert restored(house) == 0
    assert not restore_step(house.restorer)
    assert [key for key in house.store.list("restored") if key.endswith(".zip")] == []


def test_a_file_that_differs_within_the_zip_is_named(house: House, tmp_path: Path) -> None:
    product = offline(house)
    with house.database.write() as connection:
        connection.execute(sa.text("UPDATE product_file SET sha256 = 'x' WHERE path = 'manifest.safe'"))
    uuid = order(house, product)
    assert restore_step(house.restorer)
    assert state(house, uuid).status == OrderStatus.FAILED
    assert f"{product.name}/manifest.safe has SHA-256" in state(house, uuid).message
    house.later(hours=25)
    assert house.store.list("restored") == []
    assert house.published(product).evicted_at is not None


def test_a_cancelled_order_ends_its_restore_unless_another_wants_it(house: House) -> None:
    product = offline(house)
    first, second = order(house, product, notify=CALLBACK), order(house, product)
    with house.database.write() as connection:
        cancel(connection, first, house.now())
        with pytest.raises(ConflictError, match="is cancelled; only orders that have not ended"):
            cancel(connection, first, house.now())
    assert told(house) == ["cancelled"]
    assert restore_step(house.restorer)
    assert [state(house, one).status for one in (first, second)] == ["cancelled", "completed"]
    other = offline(house, L0, 2)
    last = order(house, other)
    with house.database.write() as connection:
        cancel(connection, last, house.now())
        with pytest.raises(UnknownProductError):
            cancel(connection, "nobody's", house.now())
    assert not restore_step(house.restorer)
    fresh = order(house, other)
    assert state(house, fresh).restore_id != state(house, last).restore_id


def test_a_restore_that_is_cancelled_while_it_runs_changes_nothing(house: House) -> None:
    product = offline(house)
    uuid = order(house, product)

    def cancel_it() -> None:
        with house.database.write() as connection:
            cancel(connection, uuid, house.now())

    assert restore_step(disturbed(house, cancel_it))
    assert state(house, uuid).status == OrderStatus.CANCELLED
    assert house.published(product).evicted_at is not None
    assert house.store.list("restored") != []
    house.later(hours=25)
    assert house.store.list("restored") == []


def test_a_full_disk_is_waited_for(house: House) -> None:
    product = offline(house)
    uuid = order(house, product, notify=CALLBACK)
    full = evolve(house.restorer, store=FullStore(house.store.folder))
    assert restore_step(full)
    assert state(house, uuid).status == OrderStatus.IN_PROGRESS
    assert not restore_step(full), "it rests"
    house.segment.clock.advance(10)
    assert restore_step(house.restorer)
    assert state(house, uuid).status == OrderStatus.COMPLETED
    assert is_whole(house, product)
    house.later(hours=25)
    assert {key.split("/")[2] for key in house.store.list("restored")} == {"2"}


def test_a_disk_that_stays_full_fails_the_orders_at_last(house: House) -> None:
    product = offline(house)
    uuid = order(house, product, notify=CALLBACK)
    full = evolve(house.restorer, store=FullStore(house.store.folder))
    for _ in range(3):
        assert restore_step(full)
        house.segment.clock.advance(100)
    assert not restore_step(full)
    assert state(house, uuid).status == OrderStatus.FAILED
    assert "No space left on device" in state(house, uuid).message
    assert told(house) == ["failed"]
    fresh = order(house, product)
    assert restore_step(house.restorer)
    assert state(house, fresh).status == OrderStatus.COMPLETED


@pytest.mark.parametrize("cut", [1, 5, 6])
def test_whoever_restores_may_die_at_any_write(house: House, cut: int) -> None:
    product = offline(house)
    uuid = order(house, product, notify=CALLBACK)
    dying = evolve(house.restorer, store=DyingStore(house.store.folder, [cut]))
    died = False
    try:
        restore_step(dying)
    except KeyboardInterrupt:
        died = True
    if died:
        assert state(house, uuid).status == OrderStatus.IN_PROGRESS
        assert not restore_step(house.restorer), "its lease keeps others away"
        house.segment.clock.advance(61)
        assert restore_step(house.restorer)
    assert died is (cut <= 5), "one write for the zip, four for the files"
    assert state(house, uuid).status == OrderStatus.COMPLETED
    assert is_whole(house, product)
    assert told(house) == ["completed"]
    assert restored(house) == 1
    house.later(hours=25)
    attempts = {key.split("/")[2] for key in house.store.list("restored")}
    assert attempts == ({"2"} if died else {"1"})


def test_a_process_that_was_silent_too_long_brings_nothing_online(house: House) -> None:
    product = offline(house)
    uuid = order(house, product, notify=CALLBACK)

    def let_another_do_it() -> None:
        house.segment.clock.advance(61)
        assert restore_step(house.restorer)

    assert restore_step(disturbed(house, let_another_do_it))
    assert is_whole(house, product)
    assert told(house) == ["completed"]
    assert restored(house) == 1
    assert state(house, uuid).completed_at is not None
    assert house.published(product).location.startswith("restored/1/2/")


def test_a_restore_that_kills_its_process_each_time_comes_to_an_end(house: House) -> None:
    product = offline(house)
    uuid = order(house, product)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            restore_step(evolve(house.restorer, store=DyingStore(house.store.folder, [1])))
        house.segment.clock.advance(61)
    assert not restore_step(house.restorer)
    assert state(house, uuid).status == OrderStatus.FAILED
    assert state(house, uuid).message == "the process that restored it died in each of 3 attempts"


def test_what_is_under_legal_hold_stays_when_it_comes_back(house: House) -> None:
    product = offline(house)
    with house.database.write() as connection:
        hold(connection, product.name, "case 7", "judge", house.now())
    uuid = order(house, product)
    assert restore_step(house.restorer)
    assert state(house, uuid).evict_at is None
    house.later(days=100)
    assert is_whole(house, product)


def test_nothing_goes_while_it_is_being_restored(house: House) -> None:
    bare = house.without_archive()
    product = bare.make(L0)
    bare.settle()
    assert evict(bare.evictor, product.name, [Form.ZIP]) == {Form.ZIP: None}
    order(bare, product)
    assert evict(bare.evictor, product.name, [Form.FILES]) == {Form.FILES: "it is being restored"}


def test_the_next_restore_is_found_along_an_index(database: Database) -> None:
    assert "ix_lta_restore_turn" in plan(database, DUE.params(now=NOON))


def disturbed(house: House, happens: Callable[[], None]) -> Restorer:
    return evolve(house.restorer, store=DisturbedStore(house.store.folder, [happens]))
