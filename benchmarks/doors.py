"""What users ask of millions of published products: queries, requests a second, downloads.

Queries are asked by the functions that serve them, in a transaction that has asked others before; times are wall
milliseconds of one question with its page of products, Python included, without HTTP and JSON. All else goes by HTTP to
a server in a process of its own.
"""

import gc
import random
import statistics
import time
from functools import partial
from urllib.parse import quote

from benchmarks import door_http, door_stac
from benchmarks.databases import LABELS, database_named, settle, size_gb
from benchmarks.door_questions import Question, attribute, questions, window
from benchmarks.harness import KINDS, Options, Result, scratch
from benchmarks.published import TYPES, fill, name_of
from s1pdgs.catalogue.door import product_uuid
from s1pdgs.storage.database import Database

ITEMS = 50_000
"""Items that our STAC API and its peer hold."""
_PATIENCE_S = 15.0


def run(options: Options) -> list[Result]:
    """Both databases, filled anew unless the last run kept them; then beside nginx and stac-fastapi-pgstac."""
    chosen = "" if options.databases == KINDS else f" --databases {','.join(options.databases)}"
    command = f'make bench ARGS="doors --products {options.products}{chosen}"'
    results: list[Result] = []
    for kind in options.databases:
        try:
            with database_named(kind, f"doors-{options.products}", keep=options.keep) as database:
                results += _measure(database, options, command)
        except LookupError as reason:
            print(f"{LABELS[kind]} is not measured: {reason}")
    with database_named("sqlite", "doors-downloads") as database:
        fill(database, 10)
        results += door_http.downloads(database, product_uuid(name_of(7)), command, options.rounds)
    if "postgresql" in options.databases:
        results += door_stac.compared(min(options.products, ITEMS), command)
    return results


def _measure(database: Database, options: Options, command: str) -> list[Result]:
    begun = time.perf_counter()
    fill(database, options.products)
    settle(database)
    told = f"{LABELS[database.engine.dialect.name]}, {options.products / 1e6:g} M published"
    results = [
        Result(f"{told}: made and indexed", time.perf_counter() - begun, "s", command),
        Result(f"{told}: size on disk", size_gb(database), "GB", command),
    ]
    gc.collect()
    gc.freeze()  # as the server does
    for name, question in questions(options.products).items():
        took = _ask(database, question, options.questions)
        p99 = statistics.quantiles(took, n=100, method="inclusive")[-1]
        results.append(Result(f"{told}: {name}", statistics.median(took), "ms", command, p99=p99))
    with door_http.served(database, scratch()) as address:
        for name, path in _requests(options.products).items():
            rate = door_http.requests_a_second(address, path)
            results.append(Result(f"{told}: 32 clients, {name}", rate, "requests/s", command))
    return results


def _ask(database: Database, question: Question, number: int) -> list[float]:
    """Milliseconds of each question, after some that do not count; a kind that is slow is asked less often."""
    dice, took = random.Random(2), []
    end = time.perf_counter() + _PATIENCE_S
    with database.read() as connection:
        for _ in range(3):
            question(connection, dice)
        while len(took) < 5 or (len(took) < number and time.perf_counter() < end):
            begun = time.perf_counter()
            question(connection, dice)
            took.append(1e3 * (time.perf_counter() - begun))
    return took


def _requests(products: int) -> dict[str, door_http.AskedFor]:
    odata = "/odata/v1/Products"

    def page(dice: random.Random) -> str:
        kind = attribute("productType", f"'{dice.choice(TYPES)}'")
        asked = quote(f"{kind} and {window(dice, products, 12.0)}", safe="")
        return f"{odata}?$filter={asked}&$top=20&$expand=Attributes"

    return {
        "a product by Id": lambda dice: f"{odata}({product_uuid(name_of(dice.randint(1, products)))})",
        "20 products of a type and 12 days": page,
        "STAC items of a collection and 5 days": partial(door_stac.by_time, products),
    }
