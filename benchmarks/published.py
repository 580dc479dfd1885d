"""A catalogue of published products, for the doors to serve: a product each 30 s, on orbits around the globe."""

import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import msgspec
import shapely

from benchmarks.bulk import Row, bulk
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.model.time import from_micros
from s1pdgs.storage.database import Database

SECOND, MINUTE = 1_000_000, 60_000_000
BEGIN = 1_577_836_800 * SECOND  # 2020-01-01
STEP = 30 * SECOND
TYPES = ("IW_SLC__1S", "IW_GRDH_1S", "IW_OCN__2S", "IW_RAW__0S", "EW_GRDM_1S", "EW_SLC__1S", "S3_SLC__1S", "WV_SLC__1S")
_BATCH = 20_000
_AHEAD = 2
Rows = tuple[list[Row], list[Row], list[Row]]
_PRODUCT = (
    "id", "uuid", "name", "type", "satellite", "start", "stop", "generated", "location", "size", "t0", "timeliness",
    "footprint", "attributes", "datatake", "orbit", "relative_orbit", "catalogued_at",
    "published_at",
)  # fmt: skip
_PUBLICATION = (
    "product_id", "state", "attempts", "retry_at", "requested_at", "published_at", "location", "size", "md5", "sha256",
    "area", "modified_at",
)  # fmt: skip
_BOX = ("product_id", "part", "west", "east", "south", "north", "start", "stop")


def name_of(number: int) -> str:
    """The name of a product, by its number from 1 on."""
    start = from_micros(BEGIN + number * STEP)
    return f"{('S1A', 'S1C')[number % 2]}_{TYPES[number % len(TYPES)]}DV_{start:%Y%m%dT%H%M%S}_{number:07d}.SAFE"


def fill(database: Database, products: int) -> None:
    """A catalogue of some published products; nothing to do when the last run left them."""
    with database.read() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM product").scalar_one()
    if held == products:
        return
    if held:
        raise SystemExit(f"{database.engine.url} holds {held} products of another fill; remove it")
    with bulk(database, ("product", "publication", "footprint_box")) as (connection, write):
        for product, publication, box in _batches(products):
            write("product", _PRODUCT, product)
            write("publication", _PUBLICATION, publication)
            write("footprint_box", _BOX, box)
        connection.exec_driver_sql("INSERT INTO type_span SELECT DISTINCT type, 25000000 FROM product")
        connection.exec_driver_sql(
            "INSERT INTO published_type (type, held, start, stop, told) SELECT type, count(*), min(start), max(stop),"
            " '{}' FROM product GROUP BY type"
        )


def _batches(products: int) -> Iterator[Rows]:
    """Rows batch by batch; a process of its own makes those that come next."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        coming: deque[Future[Rows]] = deque()
        for first in range(1, products + 1, _BATCH):
            coming.append(pool.submit(_rows, first, min(first + _BATCH, products + 1)))
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _rows(first: int, end: int) -> Rows:
    """Rows of `product`, `publication` and `footprint_box`."""
    dice = random.Random(first)
    corners = [(dice.uniform(-179, 176), dice.uniform(-80, 78)) for _ in range(first, end)]
    boxes = [(west, south, west + 2.5, south + 1.5) for west, south in corners]
    areas = shapely.to_wkb(shapely.box(*zip(*boxes, strict=True)), byte_order=1)
    products, publications, parts = [], [], []
    for number, (west, south, east, north), area in zip(range(first, end), boxes, areas, strict=True):
        start, kind, name = BEGIN + number * STEP, TYPES[number % len(TYPES)], name_of(number)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        made, out = start + 60 * MINUTE, start + 65 * MINUTE
        products.append(
            (number, product_uuid(name), name, kind, name[:3], start, start + 25 * SECOND, made, "x", 1, made, "NRT",
             _json(ring), _attributes(number, kind, start), number // 10, *_orbits(number), made, out)
        )  # fmt: skip
        publications.append((number, "published", 1, made, made, out, "x", 1, "0" * 32, "0" * 64, area, out))
        parts.append((number, 0, west, east, south, north, start, start + 25 * SECOND))
    return products, publications, parts


def _orbits(number: int) -> tuple[int, int]:
    """Absolute and relative."""
    return 30_000 + number // 190, 1 + number // 190 % 175


def _attributes(number: int, kind: str, start: int) -> str:
    """As many attributes as products of the mission have."""
    orbit, relative = _orbits(number)
    told: dict[str, str | int | float] = {
        "productType": kind, "operationalMode": kind[:2], "processingLevel": "LEVEL1", "datatakeID": number // 10,
        "orbitDirection": ("ASCENDING", "DESCENDING")[number % 3 == 0], "orbitNumber": orbit,
        "relativeOrbitNumber": relative, "cycleNumber": 1 + orbit // 175, "polarisationChannels": "VV&VH",
        "swathIdentifier": "IW", "sliceNumber": number % 10, "totalSlices": 10, "instrumentConfigurationID": 6,
        "instrumentShortName": "SAR", "platformShortName": "SENTINEL-1", "productClass": "S", "timeliness": "NRT",
        "productConsolidation": "SLICE", "processorName": "s1pdgs-l1", "processorVersion": "1.0",
        "processingCenter": "s1pdgs", "startTimeFromAscendingNode": 30.0 * (number % 190),
    }  # fmt: skip
    kinds = {str: "String", int: "Integer", float: "Double"}
    attributes: dict[str, list[Any]] = {name: [kinds[type(value)], value] for name, value in told.items()}
    return _json(attributes | {"beginningDateTime": ["DateTimeOffset", start]})


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
