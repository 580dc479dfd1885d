"""Who asks for what changed since the last change that he saw misses nothing, whatever happened to products."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from alembic import command

from s1pdgs.catalogue.retention import Form
from s1pdgs.model.product import Product
from s1pdgs.model.time import format_iso
from s1pdgs.publication.changes import note_changed
from s1pdgs.publication.lta.eviction import evict
from s1pdgs.publication.lta.orders import Asked, place
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.odata.entity import entity
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.odata.options import Options
from s1pdgs.publication.search import Order, find_name, search
from s1pdgs.publication.stac_items import item
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.schema import alembic_config, migrate
from tests.databases import plan_of
from tests.unit.publication.conftest import NOON
from tests.unit.publication.lta.conftest import SLC, House

BY_CHANGE = (Order("ModificationDate"),)


def changed_at(house: House, product: Product) -> datetime:
    """What both doors tell, which is the same."""
    with house.database.read() as connection:
        found = find_name(connection, product.name)
    assert found is not None
    told: str = entity(found, Options({}))["ModificationDate"]
    assert told == item(found, "", "")["properties"]["updated"] == format_iso(found.modified_at)
    return found.modified_at


class Harvester:
    """Reads what changed after the last change that it saw, two at a time, as a service that mirrors ours would."""

    def __init__(self, house: House) -> None:
        self._house, self._last = house, NOON - timedelta(days=1)

    def news(self) -> list[str]:
        seen = []
        while True:
            wanted = compile_filter(f"ModificationDate gt {format_iso(self._last)}")
            with self._house.database.read() as connection:
                page = search(connection, wanted, BY_CHANGE, limit=2)
            seen += [found.name for found in page.products]
            if not page.products:
                return seen
            self._last = page.products[-1].modified_at


def test_a_product_changes_when_it_is_published_goes_and_comes_back(house: House) -> None:
    product = house.make()
    assert changed_at(house, product) == house.published(product).published_at
    house.later(hours=6)
    assert changed_at(house, product) == house.published(product).published_at, "its files are no matter of users"
    house.later(days=7)
    gone = changed_at(house, product)
    assert gone == house.published(product).evicted_at
    house.segment.clock.advance(60.0)
    with house.database.write() as connection:
        place(connection, house.restorer.terms, product.name, Asked(), house.now())
    assert restore_step(house.restorer)
    assert changed_at(house, product) == house.now()
    assert house.published(product).published_at < gone


def test_files_that_go_after_the_zip_change_what_can_be_ordered(house: House) -> None:
    product = house.make()
    house.settle()
    house.segment.clock.advance(60.0)
    assert set(evict(house.evictor, product.name, [Form.ZIP]).values()) == {None}
    house.segment.clock.advance(60.0)
    assert set(evict(house.evictor, product.name, [Form.FILES]).values()) == {None}
    assert changed_at(house, product) == house.now()


def test_products_that_go_together_are_harvested_page_by_page_without_loss(house: House) -> None:
    bare = house.without_archive()
    products = [bare.make(SLC, number) for number in range(1, 6)]
    harvester = Harvester(bare)
    names = [product.name for product in products]
    assert harvester.news() == names
    assert harvester.news() == []
    bare.later(hours=6)
    bare.later(days=8)
    assert harvester.news() == names
    assert {row.evicted_at for row in map(bare.published, products)} == {bare.now()}, "all in one moment"
    bare.segment.clock.advance(-86_400.0)
    with bare.database.write() as connection:
        note_changed(connection, [bare.held(products[2]).id], bare.now())
    assert harvester.news() == [names[2]], "though the clock was set back"


def test_a_walk_by_pages_meets_what_changes_meanwhile_again(house: House) -> None:
    bare = house.without_archive()
    names = [bare.make(SLC, number).name for number in range(1, 5)]
    with bare.database.read() as connection:
        first = search(connection, compile_filter("true"), BY_CHANGE, limit=2)
    assert set(evict(bare.evictor, names[0], [Form.ZIP]).values()) == {None}
    with bare.database.read() as connection:
        second = search(connection, compile_filter("true"), BY_CHANGE, limit=9, after=first.after)
    assert [one.name for one in (*first.products, *second.products)] == [*names, names[0]]


def test_what_was_never_published_does_not_change(house: House) -> None:
    product = house.make()
    with house.database.write() as connection:
        connection.execute(publication.update().values(published_at=None, modified_at=None, state="failed"))
        note_changed(connection, [house.held(product).id], house.now())
    assert house.published(product).modified_at is None


def test_the_newest_change_and_those_after_one_are_found_by_their_index(database: Database) -> None:
    newest = plan_of(database, "SELECT max(modified_at) FROM publication")
    assert "ix_publication_modified" in newest
    later = "SELECT product_id FROM publication WHERE modified_at > 7 ORDER BY modified_at, product_id LIMIT 9"
    assert "ix_publication_modified" in plan_of(database, later)


def test_products_of_an_older_version_changed_when_they_went_out_or_went(unmigrated: Database) -> None:
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0015")
        for number, (published_at, evicted_at) in enumerate(((5, None), (5, 7), (None, None)), start=1):
            values = {"id": number, "published_at": published_at, "evicted_at": evicted_at}
            connection.execute(sa.text(_PRODUCT), values)
            connection.execute(sa.text(_PUBLICATION), values)
        connection.exec_driver_sql(
            "INSERT INTO archive_copy (product_id, state, attempts, due_at) VALUES (2, 'stored', 1, 1)"
        )
    migrate(unmigrated)
    with unmigrated.read() as connection:
        rows = connection.exec_driver_sql("SELECT modified_at FROM publication ORDER BY product_id").all()
        place = connection.exec_driver_sql("SELECT location FROM archive_copy").scalar_one()
    assert [tuple(row) for row in rows] == [(5,), (7,), (None,)]
    assert place == "archived/P2.zip"


_PRODUCT = """INSERT INTO product (id, uuid, name, type, satellite, start, stop, generated, location, size, t0,
 attributes, catalogued_at) VALUES (:id, 'P' || :id, 'P' || :id, 'IW_SLC__1S', 'S1A', 1, 2, 3, 'x', 1, 1, '{}', 1)"""
_PUBLICATION = """INSERT INTO publication (product_id, state, attempts, retry_at, requested_at, published_at,
 evicted_at) VALUES (:id, 'published', 1, 1, 1, :published_at, :evicted_at)"""
