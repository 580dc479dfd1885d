"""What the engine asks of a catalogue of millions of products: selection policies, waiting orders, data takes.

A question is asked as the engine asks it, by the same functions, in a transaction that has asked others before. Times
are wall milliseconds of one question, Python included.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa
from attrs import evolve

from benchmarks import archive
from benchmarks.databases import LABELS, database_named, settle, size_gb
from benchmarks.harness import KINDS, Options, Result
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.choice import choose
from s1pdgs.catalogue.door import register
from s1pdgs.catalogue.query import Held, find, of_datatake
from s1pdgs.catalogue.selection import POLICIES
from s1pdgs.model.interval import Interval
from s1pdgs.model.job import OrderState
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.model.time import SystemClock, from_micros
from s1pdgs.storage.database import Database
from s1pdgs.triggers import tables as triggers
from s1pdgs.triggers.orders import waiting_for

Question = Callable[[sa.Connection, random.Random], object]

LEAST = 300_000
"""Auxiliary files alone are nearly as many."""
WAITING = 20_000
"""Orders that wait, for three inputs each."""
CONFIGURED = ("AUX_CAL", "AUX_PP1")
TYPES = (*CONFIGURED, "AUX_RESORB", "AUX_POEORB", "AUX_WND", "IW_RAW__0S", "IW_GRDH_1S")
SLICE = timedelta(seconds=33)
_ASKED_WITHIN = 50


def run(options: Options) -> list[Result]:
    """Both databases, filled anew unless the last run kept them, with `LEAST` products or more."""
    options = evolve(options, products=max(options.products, LEAST))
    command = f'make bench ARGS="catalogue --products {options.products}"'
    results: list[Result] = []
    for kind in KINDS:
        try:
            with database_named(kind, f"catalogue-{options.products}", keep=options.keep) as database:
                results += _measure(database, options, command)
        except LookupError as reason:
            print(f"{LABELS[kind]} is not measured: {reason}")
    return results


def _measure(database: Database, options: Options, command: str) -> list[Result]:
    begun = time.perf_counter()
    archive.fill(database, options.products)
    _place_orders(database)
    settle(database)
    filled_s, label = time.perf_counter() - begun, LABELS[database.engine.dialect.name]
    last = _last_data(database)
    times = {
        **{(policy, kind): _ask(database, options, _selection(policy, kind, last)) for policy, kind in _pairs()},
        **{(name, ""): _ask(database, options, question) for name, question in _others(database, last).items()},
    }
    told = f"{label}, {options.products / 1e6:g} M products"
    results = [
        Result(f"{told}: made and indexed", filled_s, "s", command),
        Result(f"{told}: size on disk", size_gb(database), "GB", command),
    ]
    for name in dict.fromkeys(name for name, _ in times):
        every = [each for (of, _), found in times.items() if of == name for each in found]
        results.append(
            Result(
                f"{told}: {name}", statistics.median(every), "ms", command, p99=statistics.quantiles(every, n=100)[-1]
            )
        )
    slowest = max((pair for pair in times if pair[1]), key=lambda pair: statistics.median(times[pair]))
    results.append(
        Result(f"{told}: {' of '.join(slowest)}, the slowest pair", statistics.median(times[slowest]), "ms", command)
    )
    return results


def _pairs() -> Iterator[tuple[str, str]]:
    return ((policy, kind) for policy in POLICIES for kind in TYPES)


def _ask(database: Database, options: Options, question: Question) -> list[float]:
    """Milliseconds of each of many questions; those of the first transaction only warm up. Nothing is kept."""
    dice = random.Random(1)
    taken: list[float] = []
    for warm in range(-1, -(-options.questions // _ASKED_WITHIN)):
        with suppress(_Enough), database.write() as connection:
            for _ in range(_ASKED_WITHIN):
                begun = time.perf_counter()
                question(connection, dice)
                if warm >= 0:
                    taken.append((time.perf_counter() - begun) * 1e3)
            raise _Enough
    return taken


class _Enough(Exception):  # noqa: N818
    """Ends a transaction without a change."""


def _selection(policy: str, kind: str, last: datetime) -> Question:
    """A policy asked for a random slice, or for a data take where orbits are wanted."""

    def ask(connection: sa.Connection, dice: random.Random) -> list[Held]:
        start = _moment(dice, last)
        length = 8 * SLICE if "ORB" in kind else SLICE
        configuration = dice.randrange(archive.CONFIGURATIONS) if kind in CONFIGURED else None
        window = Interval(start, start + length)
        satellite = dice.choice(archive.SATELLITES)
        return choose(connection, policy, [kind], satellite, window, configuration=configuration)

    return ask


def _others(database: Database, last: datetime) -> dict[str, Question]:
    with database.read() as connection:
        newest = connection.scalar(sa.select(sa.func.max(t.product.c.datatake))) or 0
        names = list(connection.scalars(sa.select(t.product.c.name).where(t.product.c.id % 9973 == 0).limit(500)))
    outbox = Outbox(SystemClock())

    def take(connection: sa.Connection, dice: random.Random) -> object:
        number = dice.randint(1, newest)
        return of_datatake(connection, dice.choice(archive.SATELLITES), number, ["IW_RAW__0A"])

    def whole_take(connection: sa.Connection, dice: random.Random) -> object:
        return of_datatake(connection, dice.choice(archive.SATELLITES), dice.randint(1, newest), ["IW_RAW__0S"])

    def waiting(connection: sa.Connection, dice: random.Random) -> object:
        start = last - timedelta(hours=36 * dice.random())
        return waiting_for(connection, _held("AUX_RESORB", Interval(start, start + timedelta(hours=3.3))))

    def door(connection: sa.Connection, dice: random.Random) -> object:
        start = _moment(dice, last)
        name = f"new-{dice.getrandbits(64):x}"
        return register(connection, outbox, _held("IW_RAW__0S", Interval(start, start + SLICE), name).product)

    return {
        "one product by its name": lambda connection, dice: find(connection, dice.choice(names)),
        "annotation of a data take": take,
        "slices of a data take": whole_take,
        f"which of {WAITING} waiting orders want a new orbit": waiting,
        "a product enters (in an open transaction)": door,
    }


def _held(kind: str, validity: Interval, name: str = "new") -> Held:
    moment = validity.stop
    files = (StoredFile("manifest.safe", 1, "0" * 32, "0" * 64),)
    product = Product(name, kind, "S1A", validity, moment, f"auxiliary/{name}", files, moment)
    return Held(0, "", product, None, moment, None)


def _moment(dice: random.Random, last: datetime) -> datetime:
    begin = from_micros(archive.BEGIN)
    return begin + dice.random() * (last - begin)


def _last_data(database: Database) -> datetime:
    """Until when the catalogue holds data; asked for are times before it."""
    query = sa.select(sa.func.max(t.product.c.start)).where(t.product.c.type == "SESSION")
    with database.read() as connection:
        last: datetime | None = connection.scalar(query)
    return last or from_micros(archive.BEGIN + archive.DAY)


def _place_orders(database: Database) -> None:
    """Orders of the last days that wait for an orbit and two more inputs, half of them old ones that never get it."""
    last = _last_data(database)
    with database.write() as connection:
        if connection.scalar(sa.select(sa.func.count()).select_from(triggers.order)):
            return
        orders, needs = [], []
        for number in range(1, WAITING + 1):
            start = last - timedelta(days=2 if number % 2 else 200) * (number / WAITING)
            stop = start + SLICE
            orders.append(
                {
                    "id": number, "chain": "l1-iw", "unit": f"slice {number}", "trigger": f"slice {number}",
                    "satellite": archive.SATELLITES[number % 2], "start": start, "stop": stop, "timeliness": "NRT",
                    "context": {}, "state": OrderState.WAITING, "created_at": stop,
                }
            )  # fmt: skip
            needs += [
                {
                    "order_id": number, "input": kind, "type": kind, "start": start, "stop": stop, "mandatory": True,
                    "detail": "",
                }
                for kind in ("AUX_RES", "AUX_POE", "IW_RAW__0A")
            ]  # fmt: skip
        connection.execute(triggers.order.insert(), orders)
        connection.execute(triggers.order_need.insert(), needs)
