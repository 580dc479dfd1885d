"""What an older version held comes through with its rows, and what it evicted has neither files nor zip."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command

from s1pdgs.publication.search import find
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import alembic_config, migrate

_PRODUCT = """INSERT INTO product (id, uuid, name, type, satellite, start, stop, generated, location, size, t0,
 attributes, catalogued_at, evicted_at)
 VALUES (:id, :id, :id, 'IW_SLC__1S', 'S1A', 1, 2, 3, 'x', 1, 1, '{}', 1, :evicted_at)"""
_PUBLICATION = """INSERT INTO publication (product_id, state, attempts, retry_at, requested_at, published_at, location,
 size, md5, sha256) VALUES (:id, 'published', 1, 1, 1, 1, 'z', 1, 'm', 's')"""


def test_older_products_are_online_unless_they_were_evicted(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "old.db")
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0009")
        for number, evicted_at in ((1, None), (2, 7)):
            connection.execute(sa.text(_PRODUCT), {"id": number, "evicted_at": evicted_at})
            connection.execute(sa.text(_PUBLICATION), {"id": number})
    migrate(database)
    with database.read() as connection:
        here, gone = find(connection, "1"), find(connection, "2")
        rows = connection.execute(sa.text("select evicted_at, evict_at, gone_at from product order by id")).all()
    database.close()
    assert here is not None
    assert gone is not None
    assert (here.evicted_at, here.evict_at, here.is_orderable) == (None, None, True)
    assert gone.evicted_at is not None
    assert not gone.is_orderable
    assert [tuple(row) for row in rows] == [(None, None, None), (7, None, 7)]
