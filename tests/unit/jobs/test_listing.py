from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.execute import LOG_FILE
from s1pdgs.jobs.listing import count_jobs, find_job, list_jobs, read_log
from s1pdgs.jobs.queue import Failure, UnknownJob
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import memory_objects
from tests.databases import plans_of
from tests.unit.jobs.conftest import NOON, Watch, spec


def test_jobs_are_listed_newest_first_with_what_they_do(database: Database, outbox: Outbox, watch: Watch) -> None:
    with database.write() as connection:
        queue.enqueue(connection, spec(), 1, NOON)
        queue.enqueue(connection, spec(unit="slice-2"), 2, NOON)
        claim = queue.claim(connection, outbox, "host")
        assert claim is not None
        queue.renew(connection, claim, NOON, queue.DEFAULT_LEASE, "40% reading")
        watch.turn(90)
        rows = list_jobs(connection, 10, watch.now())
    assert [(row["number"], row["state"], row["attempt"], row["note"], row["duration_s"]) for row in rows] == [
        (2, "ready", 0, None, None),
        (1, "running", 1, "40% reading", 90.0),
    ]
    assert rows[0]["created"] == "2024-01-05T12:00:00.000000Z"


def test_every_state_is_counted(database: Database) -> None:
    with database.write() as connection:
        queue.enqueue(connection, spec(), 1, NOON)
        assert count_jobs(connection) == {"ready": 1, "running": 0, "done": 0, "parked": 0, "dropped": 0}


STATES = st.sampled_from(list(JobState))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.tuples(STATES, st.sets(st.integers(1, 5)), st.one_of(st.none(), STATES)), max_size=8))
def test_whatever_becomes_of_jobs_the_numbers_are_those_of_the_rows(
    database: Database, steps: list[tuple[JobState, set[int], JobState | None]]
) -> None:
    """A step puts a job of a state into the queue, and gives some jobs another state or removes them."""
    with database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "SELECT 1")
        first = queue.enqueue(connection, spec(), 100, NOON)
        for order, (state, numbers, another) in enumerate(steps, start=1):
            job = queue.enqueue(connection, spec(), order, NOON)
            connection.execute(t.job.update().where(t.job.c.id == job).values(state=state))
            chosen = t.job.c.id.in_([first + number for number in numbers])
            change = t.job.delete() if another is None else t.job.update().values(state=another)
            connection.execute(change.where(chosen))
            states = Counter(connection.scalars(sa.select(t.job.c.state)))
            assert count_jobs(connection) == {str(each): states[each] for each in JobState}
        connection.rollback()


def test_jobs_that_have_ended_are_not_read_to_count_them(database: Database) -> None:
    plans = plans_of(database, count_jobs)
    assert len(plans) == 2
    assert "ix_job_state" in plans[0]
    assert "state=?" in plans[0] or "state = ANY" in plans[0]


def test_the_log_is_read_where_it_is(database: Database, outbox: Outbox, tmp_path: Path) -> None:
    store = memory_objects()
    with database.write() as connection:
        job = queue.enqueue(connection, spec(), 1, NOON)
        assert read_log(connection, store, tmp_path, job) == "", "before the first attempt"
        claim = queue.claim(connection, outbox, "host")
        assert claim is not None
        assert read_log(connection, store, tmp_path, job) == "", "before its first line"
        file = tmp_path / str(job) / "1" / LOG_FILE
        file.parent.mkdir(parents=True)
        file.write_bytes(b"first line\nsecond \xff line\n")
        assert read_log(connection, store, tmp_path, job) == "first line\nsecond � line\n"
        assert read_log(connection, store, tmp_path, job, last_bytes=18) == "second � line\n", "from a whole line on"
        store.put("jobs/1/1/log.txt", iter([b"stored\n"]))
        queue.fail(connection, outbox, claim, Failure("broke", log_tail="tail", log="jobs/1/1/log.txt", lasting=True))
        assert read_log(connection, store, tmp_path, job) == "stored\n"
        assert find_job(connection, job).note == "broke"
        store.delete("jobs/1/1/log.txt")
        file.unlink()
        assert read_log(connection, store, tmp_path, job) == "tail", "what the job's row keeps"


@pytest.mark.parametrize(("job", "attempt"), [(7, None), (1, 3)])
def test_unknown_jobs_and_attempts_are_named(
    database: Database, tmp_path: Path, job: int, attempt: int | None
) -> None:  # fmt: skip
    with database.write() as connection:
        queue.enqueue(connection, spec(), 1, NOON)
        with pytest.raises(UnknownJob, match=str(attempt or job)):
            read_log(connection, memory_objects(), tmp_path, job, attempt)
