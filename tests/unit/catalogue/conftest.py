"""A catalogue in memory and products to put in it."""

from datetime import UTC, datetime, timedelta

import pytest

from s1pdgs.bus.outbox import Outbox
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.time import SystemClock

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
def outbox() -> Outbox:
    return Outbox(SystemClock())
