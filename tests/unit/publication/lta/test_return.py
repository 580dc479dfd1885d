"""A product whose files went comes in again, as it was or in a new version: it is here, published once, and nothing is
orphaned.
"""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.events import AnyEvent
from s1pdgs.bus.outbox import Subscriber, deliver
from s1pdgs.catalogue.door import CatalogueError, register
from s1pdgs.catalogue.lifecycle import hold, sweep_garbage
from s1pdgs.catalogue.query import candidates
from s1pdgs.catalogue.retention import Form
from s1pdgs.catalogue.tables import garbage, product_file
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.publication.holdings import held as counted
from s1pdgs.publication.integrity import inspect
from s1pdgs.publication.lta.copying import archive_key, copy_step
from s1pdgs.publication.lta.dating import subscriber
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import Asked, place
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.lta.tables import archive_copy, lta_order, restore
from s1pdgs.storage.objects import MissingObject
from tests.unit.publication.lta.conftest import L0, SLC, House

OTHER = b"made by another processor" * 100


def stored_at(house: House, product: Product, place: str, measurement: bytes | None = None) -> Product:
    """The same product, or another version of it, as it comes in again: at a place of its own."""
    files = []
    for file in product.files:
        data = b"".join(house.store.read(f"{product.location}/{file.path}"))
        if measurement is not None and file.path.startswith("measurement"):
            data = measurement
        sums = house.store.put(f"{place}/{file.path}", iter([data]))
        files.append(StoredFile(file.path, sums.size, sums.md5, sums.sha256))
    return evolve(product, location=place, files=tuple(files))


def comes(house: House, product: Product) -> bool:
    """It comes in by the door, and the roles do what there is to do."""
    with house.database.write() as connection:
        taken = register(connection, house.segment.outbox, product)
    settle(house)
    return taken


def settle(house: House) -> None:
    while house.segment.deliver():
        pass
    while house.segment.step():
        pass
    while deliver(house.database, subscriber(house.policy)):
        pass
    while restore_step(house.restorer):
        pass
    while house.policy.archive and copy_step(house.database, house.store, house.policy.archive, house.segment.clock):
        pass


def let_go(house: House, product: Product, *forms: Form) -> None:
    assert set(evict(house.evictor, product.name, forms).values()) == {None}


def orphans(house: House) -> int:
    """How many objects nobody claims when all garbage has gone; what is claimed is there."""
    house.segment.clock.advance(timedelta(days=2).total_seconds())
    sweep_garbage(house.database, house.store, house.now())
    with house.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(garbage)) == 0
    found = inspect(house.database, house.store, 1)
    assert found.findings == ()
    return len([key for place in ("jobs", "published", "restored") for key in house.store.list(place)]) - found.objects


def test_the_same_bytes_are_the_same_product_back_and_its_zip_is_made_of_them(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.settle()
    published = bare.published(product)
    again = stored_at(bare, product, "jobs/9/1/again")
    told = news_of(bare)
    let_go(bare, product, Form.FILES, Form.ZIP)
    bare.segment.clock.advance(7200.0)
    sweep_garbage(bare.database, bare.store, bare.now())
    with pytest.raises(MissingObject):
        list(zip_chunks(bare.store, product))
    assert comes(bare, again)
    held, row = bare.held(product), bare.published(product)
    assert (held.product.location, held.evicted_at, held.gone_at) == ("jobs/9/1/again", None, None)
    assert held.catalogued_at < bare.now() == held.returned_at
    with bare.database.read() as connection:
        assert [one.name for one in candidates(connection, [product.type], "S1A")] == [product.name]
        assert counted(connection) == 1
    assert (row.evicted_at, row.published_at, row.sha256) == (None, published.published_at, published.sha256)
    assert bare.store.size(row.location) == row.size
    assert told() == ["FilesEvicted", "ProductEvicted", "ProductRestored", "ProductRestored"]
    assert orphans(bare) == 0


def test_files_that_came_in_again_are_kept_as_long_as_new_ones(house: House) -> None:
    product = house.make()
    again = stored_at(house, product, "jobs/9/1/again")
    house.later(hours=6)
    assert house.held(product).evicted_at is not None
    house.later(days=30)
    assert comes(house, again)
    house.later(hours=5, minutes=59)
    assert house.held(product).evicted_at is None
    house.later(days=3)
    assert house.held(product).evicted_at is not None


def test_other_bytes_are_a_new_version_in_the_place_of_the_old_one(house: House) -> None:
    product = house.make(L0)
    settle(house)
    first = house.published(product)
    new = stored_at(house, product, "jobs/9/1/new", OTHER)
    told = news_of(house)
    let_go(house, product, Form.FILES)
    house.segment.clock.advance(60.0)
    assert comes(house, new)
    held, row = house.held(product), house.published(product)
    assert {file.path: file.sha256 for file in held.product.files} == {f.path: f.sha256 for f in new.files}
    assert (held.catalogued_at, held.evicted_at, held.returned_at) == (house.now(), None, None)
    assert (row.state, row.published_at > first.published_at) == ("published", True)
    assert row.location not in {first.location, new.location}
    assert b"".join(house.store.read(row.location)) == b"".join(zip_chunks(house.store, new))
    assert told() == ["FilesEvicted", "ProductCatalogued", "ProductPublished"]
    with house.database.read() as connection:
        assert counted(connection) == 1
        assert connection.scalar(sa.select(sa.func.count()).select_from(product_file)) == len(new.files)
        (copy,) = connection.execute(sa.select(archive_copy)).all()
    assert (copy.state, copy.location) == ("stored", archive_key(product.name, row.published_at))
    assert house.policy.archive is not None
    assert house.policy.archive.store.list("archived") == sorted([archive_key(product.name), copy.location])
    assert orphans(house) == 0


def test_a_new_version_comes_back_from_its_own_copy_in_the_archive(house: House) -> None:
    product = house.make()
    settle(house)
    new = stored_at(house, product, "jobs/9/1/new", OTHER)
    let_go(house, product, Form.FILES)
    house.segment.clock.advance(60.0)
    comes(house, new)
    sha256 = house.published(product).sha256
    let_go(house, product, Form.FILES, Form.ZIP)
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(), house.now())
    assert restore_step(house.restorer)
    row = house.published(product)
    assert (row.evicted_at, row.sha256) == (None, sha256)


