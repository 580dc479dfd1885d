"""Operators change what waits, stop what runs, and act on many jobs at once; all of it is kept and may be repeated."""

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.bus.tables import event
from s1pdgs.jobs import operate, queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.listing import Selection, actions_of, find_job, numbers_of, select_jobs
from s1pdgs.jobs.operate import Edit, EditError
from s1pdgs.jobs.queue import Claim, Failure, UnknownJob
from s1pdgs.jobs.telling import as_lines, details_of
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database
from tests.databases import plans_of
from tests.unit.jobs.conftest import NOON, Watch, spec
from tests.unit.jobs.test_queue import READS_ALL, fill_with_done_jobs, put, state_of, take

BY = "anna on ground-1"


def fail(database: Database, outbox: Outbox, claim: Claim | None, reason: str = "boom", *, lasting: bool = True) -> int:
    assert claim is not None
    with database.write() as connection:
        assert queue.fail(connection, outbox, claim, Failure(reason, lasting=lasting))
    return claim.job


def history(database: Database, job: int) -> list[tuple[str, str, str | None]]:
    with database.read() as connection:
        return [(each.action, each.actor, each.reason) for each in actions_of(connection, job)]


def test_an_edit_changes_what_the_next_attempt_runs_with_and_is_kept(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    fail(database, outbox, take(database, outbox))
    wanted = Edit(35, 7, {"memory_mb": 8000.5, "wall_s": 60}, {"Slice_Length": "25"})
    with database.write() as connection:
        changes = operate.edit(connection, outbox, job, BY, wanted)
        assert changes == {
            "limit memory_mb": [None, 8001],
            "limit wall_s": [21600.0, 60],
            "parameter Slice_Length": [None, "25"],
            "priority": [30, 35],
            "attempts": [2, 7],
        }
        assert operate.edit(connection, outbox, job, BY, wanted) == {}, "nothing is left to change"
        after = queue.spec_of(connection, job)
        assert (after.limits.memory_mb, after.order.parameter("Slice_Length")) == (8001, "25")
        assert (find_job(connection, job).priority, find_job(connection, job).max_attempts) == (35, 8)
        (kept,) = actions_of(connection, job)
        assert (kept.action, kept.actor, kept.changes) == ("edit", BY, changes)


def test_new_attempts_are_counted_from_now_and_again_after_each_retry(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox, max_attempts=1)
    fail(database, outbox, take(database, outbox), lasting=False)
    assert state_of(database, job) is JobState.PARKED
    with database.write() as connection:
        operate.edit(connection, outbox, job, BY, Edit(attempts=2))
        assert operate.retry(connection, outbox, job, BY)
    fail(database, outbox, take(database, outbox), lasting=False)
    assert state_of(database, job) is JobState.READY


def test_what_runs_or_has_ended_is_not_edited(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    mine = take(database, outbox)
    assert mine is not None
    with database.write() as connection:
        assert operate.edit(connection, outbox, job, BY, Edit(50)) is None
        queue.finish(connection, outbox, mine, [])
        assert operate.edit(connection, outbox, job, BY, Edit(50)) is None
        with pytest.raises(UnknownJob):
            operate.edit(connection, outbox, 99, BY, Edit(50))
    assert history(database, job) == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Edit(priority=101), "priority 101 is not within 0 to 100"),
        (Edit(attempts=0), "attempts 0 is not within 1 to 1000"),
        (Edit(limits={"memory": 1}), "no limit 'memory'; limits are wall_s, .*memory_mb"),
        (Edit(limits={"memory_mb": -1}), "limit memory_mb is -1; it must be above zero"),
        (Edit(limits={"memory_mb": float("nan")}), "limit memory_mb is nan"),
        (Edit(limits={"wall_s": None}), "limit wall_s cannot be taken off"),
        (Edit(parameters={"A": "\x00"}), "parameter 'A' or its value cannot be written"),
        (Edit(parameters={" ": "1"}), "parameter ' ' or its value cannot be written"),
    ],
)
def test_an_edit_that_makes_no_sense_names_field_and_remedy(
    database: Database, outbox: Outbox, wanted: Edit, told: str
) -> None:
    job = put(database, outbox)
    with database.write() as connection, pytest.raises(EditError, match=told):
        operate.edit(connection, outbox, job, BY, wanted)
    with database.read() as connection:
        assert queue.spec_of(connection, job) == spec()


