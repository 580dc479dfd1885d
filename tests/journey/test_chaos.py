"""Whatever is killed, frozen, full or locked while jobs run: every product is made once, published once, none is lost.

A small share of what `make chaos` does, with each kind of strike at least once.
"""

from pathlib import Path

import pytest

from tests.chaos.postgres import NoPostgres
from tests.chaos.run import Asked, Report, run
from tests.chaos.strikes import kinds

pytestmark = pytest.mark.journey

JOBS, WORKERS = 8, 4


def fight(folder: Path, strikes: dict[str, int], database: str = "sqlite", runner: str = "local") -> Report:
    """All strikes have hit and nothing is wrong at the end."""
    try:
        report = run(Asked(JOBS, WORKERS, strikes, database, runner, seed=1, seconds=0.5), folder, print)
    except NoPostgres as error:
        pytest.skip(f"no PostgreSQL: {error}")
    assert report.faults == []
    assert report.verdict.published >= JOBS
    return report


def test_every_kind_of_strike_on_sqlite(tmp_path: Path) -> None:
    strikes = dict.fromkeys(kinds(kills=20, postgres=False, dask=False), 1)
    report = fight(tmp_path, strikes)
    assert set(report.struck) >= set(strikes) - {"full disk"}
    assert report.verdict.outcomes["lost"] >= 1


def test_postgresql_crashes_among_other_strikes(tmp_path: Path) -> None:
    strikes = dict.fromkeys(("database", "in a transaction", "frozen executor", "lock held", "supervisor"), 1)
    assert fight(tmp_path, strikes, "postgresql").struck == strikes


def test_scheduler_and_workers_of_a_dask_cluster_die_and_so_does_the_supervisor(tmp_path: Path) -> None:
    strikes = {"scheduler": 1, "worker": 2, "executor": 1, "supervisor": 1, "frozen executor": 1}
    assert fight(tmp_path, strikes, runner="dask").struck == strikes
