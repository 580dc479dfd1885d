"""`cql2_judge.py SITE`: what cql2, the reader of others, holds true of our items is what our searches find.

Filters are made at random over properties that every item has. cql2 writes each as text and evaluates it on the items;
we are asked in both languages. Prints how many were tried, and how many found some items and not all, as JSON.
"""

import json
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from cql2 import Expr
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

site = sys.argv[1]


def search(**asked: Any) -> list[dict[str, Any]]:
    with urlopen(f"{site}/stac/search?{urlencode({'limit': 1000, **asked})}", timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["features"]
    return found


items = search()
texts = {name: sorted({item["properties"][name] for item in items}) for name in ("platform", "sar:instrument_mode")}
texts["collection"] = sorted({item["collection"] for item in items})
orbits = sorted({item["properties"]["sat:absolute_orbit"] for item in items})
times = sorted({item["properties"]["datetime"] for item in items})


def operation(name: str, *arguments: Any) -> dict[str, Any]:
    return {"op": name, "args": list(arguments)}


def of_text(name: str) -> st.SearchStrategy[dict[str, Any]]:
    item, value = {"property": name}, st.sampled_from(texts[name])
    odd = st.text(st.sampled_from("aS1é' %_"), max_size=4)  # no backslash: cql2 writes one before a quote as its escape
    patterns = st.builds("{}{}{}".format, st.sampled_from(["", "%"]), value.map(lambda one: one[2:5]), st.just("%"))
    return st.one_of(
        st.builds(operation, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.just(item), value | odd),
        st.builds(operation, st.just("in"), st.just(item), st.lists(value | odd, min_size=1, max_size=3)),
        st.builds(operation, st.just("like"), st.just(item), patterns),
        value.map(lambda one: operation("=", operation("casei", item), operation("casei", one.upper()))),
    )


def of_numbers() -> st.SearchStrategy[dict[str, Any]]:
    item, value = {"property": "sat:absolute_orbit"}, st.sampled_from(orbits)
    return st.one_of(
        st.builds(operation, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), st.just(item), value),
        st.builds(operation, st.just("between"), st.just(item), value, value),
    )


def of_times() -> st.SearchStrategy[dict[str, Any]]:
    moments = st.sampled_from(times).map(lambda one: {"timestamp": one})
    return st.builds(operation, st.sampled_from(["<", "<=", ">", ">="]), st.just({"property": "datetime"}), moments)


def of_places() -> st.SearchStrategy[dict[str, Any]]:
    west, south = st.integers(-170, 160), st.integers(-80, 60)
    boxes = st.builds(lambda x, y: {"bbox": [x, y, x + 15, y + 15]}, west, south)
    points = st.builds(lambda x, y: {"type": "Point", "coordinates": [x, y]}, west, south)
    places = boxes | points | st.just({"bbox": [9, 44, 12, 46]})
    return st.builds(operation, st.just("s_intersects"), st.just({"property": "geometry"}), places)


leaves = st.one_of(*map(of_text, texts), of_numbers(), of_times(), of_places())
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(operation, st.sampled_from(["and", "or"]), inner, inner), inner.map(lambda one: operation("not", one))
    ),
    max_leaves=4,
)
counts: Counter[str] = Counter()


@seed(7)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(filters)
def judged(asked: dict[str, Any]) -> None:
    theirs = Expr(asked)
    wanted = sorted(item["id"] for item in items if theirs.matches(item))
    for language, text in (("cql2-json", json.dumps(asked)), ("cql2-text", theirs.to_text())):
        found = sorted(item["id"] for item in search(filter=text, **{"filter-lang": language}))
        assert found == wanted, f"{text}: {len(found)} found, {len(wanted)} by cql2"
    counts["tried"] += 1
    counts["telling"] += 0 < len(wanted) < len(items)


judged()
json.dump(counts, sys.stdout)
