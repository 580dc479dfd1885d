"""What users ask of a million published products: the commonest queries of OData and STAC, by the functions that serve
them, on SQLite and on the PostgreSQL that scripts/services started.

    python -m benchmarks.doors [--products 1000000] [--questions 100] [--kind sqlite]

Times are wall milliseconds of one question with its page of products, Python included, without HTTP and JSON.
"""

import json
import random
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import shapely
import sqlalchemy as sa
from rich.console import Console
from tests.databases import KINDS, new_database

from benchmarks.bulk import Row, bulk
from benchmarks.harness import scratch
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.model.time import format_iso, from_micros
from s1pdgs.publication.holdings import spans
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Order, count, find, search
from s1pdgs.publication.stac_request import Asked
from s1pdgs.storage.database import Database

SECOND, MINUTE = 1_000_000, 60_000_000
BEGIN = 1_577_836_800 * SECOND  # 2020-01-01
STEP = 30 * SECOND
TYPES = ("IW_SLC__1S", "IW_GRDH_1S", "IW_OCN__2S", "IW_RAW__0S", "EW_GRDM_1S", "EW_SLC__1S", "S3_SLC__1S", "WV_SLC__1S")
_BATCH = 20_000
_PRODUCT = (
    "id", "uuid", "name", "type", "satellite", "start", "stop", "generated", "location", "size", "t0", "timeliness",
    "footprint", "attributes", "datatake", "catalogued_at",
)  # fmt: skip
_PUBLICATION = (
    "product_id", "state", "attempts", "retry_at", "requested_at", "published_at", "location", "size", "md5", "sha256",
    "area",
)  # fmt: skip
_BOX = ("product_id", "part", "west", "east", "south", "north")
Question = Callable[[sa.Connection, random.Random], object]


def fill(database: Database, products: int) -> None:
    """A catalogue of some published products; nothing to do when the last run left them."""
    with database.read() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM product").scalar_one()
    if held == products:
        return
    if held:
        raise SystemExit(f"{database.engine.url} holds {held} products of another fill; remove it")
    with bulk(database, ("product", "publication", "footprint_box")) as (connection, write):
        for first in range(1, products + 1, _BATCH):
            product, publication, box = _rows(first, min(first + _BATCH, products + 1))
            write("product", _PRODUCT, product)
            write("publication", _PUBLICATION, publication)
            write("footprint_box", _BOX, box)
        connection.exec_driver_sql("INSERT INTO type_span SELECT DISTINCT type, 25000000 FROM product")
        connection.exec_driver_sql(
            "INSERT INTO published_type (type, held, start, stop, told) SELECT type, count(*), min(start), max(stop),"
            " '{}' FROM product GROUP BY type"
        )


