"""An empty inbox and something to put in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import s1pdgs.bus.tables
import s1pdgs.catalogue.tables
import s1pdgs.inbox.tables  # noqa: F401
from s1pdgs.bus.outbox import Outbox
from s1pdgs.storage.database import Database, metadata, open_sqlite
from s1pdgs.storage.objects import LocalObjects, local_objects


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_sqlite(tmp_path / "s1pdgs.db")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def outbox(clock: Any) -> Outbox:
    return Outbox(clock)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return local_objects(tmp_path / "objects")
