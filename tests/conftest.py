"""What every test may ask for."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from s1pdgs.cli import loading
from s1pdgs.storage.database import Database, open_sqlite
from tests.databases import KINDS, new_database

settings.register_profile("thorough", deadline=None, max_examples=500)
settings.register_profile("usual", deadline=None, max_examples=60)
settings.load_profile("usual")


def _prefer_memory(folder: Path = Path("/dev/shm"), wanted_bytes: int = 6 << 30) -> None:
    """Temporary files of tests lie in memory where there is room: nothing waits for a disk to have them for good."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize >= wanted_bytes and not room.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))


_prefer_memory()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing of what is collected is garbage before the end: the search for garbage never sees it."""
    with loading():
        collected = yield
        gc.freeze()
    return collected


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real reference data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "testdata").is_dir():
        pytest.skip(f"real Sentinel-1 reference data is not present at {folder}")
    return folder


@pytest.fixture(scope="session")
def testdata(shared: Path) -> Path:
    return shared / "testdata"


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the current schema: each test that asks for it runs on SQLite and on PostgreSQL."""
    with new_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture(params=KINDS)
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database without a schema."""
    if request.param == "sqlite":
        database = open_sqlite(tmp_path / "old.db")
        yield database
        database.close()
        return
    with new_database(request.param, tmp_path) as database:
        with database.write() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        yield database