def _rows(first: int, end: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows of `product`, `publication` and `footprint_box`: a product each 30 s, on orbits around the globe."""
    dice = random.Random(first)
    corners = [(dice.uniform(-179, 176), dice.uniform(-80, 78)) for _ in range(first, end)]
    boxes = [(west, south, west + 2.5, south + 1.5) for west, south in corners]
    areas = shapely.to_wkb(shapely.box(*zip(*boxes, strict=True)), byte_order=1)
    products, publications = [], []
    for number, (west, south, east, north), area in zip(range(first, end), boxes, areas, strict=True):
        start = BEGIN + number * STEP
        kind, satellite = TYPES[number % len(TYPES)], ("S1A", "S1C")[number % 2]
        name = f"{satellite}_{kind}DV_{from_micros(start):%Y%m%dT%H%M%S}_{number:07d}.SAFE"
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        made = start + 60 * MINUTE
        products.append(
            (number, product_uuid(name), name, kind, satellite, start, start + 25 * SECOND, made, "x", 1, made, "NRT",
             json.dumps(ring), _attributes(number, kind, start), number // 10, made)
        )  # fmt: skip
        publications.append((number, "published", 1, made, made, made + 5 * MINUTE, "x", 1, "0" * 32, "0" * 64, area))
    parts = [(number, 0, west, east, south, north) for number, (west, south, east, north) in enumerate(boxes, first)]
    return products, publications, parts


def _attributes(number: int, kind: str, start: int) -> str:
    """As many attributes as products of the mission have."""
    orbit = number // 190
    told: dict[str, str | int | float] = {
        "productType": kind, "operationalMode": kind[:2], "processingLevel": "LEVEL1", "datatakeID": number // 10,
        "orbitDirection": ("ASCENDING", "DESCENDING")[number % 3 == 0], "orbitNumber": 30_000 + orbit,
        "relativeOrbitNumber": 1 + orbit % 175, "cycleNumber": 1 + orbit // 175, "polarisationChannels": "VV&VH",
        "swathIdentifier": "IW", "sliceNumber": number % 10, "totalSlices": 10, "instrumentConfigurationID": 6,
        "instrumentShortName": "SAR", "platformShortName": "SENTINEL-1", "productClass": "S", "timeliness": "NRT",
        "productConsolidation": "SLICE", "processorName": "s1pdgs-l1", "processorVersion": "1.0",
        "processingCenter": "s1pdgs", "startTimeFromAscendingNode": 30.0 * (number % 190),
    }  # fmt: skip
    kinds = {str: "String", int: "Integer", float: "Double"}
    attributes: dict[str, list[Any]] = {name: [kinds[type(value)], value] for name, value in told.items()}
    return json.dumps(attributes | {"beginningDateTime": ["DateTimeOffset", start]})


def questions(products: int) -> dict[str, Question]:
    """The commonest queries, each about another product every time."""
    newest = (Order("PublicationDate", descending=True),)

    def moment(dice: random.Random, days: float = 0.0) -> str:
        return format_iso(from_micros(BEGIN + dice.randrange(products) * STEP + int(days * 86_400 * SECOND)))

    def window(dice: random.Random, days: float) -> str:
        begin = BEGIN + dice.randrange(products) * STEP
        bounds = (format_iso(from_micros(begin)), format_iso(from_micros(begin + int(days * 86_400 * SECOND))))
        return f"ContentDate/Start ge {bounds[0]} and ContentDate/Start lt {bounds[1]}"

    def of(name: str, value: str, kind: str = "String") -> str:
        path = f"OData.CSC.{kind}Attribute"
        return f"Attributes/{path}/any(a:a/Name eq '{name}' and a/{path}/Value eq {value})"

    def area(dice: random.Random, size: float = 1.0) -> str:
        west, south = dice.uniform(-179, 170), dice.uniform(-80, 70)
        east, north = west + size, south + size
        ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
        return f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')"

    def asked(text: Callable[[random.Random], str], **how: Any) -> Question:
        return lambda connection, dice: search(connection, compile_filter(text(dice)), **{"limit": 100, **how})

    def kind(dice: random.Random) -> str:
        return of("productType", f"'{dice.choice(TYPES)}'")

    def deep(connection: sa.Connection, _: random.Random) -> object:
        after = search(connection, ALWAYS, skip=products * 9 // 10, limit=1).after if not pages else pages[0]
        pages[:] = [str(after)]
        return search(connection, ALWAYS, limit=100, after=pages[0])

    def stac(connection: sa.Connection, dice: random.Random) -> object:
        begin, end = moment(dice), moment(dice, 5.0)
        begin, end = min(begin, end), max(begin, end)
        one = Asked([dice.choice(TYPES)], datetime=f"{begin}/{end}")
        return search(connection, one.predicate(), one.order(), limit=10)

    pages: list[str] = []
    return {
        "one by Id": lambda connection, _: find(
            connection, connection.execute(sa.text("SELECT uuid FROM product WHERE id = :n"), {"n": 77}).scalar_one()
        ),
        "name equal": asked(lambda dice: f"Name eq 'S1A_IW_SLC__1SDV_{dice.randrange(10**6)}.SAFE.zip'"),
        "name prefix": asked(lambda dice: f"startswith(Name,'S1A_IW_SLC__1SDV_2020{dice.randrange(1, 13):02d}')"),
        "newest publications": asked(lambda dice: f"PublicationDate gt {moment(dice)}"),
        "latest first": asked(lambda dice: f"PublicationDate lt {moment(dice)}", order=newest),
        "type in a day": asked(lambda dice: f"{kind(dice)} and {window(dice, 1.0)}"),
        "type in 12 days, by start": asked(
            lambda dice: f"{kind(dice)} and {window(dice, 12.0)}", order=(Order("ContentDate/Start"),)
        ),
        "place": asked(area),
        "place of 5 degrees in 12 days": asked(lambda dice: f"{area(dice, 5.0)} and {window(dice, 12.0)}"),
        "place, type, 12 days": asked(lambda dice: f"{area(dice)} and {kind(dice)} and {window(dice, 12.0)}"),
        "type, direction and orbit in 12 days": asked(lambda dice: _orbits(dice, kind, of, window)),
        "data take": asked(lambda dice: of("datatakeID", str(dice.randrange(products // 10)), "Integer")),
        "count of a type in 12 days": lambda connection, dice: count(
            connection, compile_filter(f"{kind(dice)} and {window(dice, 12.0)}")
        ),
        "page after 90 % of all": deep,
        "STAC collection and time": stac,
        "STAC collections": lambda connection, _: spans(connection),
    }  # fmt: skip


def _orbits(dice: random.Random, kind: Any, of: Any, window: Any) -> str:
    direction = of("orbitDirection", "'ASCENDING'")
    orbit = of("relativeOrbitNumber", str(dice.randrange(1, 176)), "Integer")
    return f"{kind(dice)} and {direction} and {orbit} and {window(dice, 12.0)}"


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.doors", description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--kind", choices=KINDS, action="append")
    options = parser.parse_args()
    for kind in options.kind or KINDS:
        with TemporaryDirectory(dir=scratch()) as folder, new_database(kind, Path(folder)) as database:
            begun = time.perf_counter()
            fill(database, options.products)
            Console().print(f"{kind}: {options.products} products in {time.perf_counter() - begun:.0f} s")
            for name, question in questions(options.products).items():
                times = sorted(asked_times(database, question, options.questions))
                p99 = statistics.quantiles(times, n=100, method="inclusive")[-1]
                Console().print(f"{kind:12}{name:40}{statistics.median(times):10.2f}{p99:10.2f} ms")


def asked_times(database: Database, question: Question, number: int) -> Iterator[float]:
    """Milliseconds of each question, after one that does not count; a kind that is slow is asked less often."""
    dice = random.Random(2)
    spent = 0.0
    with database.read() as connection:
        question(connection, dice)
        for asked in range(number):
            begun = time.perf_counter()
            question(connection, dice)
            took_s = time.perf_counter() - begun
            spent += took_s
            yield 1e3 * took_s
            if spent > 20.0 and asked >= 5:
                return


if __name__ == "__main__":
    main()
