"""The catalogue of a mission of years: ten years of auxiliary files and as many data as make up the number.

Two satellites; what of each kind there is in a day, how long it is valid and how often it is made again is as on the
real mission. Rows are made day by day and written in bulk, with the indexes built at the end.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from benchmarks.bulk import Row, bulk
from benchmarks.databases import advance
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.model.time import FAR_FUTURE, micros
from s1pdgs.storage.database import Database

SATELLITES = ("S1A", "S1C")
CONFIGURATIONS = 10
SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
BEGIN = 1_451_606_400 * SECOND  # 2016-01-01
YEARS = 10
END = BEGIN + YEARS * 365 * DAY
FOREVER = micros(FAR_FUTURE)
SLICE_S = 25
TAKES = (("IW", 30, 8), ("EW", 10, 5), ("S3", 4, 4), ("WV", 6, 1))
"""Mode, data takes a day of a satellite, slices of each."""

_COLUMNS = (
    "id", "uuid", "name", "type", "satellite", "start", "stop", "generated", "location", "size", "t0", "timeliness",
    "footprint", "attributes", "datatake", "catalogued_at", "evicted_at",
)  # fmt: skip
_FILE_COLUMNS = ("product_id", "path", "size", "md5", "sha256")
_BATCH = 20_000


def fill(database: Database, count: int) -> None:
    """Bring an empty catalogue to a number of products; nothing to do when the last run left them."""
    with database.read() as connection:
        last = connection.scalar(sa.select(sa.func.max(t.product.c.id)))
    if last is not None and last >= count:
        return
    if last is not None:
        raise SystemExit(f"{database.engine.url} holds {last} products of a fill that broke off; remove it")
    longest: dict[str, int] = {}
    rows = _noting(islice(enumerate(chain(auxiliary(), data()), start=1), count), longest)
    with bulk(database, (t.product.name, t.product_file.name)) as (connection, write):
        while batch := list(islice(rows, _BATCH)):
            write(t.product.name, _COLUMNS, batch)
            write(t.product_file.name, _FILE_COLUMNS, _files(batch))
        connection.execute(t.type_span.insert(), [{"type": k, "longest_us": us} for k, us in sorted(longest.items())])
        advance(connection, t.product)


def auxiliary() -> Iterator[Row]:
    """What comes beside the data, in ten years."""
    for satellite in SATELLITES:
        for number in range(CONFIGURATIONS * 20):
            at = BEGIN + number * (END - BEGIN) // (CONFIGURATIONS * 20)
            for kind in ("AUX_CAL", "AUX_INS", "AUX_PP1", "AUX_PP2"):
                yield _row(kind, satellite, at, FOREVER, at, configuration=number % CONFIGURATIONS)
        yield from _series("AUX_OBMEMC", satellite, 150 * DAY, 0, stop=FOREVER)
        yield from _series("MPL_ORBSCT", satellite, 7 * DAY, 0, stop=FOREVER)
        yield from _series("MPL_ORBPRE", satellite, DAY, 10 * DAY)
        yield from _series("AUX_POEORB", satellite, DAY, 26 * HOUR, later=20 * DAY)
        yield from _series("AUX_RESORB", satellite, 5924 * SECOND, 197 * MINUTE, later=3 * HOUR, again=20)
        yield from _series("AUX_PREORB", satellite, DAY // 2, 6 * HOUR)
    for kind, step, length in (
        ("AUX_WND", HOUR, 3 * HOUR), ("AUX_WAV", 3 * HOUR, 3 * HOUR), ("AUX_ICE", DAY, DAY),
        ("AMV_ERRMAT", 6 * HOUR, DAY), ("AMH_ERRMAT", 6 * HOUR, DAY),
    ):  # fmt: skip
        yield from _series(kind, "S1_", step, length)
    for kind in ("MSK__LAND", "MSK_EW_SLC", "AUX_SCS"):
        yield from _series(kind, "S1_", 300 * DAY, 0, stop=FOREVER)


def data() -> Iterator[Row]:
    """What is received and made of it, day by day, without an end."""
    datatake = 0
    for day in range(1 << 30):
        for satellite in SATELLITES:
            begin = BEGIN + day * DAY
            for number in range(15):
                at = begin + number * 96 * MINUTE
                yield _row("SESSION", satellite, at, at + 10 * MINUTE, at + 20 * MINUTE)
            for mode, takes, slices in TAKES:
                for number in range(takes):
                    datatake += 1
                    yield from _data_take(mode, satellite, begin + number * (DAY // takes), slices, datatake)


def _series(
    kind: str, satellite: str, step: int, length: int, *, stop: int = 0, later: int = 0, again: int = 0
) -> Iterator[Row]:
    """Files at a regular pace, made `later` after their validity; every `again`-th a second time. Microseconds."""
    for number, start in enumerate(range(BEGIN, END, step)):
        ends = stop or start + length
        yield _row(kind, satellite, start, ends, start + later)
        if again and number % again == 0:
            yield _row(kind, satellite, start, ends, start + later + HOUR)


def _data_take(mode: str, satellite: str, start: int, slices: int, datatake: int) -> Iterator[Row]:
    stop, made = start + slices * SLICE_S * SECOND, start + 2 * HOUR
    for polarisation in (1, 2):
        yield _row(f"{mode}_RAW__0S", satellite, start, stop, made + polarisation * SECOND, datatake=datatake)
    for kind in "ACN":
        yield _row(f"{mode}_RAW__0{kind}", satellite, start, stop, made + MINUTE, datatake=datatake)
    for number in range(slices):
        begin, end = start + number * SLICE_S * SECOND, start + (number + 1) * SLICE_S * SECOND + 7_400_000
        kinds = [f"{mode}_RAW__0S", f"{mode}_SLC__1S", f"{mode}_GRDH_1S", *[f"{mode}_OCN__2S"][: number % 2]]
        for minutes, kind in enumerate(kinds):
            yield _row(
                kind, satellite, begin, end, made + (minutes + 2) * MINUTE, datatake=datatake, slice_number=number + 1
            )


def _row(
    kind: str,
    satellite: str,
    start: int,
    stop: int,
    made: int,
    *,
    datatake: int | None = None,
    slice_number: int | None = None,
    configuration: int | None = None,
) -> Row:
    """A row of `product` without its number and identifier."""
    attributes: dict[str, list[Any]] = {}
    if datatake is not None:
        attributes = {
            "datatakeID": ["Integer", datatake], "productClass": ["String", kind[-1]],
            "sliceProductFlag": ["Boolean", slice_number is not None],
        }  # fmt: skip
        configuration = datatake % CONFIGURATIONS
    if slice_number is not None:
        attributes["sliceNumber"] = ["Integer", slice_number]
    if configuration is not None:
        attributes["instrumentConfigurationID"] = ["Integer", configuration]
    footprint = None if slice_number is None else f"[[{slice_number},1],[3,1],[3,3],[1,3],[{slice_number},1]]"
    name = f"{satellite}_{kind}_{start // 1000}_{stop // 1000}_{made // 1000}_{datatake or configuration or 0}"
    return (
        name, kind, satellite, start, stop, made, f"jobs/1/1/{name}", 1_000_000, made, "NRT", footprint,
        json.dumps(attributes), datatake, made, None,
    )  # fmt: skip


def _noting(rows: Iterable[tuple[int, Row]], longest: dict[str, int]) -> Iterator[Row]:
    """Whole rows, noting the longest validity of each type."""
    for number, row in rows:
        kind, length = row[1], row[4] - row[3]
        if length > longest.get(kind, -1):
            longest[kind] = length
        yield number, product_uuid(row[0]), *row


def _files(rows: list[Row]) -> list[Row]:
    return [(row[0], "manifest.safe", 1_000_000, "0" * 32, "0" * 64) for row in rows]
