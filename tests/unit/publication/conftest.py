"""A ground segment whose products are tiny: registered by the catalogue's door and published for real."""

import hashlib
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn
from attrs import frozen
from fastapi import FastAPI

from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue.door import register
from s1pdgs.model.footprint import Footprint, LonLat
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.dialects import prepare_areas
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.publisher import Selection, publish_step, subscriber
from s1pdgs.publication.service import mount
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, ObjectStore, local_objects
from tests.databases import KINDS, new_database
from tests.unit.conftest import ManualClock

NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)
SELECTION = Selection.of(
    [r".*_RAW__0[SACN]", r".*_(SLC|GRD|OCN)[FHM_]_[12][SA]"], [r".*_RAW__0S .. (FULL|START|MID|END) .*"]
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def store_product(
    store: ObjectStore,
    name: str,
    kind: str,
    *,
    start: datetime = NOON,
    seconds: float = 25.0,
    ring: list[LonLat] | None = None,
    satellite: str = "S1A",
    attributes: dict[str, AttributeValue] | None = None,
    measurement: bytes | None = None,
    quicklook: bool = True,
) -> Product:
    """A product whose few files are in the store."""
    contents = {
        "manifest.safe": f"<xfdu>{name}</xfdu>".encode() * 20,
        "measurement/data.tiff": random.Random(name).randbytes(5000) if measurement is None else measurement,
        "annotation/s1a.xml": b"<product/>" * 100,
    }
    if quicklook:
        contents["preview/quick-look.png"] = PNG
    location = f"jobs/7/1/{name}"
    files = []
    for path, data in contents.items():
        sums = store.put(f"{location}/{path}", iter([data[:1000], data[1000:]]))
        files.append(StoredFile(path, sums.size, sums.md5, sums.sha256))
    return Product(
        name=name,
        type=kind,
        satellite=satellite,
        validity=Interval(start, start + timedelta(seconds=seconds)),
        generation_time=start + timedelta(hours=2, minutes=3, seconds=5),
        location=location,
        files=tuple(files),
        t0=start + timedelta(hours=1),
        timeliness=Timeliness.NRT,
        footprint=None if ring is None else Footprint.from_points(ring),
        attributes={"productType": kind, **(attributes or {})},
    )


@frozen
class Segment:
    """The part of a ground segment that publication needs."""

    database: Database
    store: LocalObjects
    outbox: Outbox
    clock: ManualClock

    def register(self, product: Product) -> None:
        with self.database.write() as connection:
            assert register(connection, self.outbox, product)

    def deliver(self) -> int:
        return deliver(self.database, subscriber(SELECTION, self.clock))

    def step(self) -> bool:
        return publish_step(self.database, self.store, self.outbox, self.clock)

    def publish(self, product: Product) -> None:
        """The whole way of one product, a second after the one before."""
        self.register(product)
        self.deliver()
        self.clock.advance(1.0)
        assert self.step()


def new_segment(database: Database, folder: Path) -> Segment:
    clock = ManualClock()
    return Segment(database, local_objects(folder / "objects"), Outbox(clock), clock)


@pytest.fixture
def segment(database: Database, tmp_path: Path) -> Segment:
    return new_segment(database, tmp_path)


def square(west: float, south: float, size: float = 2.0) -> list[LonLat]:
    return [(west, south), (west + size, south), (west + size, south + size), (west, south + size)]


def product_name(satellite: str, mode: str, start: datetime, number: int) -> str:
    stop = start + timedelta(seconds=25)
    unique = hashlib.md5(f"{satellite}{mode}{number}".encode()).hexdigest()[:4].upper()
    return f"{satellite}_{mode}_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_0330{number:02d}_03D3A1_{unique}.SAFE"


@pytest.fixture(scope="module", params=KINDS)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    """Twelve published products of three types over Italy, the Pacific dateline and Antarctica."""
    folder = tmp_path_factory.mktemp("shelf")
    with new_database(request.param, folder) as database:
        yield filled(new_segment(database, folder))


@pytest.fixture(scope="module")
def areas(shelf: Segment) -> None:
    """For tests that search by area."""
    with shelf.database.read() as connection:
        try:
            prepare_areas(connection)
        except QueryError:
            pytest.skip("the PostgreSQL here has no PostGIS (scripts/services installs it)")


def filled(made: Segment) -> Segment:
    kinds = [("IW_SLC__1SDV", "IW_SLC__1S"), ("IW_GRDH_1SDV", "IW_GRDH_1S"), ("S3_RAW__0SDV", "S3_RAW__0S")]
    places = [square(10, 45), square(179, -18), square(-60, -75), square(12.5, 45)]
    for number in range(12):
        form, kind = kinds[number % 3]
        start = NOON + timedelta(minutes=10 * number, microseconds=number)
        attributes: dict[str, AttributeValue] = {
            "operationalMode": kind[:2] if kind[0] == "I" else "SM",
            "orbitNumber": 33000 + number,
            "relativeOrbitNumber": 1 + (number * 7) % 175,
            "orbitDirection": "ASCENDING" if number % 2 else "DESCENDING",
            "polarisationChannels": "VV&VH",
            "startTimeFromAscendingNode": 1000.5 * number,
            "sliceProductFlag": number % 4 == 0,
            "beginningDateTime": start,
            "datatakeID": 100 + number // 3,
            "instrumentConfigurationID": 6,
            "processingLevel": "LEVEL0" if "RAW" in kind else "LEVEL1",
            "processingCenter": "s1pdgs",
            "processorName": "s1pdgs-l1",
            "processorVersion": "0.1.0",
        }
        if number % 5 == 0:
            del attributes["orbitDirection"]
        made.publish(
            store_product(
                made.store,
                product_name("S1A" if number % 2 else "S1C", form, start, number),
                kind,
                start=start,
                ring=places[number % 4],
                satellite="S1A" if number % 2 else "S1C",
                attributes=attributes,
                quicklook="RAW" not in kind,
            )
        )
    return made


@pytest.fixture(scope="module")
def site(shelf: Segment) -> Iterator[str]:
    """The address at which a real server serves the shelf."""
    app = FastAPI()
    mount(app, shelf.database, shelf.store)
    with serving(app) as address:
        yield address


@pytest.fixture(scope="module")
def prip(site: str) -> Iterator[httpx2.Client]:
    """A client of the PRIP that the site serves."""
    with httpx2.Client(timeout=60.0, base_url=f"{site}/odata/v1") as client:
        yield client


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """An application behind a real server on the loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
