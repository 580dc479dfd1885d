"""A catalogue in memory and products to put in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import s1pdgs.catalogue.tables  # noqa: F401
from s1pdgs.bus.outbox import Outbox
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import Database, metadata, open_sqlite

NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)


def product(name: str, kind: str = "AUX_CAL", start_h: float = 0.0, stop_h: float = 1.0, **changes: object) -> Product:
    """A product whose validity is given in hours after noon."""
    facts: dict[str, object] = {
        "name": name,
        "type": kind,
        "satellite": "S1A",
        "validity": Interval(NOON + timedelta(hours=start_h), NOON + timedelta(hours=stop_h)),
        "generation_time": NOON,
        "location": f"auxiliary/{name}",
        "files": (StoredFile("manifest.safe", 3, "md5", "sha"),),
        "t0": NOON,
        **changes,
    }
    return Product(**facts)  # type: ignore[arg-type]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_sqlite(tmp_path / "s1pdgs.db")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(SystemClock())
