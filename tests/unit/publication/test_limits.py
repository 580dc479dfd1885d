"""A query that takes too long is stopped, and its asker told."""

import httpx2
import pytest
from sqlalchemy.exc import DBAPIError

from s1pdgs.publication import limits
from s1pdgs.publication.errors import SlowQueryError
from s1pdgs.publication.limits import bounded
from tests.unit.publication.conftest import Segment

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "postgresql": "WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
}


def test_a_query_without_end_is_stopped(shelf: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST_S", 0.05)
    with pytest.raises(SlowQueryError, match=r"took longer than 0\.05 s"), bounded(shelf.database) as connection:
        connection.exec_driver_sql(ENDLESS[connection.dialect.name])


def test_the_next_query_on_the_connection_has_its_own_time(shelf: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    test_a_query_without_end_is_stopped(shelf, monkeypatch)
    monkeypatch.undo()
    with bounded(shelf.database) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM product").scalar_one() == 12
    with shelf.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM product").scalar_one() == 12


def test_other_errors_of_the_database_stay_what_they_are(shelf: Segment) -> None:
    with pytest.raises(DBAPIError), bounded(shelf.database) as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/odata/v1/Products?$filter=contains(Name,'SLC')", ("error", "code")),
        ("/odata/v1/Products/$count?$filter=contains(Name,'SLC')", ("error", "code")),
        ("/stac/search?datetime=2020-06-15T00:00:00Z/..", ("code",)),
    ],
)
def test_both_doors_tell_it(
    shelf: Segment, site: str, monkeypatch: pytest.MonkeyPatch, path: str, code: tuple[str, ...]
) -> None:
    if shelf.database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL is too quick for the shortest time that it can be given")
    monkeypatch.setattr(limits, "LONGEST_S", -1.0)
    monkeypatch.setattr(limits, "_STEPS", 1)
    answer = httpx2.get(f"{site}{path}")
    assert answer.status_code == 503
    told = answer.json()
    for key in code:
        told = told[key]
    assert told == "QueryTimeout"
