"""What is damaged is marked, told, and made again of what is intact; what cannot be made again is left as it is."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.catalogue.lifecycle import sweep_garbage
from s1pdgs.catalogue.retention import Form
from s1pdgs.model.product import Product
from s1pdgs.publication.integrity import Fault, Inspection, Place
from s1pdgs.publication.lta.copying import archive_key
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import Asked, place
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.lta.tables import archive_copy
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.tables import damaged_object
from s1pdgs.storage.objects import Checksums, LocalObjects, checksums_of
from tests.unit.publication.lta.conftest import L0, SLC, House
from tests.unit.publication.lta.stores import DisturbedStore


@pytest.fixture
def archived(house: House) -> tuple[House, Product]:
    """A product that is published and archived."""
    product = house.make(SLC)
    house.settle()
    assert house.published(product).archived_at is not None
    return house, product


def archive_of(house: House) -> LocalObjects:
    assert house.policy.archive is not None
    store = house.policy.archive.store
    assert isinstance(store, LocalObjects)
    return store


def rot(path: Path) -> None:
    """One bit of an object turns."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rot_zip(house: House, product: Product) -> None:
    rot(house.store.path(house.published(product).location))


def copy_of(house: House, product: Product) -> Path:
    with house.database.read() as connection:
        query = sa.select(archive_copy.c.location).where(archive_copy.c.product_id == house.held(product).id)
        return archive_of(house).path(str(connection.scalar(query)))


def let_go(house: House, product: Product, *forms: Form) -> None:
    assert set(evict(house.evictor, product.name, forms).values()) == {None}


def examine(house: House, product: Product) -> Inspection:
    """What the patrol does, and all that follows."""
    house.segment.clock.advance(60.0)
    archive = None if house.policy.archive is None else house.policy.archive.store
    found = Mender(house.database, house.store, archive).examine(house.held(product).id, house.now())
    while restore_step(house.restorer):
        pass
    house.settle()
    return found


def marks(house: House) -> list[tuple[str, str, str]]:
    c = damaged_object.c
    with house.database.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(c.place, c.fault, c.key).order_by(c.place, c.key))]


def is_well(house: House, product: Product) -> None:
    """Nothing is wrong any more, nothing is marked, and the zip is what is published."""
    assert examine(house, product).findings == ()
    assert marks(house) == []
    row = house.published(product)
    assert row.evicted_at is None
    assert checksums_of(house.store, row.location) == Checksums(row.size, row.md5, row.sha256)


