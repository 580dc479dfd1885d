"""Jobs in a Dask cluster whose scheduler and workers die, and whose supervisor starts again: every product once."""

from pathlib import Path

import pytest

from tests.journey.test_chaos import fight

pytestmark = pytest.mark.journey


def test_scheduler_workers_and_supervisor_die_and_every_product_is_made_once(tmp_path: Path) -> None:
    strikes = {"scheduler": 1, "worker": 2, "executor": 1, "supervisor": 1, "frozen executor": 1}
    report = fight(tmp_path, strikes, runner="dask", workers=2)
    assert report.verdict.outcomes["lost"] >= 1
