"""The database may be away when an attempt ends: its work is published all the same, once."""

from pathlib import Path

import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.query import find
from s1pdgs.jobs.execute import Outcome
from s1pdgs.model.job import JobState
from tests.unit.jobs.test_execute import GOOD, PRODUCT, Bench
from tests.wire import far_away


def test_a_commit_whose_answer_was_lost_is_not_taken_for_a_lost_lease(tmp_path: Path, outbox: Outbox) -> None:
    with far_away() as (wire, database):
        bench = Bench(tmp_path, database, outbox)
        wire.commit_of = b"INSERT INTO job_output"
        assert bench.run(GOOD) is Outcome.DONE
        assert wire.lost == 1
        assert bench.events == ["JobStarted", "JobFinished", "ProductCatalogued"]
        with database.read() as connection:
            held = find(connection, PRODUCT)
        assert held is not None
        stored = [f"{held.product.location}/{file.path}" for file in held.product.files]
        assert [key for key in stored if bench.store.size(key) is None] == []


def test_a_failure_whose_answer_was_lost_counts_once(tmp_path: Path, outbox: Outbox) -> None:
    with far_away() as (wire, database):
        bench = Bench(tmp_path, database, outbox)
        wire.commit_of = b"UPDATE job_attempt"
        bench.run("raise SystemExit(200)")
        assert wire.lost == 1
        assert bench.job.state == JobState.READY
        with database.read() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM job_attempt WHERE outcome = 'failed'")) == 1
