"""Loops that wait are woken by news that was committed, and by nothing else."""

import threading

import pytest

from s1pdgs.storage.bell import Bell, announce
from s1pdgs.storage.database import Database


def test_it_rings_after_news_was_committed_and_only_then(database: Database) -> None:
    with database.write() as connection:
        announce(connection)
        assert database.bell.count == 0
    assert database.bell.count == 1
    with database.write():
        pass
    assert database.bell.count == 1


def test_news_that_was_rolled_back_rings_neither_now_nor_with_the_next_commit(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            announce(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.write():
        pass
    assert database.bell.count == 0


def test_who_waits_is_woken_and_who_missed_a_ring_does_not_wait() -> None:
    bell = Bell()
    woken = threading.Event()

    def wait() -> None:
        bell.wait(0, 1000)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    bell.ring()
    thread.join(60)
    assert woken.is_set()
    bell.wait(0, 1000)


def test_waiting_ends_when_the_time_is_over() -> None:
    bell = Bell()
    bell.wait(0, 0.001)
    assert bell.count == 0
