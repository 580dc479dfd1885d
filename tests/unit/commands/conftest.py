"""A ground segment's folder on which commands are run as a user would."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.triggers.conftest import Mission, mission_on


@pytest.fixture
def mission(tmp_path: Path) -> Iterator[Mission]:
    """What happens in the folder that the commands look at."""
    (tmp_path / "data").mkdir()
    database = open_sqlite(tmp_path / "data" / "s1pdgs.db")
    migrate(database)
    yield mission_on(database)
    database.close()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("S1PDGS_DATA_DIR", str(tmp_path / "data"))
    return CliRunner()
