"""What the store holds is held against what was catalogued: nothing missing, damaged or extra goes unseen."""

import os
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from attrs import evolve, frozen

from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.publication.integrity import Fault, Finding, Inspection, inspect, numbers
from s1pdgs.publication.tables import publication
from s1pdgs.storage.objects import LocalObjects, StorageError
from tests.unit.publication.conftest import NOON, Segment, store_product

NAME = "S1A_IW_SLC__1SDV_20200615T120000_20200615T120025_033026_03D35D_1B2C.SAFE"
PLACE = f"jobs/7/1/{NAME}"
ZIP, IMAGE = f"published/{NAME}.zip", f"published/{NAME}.png"
DATA = f"{PLACE}/measurement/data.tiff"


@pytest.fixture
def published(segment: Segment) -> Segment:
    segment.publish(store_product(segment.store, NAME, "IW_SLC__1S"))
    return segment


def inspected(segment: Segment, *, quick: bool = False) -> Inspection:
    (number,) = numbers(segment.database)
    return inspect(segment.database, segment.store, number, quick=quick)


def found(segment: Segment, *, quick: bool = False) -> list[tuple[Fault, str]]:
    return [(one.fault, one.key) for one in inspected(segment, quick=quick).findings]


def rot(segment: Segment, key: str) -> None:
    """One bit of an object turns."""
    path = segment.store.path(key)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_is_as_it_was_is_well(published: Segment) -> None:
    seen = inspected(published)
    assert (seen.product, seen.objects, seen.findings) == (NAME, 6, ())
    assert seen.size > 10_000


@pytest.mark.parametrize("key", [DATA, ZIP, IMAGE])
def test_a_bit_that_turned_is_found_by_reading_only(published: Segment, key: str) -> None:
    rot(published, key)
    assert found(published) == [(Fault.DAMAGED, key)]
    assert found(published, quick=True) == []


@pytest.mark.parametrize("quick", [True, False])
def test_what_is_missing_cut_or_extra_is_found_by_looking(published: Segment, *, quick: bool) -> None:
    published.store.path(ZIP).unlink()
    os.truncate(published.store.path(DATA), 17)
    published.store.put(f"{PLACE}/annotation/other.xml", iter([b"?"]))
    assert found(published, quick=quick) == [
        (Fault.DAMAGED, DATA), (Fault.MISSING, ZIP), (Fault.EXTRA, f"{PLACE}/annotation/other.xml"),
    ]  # fmt: skip


def test_what_was_evicted_is_not_looked_for(published: Segment) -> None:
    with published.database.write() as connection:
        connection.execute(product_table.update().values(evicted_at=NOON))
        connection.execute(publication.update().values(evicted_at=NOON))
    published.store.delete(PLACE)
    published.store.delete(ZIP)
    assert inspected(published) == Inspection(NAME, 1, 264, ())


def test_deliveries_of_a_session_may_lie_below_each_other(segment: Segment) -> None:
    first = store_product(segment.store, NAME, "SESSION", quicklook=False)
    again = store_product(segment.store, f"{NAME}/R1", "SESSION", quicklook=False)
    for delivery in (first, evolve(again, name="R1")):
        segment.register(delivery)
    for number in numbers(segment.database):
        assert inspect(segment.database, segment.store, number).findings == ()


def test_a_product_that_goes_while_it_is_looked_at_is_not_missing(published: Segment) -> None:
    @frozen
    class Evicting(LocalObjects):
        """The files go with the first look."""

        def size(self, key: str) -> int | None:
            if published.store.size(key) is not None:
                with published.database.write() as connection:
                    connection.execute(product_table.update().values(evicted_at=NOON))
                published.store.delete(PLACE)
            return published.store.size(key)

    (number,) = numbers(published.database)
    assert inspect(published.database, Evicting(published.store.folder), number).findings == ()


def test_an_object_that_the_disk_does_not_give_is_damaged_and_a_store_that_is_away_is_not(published: Segment) -> None:
    @frozen
    class Failing(LocalObjects):
        error: OSError

        def read(self, _key: str, _start: int = 0, _stop: int | None = None) -> Iterator[bytes]:
            raise self.error
            yield b""

    (number,) = numbers(published.database)
    disk = Failing(published.store.folder, OSError(5, "Input/output error"))
    findings = inspect(published.database, disk, number).findings
    assert Finding(Fault.DAMAGED, DATA, "it cannot be read: Input/output error") in findings
    away = Failing(published.store.folder, StorageError("no answer"))
    with pytest.raises(StorageError, match="no answer"):
        inspect(published.database, away, number)


def test_all_products_are_walked_or_those_of_names_and_types(segment: Segment) -> None:
    one = store_product(segment.store, NAME, "AUX_0")
    with segment.database.write() as connection:
        for number in range(105):
            made = evolve(one, name=f"N{number:03}", type=f"AUX_{number % 2}")
            assert register(connection, segment.outbox, made)
    assert len(list(numbers(segment.database))) == 105
    assert len(list(numbers(segment.database, types=["AUX_1"]))) == 52
    named = list(numbers(segment.database, ["N003", "N104", "none"]))
    with segment.database.read() as connection:
        query = sa.select(product_table.c.name).where(product_table.c.id.in_(named)).order_by(product_table.c.id)
        assert list(connection.scalars(query)) == ["N003", "N104"]
