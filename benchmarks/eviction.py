"""A day on which very many products are due.

Each product has one file and a zip in a store on disk, of few bytes; both are due at once, and their objects are
removed with the sweep. Meanwhile a user asks the same database for pages of products, from another thread of the
process, as where one process has all roles.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import md5, sha256
from pathlib import Path
from resource import getpagesize
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from attrs import define, field

from benchmarks.databases import LABELS, database_named, settle
from benchmarks.harness import Options, Result, scratch
from benchmarks.published import fill, name_of
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.lifecycle import sweep_garbage
from s1pdgs.catalogue.tables import garbage
from s1pdgs.model.time import SystemClock
from s1pdgs.publication.lta.eviction import Evictor, evict_step
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.search import search
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, local_objects

MOST = 100_000
"""Products that are due at most."""
ZIP = b"not much of a zip"
_MD5, _SHA256 = md5(ZIP, usedforsecurity=False).hexdigest(), sha256(ZIP).hexdigest()


@define
class Times:
    """Wall seconds of what was done again and again."""

    values: list[float] = field(factory=list)

    @contextmanager
    def taken(self) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.values.append(time.perf_counter() - begin)

    def result(self, name: str, command: str) -> Result:
        p99 = statistics.quantiles(self.values, n=100, method="inclusive")[-1]
        return Result(name, 1e3 * statistics.median(self.values), "ms", command, p99=1e3 * p99)


def run(options: Options) -> list[Result]:
    """On each database, with no more than `MOST` products."""
    products, results = min(options.products, MOST), []
    command = f'make bench ARGS="eviction --products {products}"'
    for kind in options.databases:
        try:
            with (
                TemporaryDirectory(dir=scratch(), prefix="eviction-") as folder,
                database_named(kind, f"eviction-{products}") as database,
            ):
                store = local_objects(Path(folder))
                _make_due(database, store, products)
                results += _measure(database, store, products, command)
        except LookupError as reason:
            print(f"{LABELS[kind]} is not measured: {reason}")
    return results


def _make_due(database: Database, store: LocalObjects, products: int) -> None:
    """A catalogue whose files and zips have been due for a day, with the objects."""
    fill(database, products)
    for number in range(1, products + 1):
        name = name_of(number)
        for key in (f"jobs/{number}/1/{name}/data", f"published/{name}.zip"):
            path = store.path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ZIP)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE product SET evict_at = 1, location = 'jobs/' || id || '/1/' || name")
        connection.exec_driver_sql(
            "UPDATE publication SET evict_at = 1, location = 'published/' ||"
            " (SELECT name FROM product WHERE product.id = publication.product_id) || '.zip',"
            f" size = {len(ZIP)}, md5 = '{_MD5}', sha256 = '{_SHA256}'"
        )
    settle(database)


def _measure(database: Database, store: LocalObjects, products: int, command: str) -> list[Result]:
    evictor = Evictor(database, store, Outbox(SystemClock()), grace=timedelta(0))
    steps, sweeps, pages, done = Times(), Times(), Times(), threading.Event()
    before = most = _resident_mb()
    user = threading.Thread(target=_ask, args=(database, products, pages, done))
    user.start()
    begin, cpu = time.perf_counter(), time.process_time()
    try:
        while True:
            with steps.taken():
                has_more = evict_step(evictor)
            with sweeps.taken():
                has_swept = sweep_garbage(database, store, SystemClock().now())
            most = max(most, _resident_mb())
            if not (has_more or has_swept):
                break
    finally:
        done.set()
        user.join()
    took, cpu = time.perf_counter() - begin, time.process_time() - cpu
    _check_gone(database, store)
    told = f"{LABELS[database.engine.dialect.name]}, {products} products due"
    return [
        Result(f"{told}: files and zips evicted and removed", 2 * products / took, "forms/s", command),
        Result(f"{told}: CPU", 1e3 * cpu / (2 * products), "ms/form", command),
        steps.result(f"{told}: step", command),
        sweeps.result(f"{told}: sweep", command),
        pages.result(f"{told}: page of a user meanwhile", command),
        Result(f"{told}: growth of memory", most - before, "MB", command),
    ]


def _check_gone(database: Database, store: LocalObjects) -> None:
    with database.read() as connection:
        left = connection.scalar(sa.select(sa.func.count()).select_from(garbage))
    zips = len(store.list("published"))
    if left or zips:
        raise SystemExit(f"{left} prefixes and {zips} zips are left after all were evicted")


def _ask(database: Database, products: int, pages: Times, done: threading.Event) -> None:
    """A user asks for pages here and there."""
    number = 0
    while not done.wait(0.05):
        number = (number + 7919) % products
        wanted = compile_filter(f"startswith(Name, '{name_of(number + 1)[:30]}')")
        with pages.taken(), database.read() as connection:
            search(connection, wanted, limit=20)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 1e6
