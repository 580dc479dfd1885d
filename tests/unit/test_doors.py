"""Which doors the settings open."""

from pathlib import Path

import pytest

from s1pdgs.bus.outbox import Outbox
from s1pdgs.doors import application
from s1pdgs.settings import load_settings
from s1pdgs.storage.objects import local_objects
from tests.databases import new_database
from tests.unit.conftest import ManualClock

STATIONS = {"cadip": "/cadip/odata/v1/Sessions", "auxip": "/auxip/odata/v1/Products"}


@pytest.mark.parametrize("opened", [(), ("cadip",), ("auxip",), ("cadip", "auxip")])
def test_ground_segments_are_stations_to_others_only_when_told(tmp_path: Path, opened: tuple[str, ...]) -> None:
    settings = load_settings(None, {f"S1PDGS_SERVE__{name.upper()}": "true" for name in opened})
    with new_database("sqlite", tmp_path) as database:
        store = local_objects(tmp_path / "objects")
        app = application(settings, database, store, Outbox(ManualClock()), tmp_path / "work")
    paths = app.openapi()["paths"]
    assert {name for name, path in STATIONS.items() if path in paths} == set(opened)
    assert "/odata/v1/Products" in paths