def test_a_restore_of_the_old_version_ends_when_a_new_one_comes(house: House) -> None:
    product = house.make()
    settle(house)
    new = stored_at(house, product, "jobs/9/1/new", OTHER)
    let_go(house, product, Form.FILES, Form.ZIP)
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(), house.now())
    house.segment.clock.advance(60.0)
    comes(house, new)
    with house.database.read() as connection:
        assert connection.scalar(sa.select(restore.c.state)) == "cancelled"
        (order,) = connection.execute(sa.select(lta_order)).all()
    assert (order.status, order.message) == (
        "cancelled", "a new version of the product came, which is being published",
    )  # fmt: skip
    assert house.published(product).evicted_at is None


def test_what_is_here_is_not_taken_a_second_time_and_what_was_stored_beside_it_is_removed(house: House) -> None:
    product = house.make()
    double = stored_at(house, product, "jobs/9/1/double", OTHER)
    assert not comes(house, double)
    assert not comes(house, product), "the same again, after a commit whose answer was lost"
    assert house.held(product).product.location == product.location
    house.segment.clock.advance(3600.0)
    sweep_garbage(house.database, house.store, house.now())
    assert house.store.list("jobs/9/1/double") == []
    assert len(house.store.list(product.location)) == len(product.files)


def test_a_publication_that_failed_since_the_files_went_is_tried_again_when_they_are_back(house: House) -> None:
    product = house.make()
    again = stored_at(house, product, "jobs/9/1/again")
    with house.database.write() as connection:
        connection.execute(
            sa.text("UPDATE publication SET state = 'failed', published_at = NULL, location = NULL, attempts = 5")
        )
        connection.execute(sa.text("UPDATE product SET evicted_at = 1"))
    house.store.delete("published")
    assert comes(house, again)
    assert house.published(product).state == "published"


def test_a_version_without_files_is_refused(house: House) -> None:
    product = house.make(SLC)
    let_go(house, product, Form.FILES)
    with pytest.raises(CatalogueError, match="has no files"):
        comes(house, evolve(product, location="jobs/9/1/none", files=()))


def news_of(house: House) -> "NewsReader":
    reader = NewsReader(house)
    reader()
    return reader


class NewsReader:
    """The types of the news of products since the last look."""

    _TYPES = frozenset({"ProductCatalogued", "ProductPublished", "ProductRestored", "ProductEvicted", "FilesEvicted"})

    def __init__(self, house: House) -> None:
        self._house = house

    def __call__(self) -> list[str]:
        told: list[AnyEvent] = []
        reader = Subscriber("reader", self._TYPES, lambda _connection, event: told.append(event))
        while deliver(self._house.database, reader):
            pass
        return [type(event).__name__ for event in told]


def test_a_product_under_legal_hold_is_not_replaced_and_comes_back_as_it_was(house: House) -> None:
    product = house.make(L0)
    settle(house)
    new, same = stored_at(house, product, "jobs/9/1/new", OTHER), stored_at(house, product, "jobs/9/1/same")
    let_go(house, product, Form.FILES)
    with house.database.write() as connection:
        hold(connection, product.name, "case 1", "ops", house.now())
    before = house.published(product)
    assert not comes(house, new)
    house.later(hours=2)
    assert house.published(product) == before
    assert set(house.held(product).product.files) == set(product.files)
    assert house.store.size(before.location) == before.size
    assert house.store.list(new.location) == []
    assert comes(house, same)
    assert house.held(product).evicted_at is None