def test_a_cancelled_attempt_cannot_publish_and_its_job_is_parked(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    with database.write() as connection:
        assert not operate.cancel(connection, outbox, job, BY, "it hangs"), "it does not run"
    mine = take(database, outbox)
    assert mine is not None
    with database.write() as connection:
        assert operate.cancel(connection, outbox, job, BY, "it hangs")
        assert not operate.cancel(connection, outbox, job, BY, "it hangs")
        assert not queue.finish(connection, outbox, mine, ["product"])
        assert connection.execute(sa.select(t.attempt.c.outcome, t.attempt.c.reason)).one() == ("parked", "it hangs")
    assert state_of(database, job) is JobState.PARKED
    assert history(database, job) == [("cancel", BY, "it hangs")]


def test_acts_are_kept_once_however_often_they_are_repeated(database: Database, outbox: Outbox) -> None:
    job = put(database, outbox)
    with database.write() as connection:
        done = [operate.park(connection, outbox, job, BY, "wait for an orbit") for _ in range(2)]
        done += [operate.retry(connection, outbox, job, BY) for _ in range(2)]
        done += [operate.drop(connection, outbox, job, BY, "not wanted") for _ in range(2)]
        kinds = list(connection.scalars(sa.select(event.c.type).order_by(event.c.id)))
    assert done == [True, False] * 3
    assert kinds == ["JobParked", "JobDropped"]
    assert history(database, job) == [
        ("drop", BY, "not wanted"),
        ("retry", BY, None),
        ("park", BY, "wait for an orbit"),
    ]


def test_all_jobs_of_a_selection_are_acted_on_once(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "_AT_ONCE", 2)
    full = [put(database, outbox, number, chain="l1") for number in range(1, 6)]
    other = put(database, outbox, 6, chain="l2")
    missing = put(database, outbox, 7, chain="l1")
    running = put(database, outbox, 8, chain="l1", t0=NOON.replace(year=2099))
    for number in [*full, other, missing]:
        fail(
            database, outbox, take(database, outbox), "no orbit" if number == missing else "The disk is full: 1 MB free"
        )
    take(database, outbox)

    def act(connection: sa.Connection, job: int) -> bool:
        return operate.retry(connection, outbox, job, BY)

    selection = Selection(chain="l1", reason="disk is full")
    assert operate.act_on_all(database, selection, "retry", act) == full[::-1]
    assert operate.act_on_all(database, selection, "retry", act) == []
    assert [state_of(database, job) for job in (other, missing, running)] == ["parked", "parked", "running"]
    assert operate.act_on_all(database, Selection(("done",)), "retry", act) == []


def test_a_job_whose_spec_cannot_be_read_is_passed_over_and_can_be_dropped(database: Database, outbox: Outbox) -> None:
    damaged, sound = (put(database, outbox, number) for number in (1, 2))
    for _ in range(2):
        fail(database, outbox, take(database, outbox))
    with database.write() as connection:
        connection.execute(t.job.update().where(t.job.c.id == damaged).values(spec={"version": 99}))

    def act(connection: sa.Connection, job: int) -> bool:
        return operate.retry(connection, outbox, job, BY)

    assert operate.act_on_all(database, Selection(("parked",)), "retry", act) == [sound]
    with database.write() as connection:
        assert operate.drop(connection, outbox, damaged, BY, "of an older version")


def test_jobs_are_selected_and_paged_by_what_operators_know(database: Database, outbox: Outbox) -> None:
    first, second, third = (put(database, outbox, n, chain=chain) for n, chain in ((1, "a"), (2, "b"), (3, "a")))
    fail(database, outbox, take(database, outbox), "100% of the disk")
    with database.read() as connection:

        def found(**wanted: object) -> list[int]:
            return [job.number for job in select_jobs(connection, Selection(**wanted), 10)]  # type: ignore[arg-type]

        assert found() == [third, second, first]
        assert found(before=third) == [second, first]
        assert found(states=("parked", "ready"), chain="a") == [third, first]
        assert found(order=2) == [second]
        assert found(reason="100% OF") == [first]
        assert found(reason="1__%") == []
        assert numbers_of(connection, Selection(), 1) == [third]


def test_selections_read_indexes_however_many_jobs_are_done(database: Database, outbox: Outbox) -> None:
    fill_with_done_jobs(database, 3000)
    job = put(database, outbox, 9000)

    def act(connection: sa.Connection) -> None:
        for selection in (Selection(), Selection(("parked", "done"), "l1"), Selection(order=9000), Selection(before=5)):
            select_jobs(connection, selection, 50)
        select_jobs(connection, Selection(("parked",), "l1", reason="disk"), 50)
        operate.edit(connection, outbox, job, BY, Edit(priority=50))
        operate.park(connection, outbox, job, BY, "wait")
        operate.retry(connection, outbox, job, BY)
        details_of(connection, job, outbox.clock.now())

    assert [plan for plan in plans_of(database, act) if READS_ALL.search(plan)] == []


def test_a_job_is_told_with_its_attempts_and_its_history(database: Database, outbox: Outbox, watch: Watch) -> None:
    job = put(database, outbox)
    mine = take(database, outbox)
    watch.turn(5)
    fail(database, outbox, mine, "no orbit")
    with database.write() as connection:
        operate.edit(connection, outbox, job, BY, Edit(priority=50, parameters={"RSEncode": "no"}))
        told = details_of(connection, job, watch.now())
    assert as_lines(told)[:2] == [f"job {job} is parked: no orbit", "  order: 1, round 1"]
    start, stop = "2024-01-05T12:00:00.000000Z", "2024-01-05T12:00:05.000000Z"
    assert set(as_lines(told)) > {
        "  unit: slice-1",
        "  priority: 50",
        f"  finished: {stop}",
        "  attempt: 1, parked after 3 failures",
        "  parameter: RSEncode=no",
    }
    assert as_lines(told)[-2].startswith(f"  attempt 1: failed on here:1 from {start} to {stop}")
    assert as_lines(told)[-1] == f"  {stop}: edit by {BY}: parameter RSEncode: none -> no; priority: 30 -> 50"
