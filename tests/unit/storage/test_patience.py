"""What is worth waiting for, and what is not."""

import pytest
import sqlalchemy as sa
from tests.wire import far_away

from s1pdgs.storage.database import Database
from s1pdgs.storage.patience import is_away, patiently


def test_what_a_database_that_is_away_did_not_do_is_done_when_it_is_back() -> None:
    with far_away() as (wire, database):
        wire.broken = True
        tries = []

        def count() -> int:
            tries.append(1)
            wire.broken = len(tries) < 3
            with database.read() as connection:
                return int(connection.scalar(sa.text("SELECT 7")) or 0)

        assert patiently(count) == 7
    assert len(tries) == 3


def test_one_that_stays_away_is_an_error_at_last() -> None:
    with far_away() as (wire, database):
        wire.broken = True

        def look() -> None:
            with database.read():
                pass

        with pytest.raises(sa.exc.DBAPIError):
            patiently(look, patience_s=0.3)


def test_what_is_wrong_is_not_tried_again(database: Database) -> None:
    tries = []

    def write() -> None:
        tries.append(1)
        with database.write() as connection:
            connection.execute(sa.text("INSERT INTO seen (consumer, event_id) VALUES ('a', 1)"))
            connection.execute(sa.text("INSERT INTO seen (consumer, event_id) VALUES ('a', 1)"))

    with pytest.raises(sa.exc.DBAPIError) as told:
        patiently(write)
    assert len(tries) == 1
    assert not is_away(told.value)
