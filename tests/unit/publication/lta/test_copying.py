"""The archive gets a whole copy of what it is to keep, once; until then nothing of the last copy goes."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.outbox import deliver
from s1pdgs.model.product import Product
from s1pdgs.publication.lta.copying import DUE, Archive, copy_again, copy_step
from s1pdgs.publication.lta.dating import subscriber
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.lta.tables import archive_copy
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects
from tests.unit.publication.conftest import NOON
from tests.unit.publication.lta.conftest import L0, PATIENCE, SLC, House, plan
from tests.unit.publication.lta.stores import DyingStore, FullStore


def test_the_only_copy_of_what_is_archived_stays_until_the_archive_has_one(house: House, tmp_path: Path) -> None:
    product = house.make()
    key = house.published(product).location
    whole = house.store.path(key).read_bytes()
    house.store.path(key).write_bytes(b"not the zip")
    house.later(days=8)
    with house.database.read() as connection:
        row = connection.execute(sa.select(archive_copy)).one()
    assert row.state == "failed"
    assert f"object {key} has 11 bytes" in row.reason
    assert list((tmp_path / "archive").rglob("*.zip")) == []
    assert house.held(product).evicted_at is None, "its files are the only whole copy"
    with house.database.write() as connection:
        assert copy_again(connection, product.name, house.now())
        assert not copy_again(connection, product.name, house.now())
    house.settle()
    assert house.published(product).archived_at is None, "while it is offline there is nothing to copy"
    assert restore_step(house.restorer), "its zip is made again of them"
    house.later(days=1)
    row = house.published(product)
    assert house.store.path(row.location).read_bytes() == whole
    assert row.archived_at is not None
    house.later(days=7)
    assert house.published(product).evicted_at is not None
    assert house.held(product).evicted_at is not None


def test_an_archive_that_is_set_up_later_gets_what_is_there(house: House, tmp_path: Path) -> None:
    bare = house.without_archive()
    products = [bare.make(SLC, 1), bare.make(L0, 2), bare.make(("IW_RAW__0ADV", "IW_RAW__0A"), 3)]
    bare.settle()
    house.settle()
    assert [house.published(product).archived_at is not None for product in products] == [True, True, False]
    assert len(list((tmp_path / "archive").rglob("*.zip"))) == 2


def test_a_copy_that_is_under_way_is_taken_over_when_its_process_dies(house: House) -> None:
    product = house.make()
    while deliver(house.database, subscriber(house.policy)):
        pass
    archive = house.policy.archive
    assert archive is not None
    assert isinstance(archive.store, LocalObjects)
    dying = evolve(archive, store=DyingStore(archive.store.folder, [1]))
    with pytest.raises(KeyboardInterrupt):
        copy_step(house.database, house.store, dying, house.segment.clock, PATIENCE)
    assert not copy_step(house.database, house.store, archive, house.segment.clock, PATIENCE), "its lease"
    house.segment.clock.advance(61)
    assert copy_step(house.database, house.store, archive, house.segment.clock, PATIENCE)
    assert house.published(product).archived_at == house.now()


def copying(house: House, archive: Archive) -> sa.Row[Any]:
    """One turn, and what became of the copy; then time goes by."""
    assert copy_step(house.database, house.store, archive, house.segment.clock, PATIENCE)
    house.segment.clock.advance(100)
    with house.database.read() as connection:
        return connection.execute(sa.select(archive_copy)).one()


def asked(house: House) -> tuple[Product, Archive]:
    """A product whose copy is asked for, and the archive."""
    product, archive = house.make(), house.policy.archive
    while deliver(house.database, subscriber(house.policy)):
        pass
    assert archive is not None
    return product, archive


def test_a_full_archive_is_waited_for_as_long_as_it_takes(house: House) -> None:
    product, archive = asked(house)
    assert isinstance(archive.store, LocalObjects)
    full = evolve(archive, store=FullStore(archive.store.folder))
    for _ in range(7):
        row = copying(house, full)
        assert (row.state, "No space left on device" in row.reason) == ("pending", True)
    assert copying(house, archive).state == "stored"
    assert house.published(product).archived_at is not None


def test_a_zip_that_the_disk_does_not_give_fails_its_copy(house: House) -> None:
    product, archive = asked(house)
    path = house.store.path(house.published(product).location)
    path.unlink()
    path.symlink_to(path)
    row = copying(house, archive)
    assert row.state == "failed"
    assert row.reason.startswith(f"object published/{product.name}.zip cannot be read: ")
    assert not copy_step(house.database, house.store, archive, house.segment.clock, PATIENCE)
    assert house.published(product).archived_at is None


def test_other_bytes_under_its_key_are_not_replaced(house: House) -> None:
    product = house.make()
    archive = house.policy.archive
    assert archive is not None
    archive.store.put(f"archived/{product.name}.zip", iter([b"older"]))
    house.settle()
    with house.database.read() as connection:
        row = connection.execute(sa.select(archive_copy)).one()
    assert (row.state, "keys are written once" in row.reason) == ("failed", True)
    assert b"".join(archive.store.read(f"archived/{product.name}.zip")) == b"older"


def test_the_next_copy_is_found_along_an_index(database: Database) -> None:
    assert "ix_archive_copy_due_at" in plan(database, DUE.params(now=NOON))