def test_a_damaged_zip_is_made_again_of_the_files(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    before = bare.published(product)
    rot_zip(bare, product)
    found = examine(bare, product)
    assert [(one.fault, one.key) for one in found.findings] == [(Fault.DAMAGED, before.location)]
    after = bare.published(product)
    assert (after.sha256, after.published_at) == (before.sha256, before.published_at)
    assert after.location != before.location
    assert after.modified_at > before.modified_at
    is_well(bare, product)
    bare.segment.clock.advance(3600.0)
    sweep_garbage(bare.database, bare.store, bare.now())
    assert bare.store.size(before.location) is None
    is_well(bare, product)


def test_a_missing_zip_whose_files_are_gone_comes_from_the_archive(archived: tuple[House, Product]) -> None:
    house, product = archived
    let_go(house, product, Form.FILES)
    before = house.published(product)
    house.store.path(before.location).unlink()
    examine(house, product)
    assert house.published(product).sha256 == before.sha256
    assert house.held(product).gone_at is None
    is_well(house, product)


def test_a_zip_that_is_made_of_nothing_else_stays_and_is_marked_until_it_is_found_well(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.settle()
    let_go(bare, product, Form.FILES)
    before = bare.published(product)
    rot_zip(bare, product)
    for _ in range(2):
        examine(bare, product)
        assert marks(bare) == [("store", "damaged", before.location)]
    assert bare.published(product) == before
    rot_zip(bare, product)
    is_well(bare, product)


def test_damaged_files_are_marked_and_no_zip_is_made_of_them(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.settle()
    before = bare.published(product)
    rot_zip(bare, product)
    data = f"{product.location}/measurement/data.tiff"
    rot(bare.store.path(data))
    examine(bare, product)
    assert marks(bare) == [("store", "damaged", data), ("store", "damaged", before.location)]
    assert bare.published(product) == before


@pytest.mark.parametrize("is_missing", [True, False])
def test_a_damaged_copy_in_the_archive_is_made_again_of_the_zip(
    archived: tuple[House, Product], *, is_missing: bool
) -> None:
    house, product = archived
    old = copy_of(house, product)
    if is_missing:
        old.unlink()
    else:
        rot(old)
    (finding,) = examine(house, product).findings
    assert (finding.place, finding.key) == (Place.ARCHIVE, archive_key(product.name))
    assert not old.exists()
    assert copy_of(house, product).exists()
    assert house.published(product).archived_at == house.now()
    is_well(house, product)
    let_go(house, product, Form.FILES, Form.ZIP)
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(), house.now())
    assert restore_step(house.restorer)
    is_well(house, product)


def test_a_damaged_copy_of_what_is_offline_is_made_again_of_the_files(archived: tuple[House, Product]) -> None:
    house, product = archived
    let_go(house, product, Form.ZIP)
    rot(copy_of(house, product))
    examine(house, product)
    assert house.published(product).archived_at == house.now()
    is_well(house, product)


def test_when_zip_and_copy_are_damaged_both_are_made_again_of_the_files(archived: tuple[House, Product]) -> None:
    house, product = archived
    rot_zip(house, product)
    rot(copy_of(house, product))
    assert len(examine(house, product).findings) == 2
    is_well(house, product)
    assert copy_of(house, product).exists()


def test_the_last_copy_is_not_removed_because_it_is_damaged(archived: tuple[House, Product]) -> None:
    house, product = archived
    let_go(house, product, Form.FILES, Form.ZIP)
    rot(copy_of(house, product))
    examine(house, product)
    assert marks(house) == [("archive", "damaged", archive_key(product.name))]
    assert copy_of(house, product).exists()


def test_an_archive_that_is_not_there_now_is_not_looked_at(archived: tuple[House, Product]) -> None:
    house, product = archived
    copy_of(house, product).unlink()
    blind = evolve(house, policy=evolve(house.policy, archive=None), evictor=evolve(house.evictor, archive=None))
    assert examine(blind, product).findings == ()


def test_an_order_finds_the_copy_damaged_and_is_served_of_the_files(archived: tuple[House, Product]) -> None:
    house, product = archived
    let_go(house, product, Form.ZIP)
    rot(copy_of(house, product))
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(), house.now())
    assert restore_step(house.restorer)
    assert house.published(product).evicted_at is None
    examine(house, product)
    is_well(house, product)


def test_a_zip_of_other_bytes_than_the_copy_is_archived_anew(archived: tuple[House, Product]) -> None:
    house, product = archived
    first = copy_of(house, product)
    let_go(house, product, Form.ZIP)
    rot(first)
    stored = evolve(house.restorer, deflated=())
    with house.database.write() as connection:
        place(connection, stored.terms, product.name, Asked(), house.now())
    assert restore_step(stored)
    house.settle()
    assert copy_of(house, product) != first
    assert house.published(product).archived_at is not None
    is_well(house, product)


def test_a_zip_found_damaged_before_files_go_is_made_again_and_they_go_then(house: House) -> None:
    bare = house.without_archive()
    product = bare.make()
    bare.settle()
    rot_zip(bare, product)
    bare.later(hours=6)
    assert bare.held(product).evicted_at is None
    assert restore_step(bare.restorer)
    bare.later(days=2)
    assert bare.held(product).evicted_at is not None
    row = bare.published(product)
    assert checksums_of(bare.store, row.location) == Checksums(row.size, row.md5, row.sha256)


def test_a_zip_found_damaged_while_its_files_come_back_is_made_again(house: House) -> None:
    product = house.make(L0)
    house.settle()
    evict(house.evictor, product.name, [Form.FILES])
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(files=True), house.now())

    def rots() -> None:
        rot_zip(house, product)
        Mender(house.database, house.store, archive_of(house)).examine(house.held(product).id, house.now())

    store = DisturbedStore(house.store.folder, [rots])
    restore_step(evolve(house.restorer, store=store))
    assert house.published(product).evicted_at is not None
    house.later(minutes=5)
    while restore_step(house.restorer):
        pass
    row = house.published(product)
    assert row.evicted_at is None
    assert checksums_of(house.store, row.location) == Checksums(row.size, row.md5, row.sha256)
    assert house.held(product).evicted_at is None
