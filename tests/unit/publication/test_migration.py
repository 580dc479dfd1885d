"""Products that an older version published can be found by area."""

import sqlalchemy as sa
from alembic import command

from s1pdgs.publication.holdings import spans
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.search import count
from s1pdgs.storage.database import Database
from s1pdgs.storage.schema import alembic_config, migrate

_PRODUCT = """INSERT INTO product (id, uuid, name, type, satellite, start, stop, generated, location, size, t0,
 footprint, attributes, catalogued_at) VALUES (:id, :name, :name, 'IW_SLC__1S', 'S1A', 1, 2, 3, 'x', 1, 1, :ring,
 :attributes, 1)"""
_PUBLICATION = """INSERT INTO publication (product_id, state, attempts, retry_at, requested_at, published_at)
 VALUES (:id, 'published', 1, 1, 1, 1)"""
_BOX = "INSERT INTO footprint_box (product_id, part, west, south, east, north) VALUES (2, 0, 10, 45, 12, 47)"
TOLD = '{"orbitDirection": ["String", "ASCENDING"], "orbitNumber": ["Integer", 33000]}'
ORBIT = "Attributes/OData.CSC.IntegerAttribute/any(a:a/Name eq 'orbitNumber' and a/OData.CSC.IntegerAttribute/Value eq"
RINGS = [None, "[[10, 45], [12, 45], [12, 47], [10, 47], [10, 45]]"]


def test_the_footprints_of_older_publications_are_indexed(unmigrated: Database) -> None:
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0006")
        for number, ring in enumerate(RINGS, start=1):
            connection.execute(
                sa.text(_PRODUCT), {"id": number, "name": f"P{number}", "ring": ring, "attributes": TOLD}
            )
            connection.execute(sa.text(_PUBLICATION), {"id": number})
        connection.exec_driver_sql(_BOX)
    migrate(unmigrated)
    with unmigrated.read() as connection:
        assert count(connection, compile_filter("Online")) == 2
        (span,) = spans(connection)
        assert (span.type, span.held, span.box, span.values) == (
            "IW_SLC__1S", 2, (10.0, 45.0, 12.0, 47.0), {"satellite": ["S1A"], "orbitDirection": ["ASCENDING"]},
        )  # fmt: skip
        assert [count(connection, compile_filter(f"{ORBIT} {number})")) for number in (33000, 1)] == [2, 0]
        for place, found in (("11 46", 1), ("13 46", 0)):
            area = f"OData.CSC.Intersects(area=geography'SRID=4326;POINT({place})')"
            assert count(connection, compile_filter(area)) == found


def test_a_product_tells_when_it_was_published_whoever_publishes_it(unmigrated: Database) -> None:
    with unmigrated.write() as connection:
        command.upgrade(alembic_config(connection), "0015")
        for number in (1, 2):
            values = {"id": number, "name": f"P{number}", "ring": None, "attributes": TOLD}
            connection.execute(sa.text(_PRODUCT), values)
        connection.execute(sa.text(_PUBLICATION), {"id": 1})
        connection.exec_driver_sql(_BOX)
    migrate(unmigrated)

    def told(change: str) -> list[int | None]:
        with unmigrated.write() as connection:
            connection.execute(sa.text(change), {"id": 2})
            return list(connection.scalars(sa.text("SELECT published_at FROM product ORDER BY id")))

    assert told("UPDATE footprint_box SET part = 1") == [1, None]
    assert told(_PUBLICATION) == [1, 1]
    assert told("UPDATE publication SET published_at = 7 WHERE product_id = 2") == [1, 7]
    assert told("UPDATE publication SET published_at = NULL WHERE product_id = 1") == [None, 7]
    assert told("DELETE FROM publication WHERE product_id = 2") == [None, None]
    with unmigrated.read() as connection:
        assert connection.execute(sa.text("SELECT start, stop FROM footprint_box")).one() == (1, 2)
