"""Whatever is killed, frozen, full or locked while jobs run: every product is made once, published once, none is lost.

A small share of what `make chaos` does, with each kind of strike at least once (`test_dask.py` has those of a cluster).
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.chaos.postgres import NoPostgres
from tests.chaos.run import Asked, Report, run
from tests.chaos.strikes import kinds

pytestmark = pytest.mark.journey

JOBS = 6


def fight(
    folder: Path, strikes: Mapping[str, int], database: str = "sqlite", runner: str = "local", workers: int = 4
) -> Report:
    """All strikes have hit (but for the full disk where none can be made) and nothing is wrong at the end."""
    report = run(Asked(JOBS, workers, strikes, database, runner, seed=1, seconds=0.5), folder, print)
    assert report.faults == []
    wanted = {kind: number for kind, number in strikes.items() if kind in report.struck or kind != "full disk"}
    assert report.struck == wanted
    assert report.verdict.published >= JOBS
    return report


def test_every_kind_of_strike_on_sqlite(tmp_path: Path) -> None:
    report = fight(tmp_path, dict.fromkeys(kinds(kills=20, postgres=False, dask=False), 1))
    assert report.verdict.outcomes["lost"] >= 1


def test_postgresql_crashes_among_other_strikes(tmp_path: Path) -> None:
    strikes = (
        "database",
        "triggers in a transaction",
        "in a transaction",
        "frozen executor",
        "lock held",
        "supervisor",
    )
    try:
        fight(tmp_path, dict.fromkeys(strikes, 1), "postgresql")
    except NoPostgres as error:
        pytest.skip(f"no PostgreSQL: {error}")
