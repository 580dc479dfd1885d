"""The selection policies asked of the database: of millions of products only those are read that a policy may take.

A policy that chooses one product reads the first of each type by its own order, and one that takes all reads all that
are eligible; `selection.select` has the last word, so both tell the same. Policies without bounds in time go along an
index to the nearest, latest or last.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.query import ANY_SATELLITE, Held, here, load_without_files, longest, looked_at, with_files
from s1pdgs.catalogue.selection import LEAST_OVERLAP, policy_named, select
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import MICROSECOND, micros

_AT_FIRST = 4
"""Products that are read of each type before it is known whether any is admitted."""
Number = sa.ColumnElement[int]
Terms = tuple[sa.ColumnElement[Any], ...]

_START, _STOP, _GENERATED = (
    sa.type_coerce(column, sa.BigInteger) for column in (t.product.c.start, t.product.c.stop, t.product.c.generated)
)


def _told(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)


_WANTED_START, _WANTED_STOP, _BOTH = _told("wanted_start"), _told("wanted_stop"), _told("both")
"""Microseconds; `_BOTH` is the sum of the other two, twice the centre."""


def choose(
    connection: sa.Connection,
    policy: str,
    types: Iterable[str],
    satellite: str,
    wanted: Interval,
    *,
    configuration: int | None = None,
    admits: Callable[[Held], bool] = lambda _: True,
) -> list[Held]:
    """What `select` takes of all products of some types, of a satellite or of the whole mission, whose bytes are here:
    of those that are admitted (told without their files), and with a configuration of those of this instrument
    configuration.
    """
    single, moment = policy_named(policy).single, looked_at(connection)
    start_us, stop_us = micros(wanted.start), micros(wanted.stop)
    values: dict[str, Any] = {
        "satellite": satellite,
        "wanted_start": start_us,
        "wanted_stop": stop_us,
        "both": start_us + stop_us,
        "middle": -(-(start_us + stop_us) // 2),
        "least": LEAST_OVERLAP * wanted.duration // MICROSECOND,
        "configuration": str(configuration),
        "moment": moment,
    }
    queries = _queries(policy.strip(), with_configuration=configuration is not None, now=moment is None)
    read = _first if single else _all
    found: list[Held] = []
    for kind, length_us in longest(connection, types).items():
        near = {"type": kind, "earliest": start_us - length_us, "latest": stop_us + length_us}
        for query in queries:
            found += read(connection, query, values | near, admits)
    return with_files(connection, select(policy, wanted, found))


def _all(
    connection: sa.Connection, query: sa.Select[Any], values: dict[str, Any], admits: Callable[[Held], bool]
) -> list[Held]:
    return [held for held in load_without_files(connection, query, values) if admits(held)]


def _first(
    connection: sa.Connection, query: sa.Select[Any], values: dict[str, Any], admits: Callable[[Held], bool]
) -> list[Held]:
    """The first that are admitted, by reading more and more until there is one."""
    limit = _AT_FIRST
    while True:
        page = load_without_files(connection, query, values | {"limit": limit})
        admitted = [held for held in page if admits(held)]
        if admitted or len(page) < limit:
            return admitted
        limit *= 16


@cache
def _queries(policy: str, *, with_configuration: bool, now: bool) -> tuple[sa.Select[Any], ...]:
    """The statements that together read what a policy may take of one type, the best of each first."""
    product = t.product.c
    moment = None if now else sa.bindparam("moment", type_=product.catalogued_at.type)
    of_type = sa.select(t.product).where(product.type == sa.bindparam("type"), *here(moment))
    if with_configuration:
        configuration = product.attributes["instrumentConfigurationID", 1].as_string()
        of_type = of_type.where(sa.cast(configuration, sa.Text) == sa.bindparam("configuration"))
    own = sa.bindparam("satellite", type_=sa.Text)
    if policy in _SOUGHT:
        queries = [
            of_type.where(product.satellite == satellite, *within).order_by(order)
            for satellite in (own, ANY_SATELLITE)
            for within, order in _SOUGHT[policy]
        ]
    else:
        eligible, *rank = _RANKED[policy]
        near = sa.and_(_told("earliest") <= _START, _told("latest") >= _STOP)
        queries = [of_type.where(product.satellite.in_([own, ANY_SATELLITE]), near, *eligible).order_by(*rank)]
    if not policy_named(policy).single:
        return tuple(queries)
    return tuple(query.order_by(_GENERATED.desc(), product.name).limit(_told("limit")) for query in queries)


def _either_side(moment: Number) -> list[tuple[Terms, sa.ColumnElement[Any]]]:
    """Backwards from the middle of the wanted time, and onwards."""
    middle = _told("middle")
    return [((moment < middle,), moment.desc()), ((moment >= middle,), moment.asc())]


_COVERS = (_START <= _WANTED_START, _STOP >= _WANTED_STOP)
_INTERSECTS = (_START < _WANTED_STOP, _STOP > _WANTED_START)
_OVERLAP = sa.case((_STOP < _WANTED_STOP, _STOP), else_=_WANTED_STOP) - sa.case(
    (_START > _WANTED_START, _START), else_=_WANTED_START
)

_RANKED: dict[str, tuple[Any, ...]] = {
    "ValCover": (_COVERS,),
    "LatestValCover": (_COVERS,),
    "LatestValCoverClosest": (_COVERS, _START.desc()),
    "LatestValCoverNewestValidity": (_COVERS, _START.desc(), _STOP.desc()),
    "BestCenteredCover": (_COVERS, sa.func.abs(_START + _STOP - _BOTH)),
    "ValIntersect": (_INTERSECTS,),
    "ValIntersectWithoutDuplicates": (_INTERSECTS,),
    "LatestValIntersect": (_INTERSECTS,),
    "LatestValidity": (_INTERSECTS, _START.desc()),
    "LatestValidityClosest": (_INTERSECTS, sa.func.abs(2 * _START - _BOTH), 2 * _START >= _BOTH),
    "LargestOverlap": (_INTERSECTS, _OVERLAP.desc()),
    "LargestOverlap85": ((*_INTERSECTS, _told("least") <= _OVERLAP), _OVERLAP.desc()),
}
"""For each policy that is bounded in time what is eligible, and the order before generation time and name."""

_SOUGHT: dict[str, list[tuple[Terms, sa.ColumnElement[Any]]]] = {
    "ClosestStartValidity": _either_side(_START),
    "ClosestStopValidity": _either_side(_STOP),
    "LatestStartValidity": [((), _START.desc())],
    "LatestStopValidity": [((), _STOP.desc())],
    "LastCreated": [((), _GENERATED.desc())],
}
"""For each other policy where along an index its best may lie."""
