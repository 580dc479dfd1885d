"""A simulated station over real HTTP on loopback, and a source that polls it."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.lifecycle import evict_files, sweep_garbage
from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.tables import product
from s1pdgs.inbox.tables import quarantine, received_file
from s1pdgs.simulator.station import RunningStation, StationContent, serve
from s1pdgs.stations.poller import Source, open_source
from s1pdgs.stations.profile import Profile, Retry
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects

IMPATIENT = Retry(attempts=3, first_wait_s=0.005, longest_wait_s=0.02)


class Bench:
    """Starts stations and sources and looks at what came of them."""

    def __init__(self, database: Database, outbox: Outbox, objects: LocalObjects, clock: Any, work: Path) -> None:
        self.database, self.outbox, self.objects, self.clock, self.work = database, outbox, objects, clock, work
        self.running: list[RunningStation] = []
        self.sources: list[Source] = []

    def station(self, content: StationContent, **options: Any) -> RunningStation:
        self.running.append(serve(content, clock=self.clock, **{"speedup": math.inf, **options}))
        return self.running[-1]

    def source(self, station: RunningStation, **options: Any) -> Source:
        settings = {"name": "svalbard", "kind": "cadip", "url": station.odata_url, "retry": IMPATIENT, **options}
        profile = Profile(**settings)
        self.sources.append(open_source(profile, self.database, self.objects, self.outbox, self.work))
        return self.sources[-1]

    def close(self) -> None:
        for source in self.sources:
            source.close()
        for station in self.running:
            station.stop()

    def product(self, name: str) -> Any:
        with self.database.read() as connection:
            held = find(connection, name)
        return None if held is None else held.product

    def let_go(self, name: str) -> None:
        """Let the files of a product go, with their objects."""
        now = self.clock.now()
        with self.database.write() as connection:
            row = connection.execute(sa.select(product).where(product.c.name == name)).one()
            evict_files(connection, [row], now, now)
        sweep_garbage(self.database, self.objects, now)

    def files(self) -> dict[str, sa.Row[Any]]:
        with self.database.read() as connection:
            return {row.name: row for row in connection.execute(sa.select(received_file)).all()}

    def quarantined(self) -> list[sa.Row[Any]]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(quarantine)).all())


@pytest.fixture
def bench(database: Database, outbox: Outbox, objects: LocalObjects, clock: Any, tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(database, outbox, objects, clock, tmp_path / "work")
    yield opened
    opened.close()


MakePass = Callable[..., Path]
