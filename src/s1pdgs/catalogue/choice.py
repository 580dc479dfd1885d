"""The selection policies asked of the database: of millions of products only those are read that a policy may take.

A policy that chooses one product reads the first of each type by its own order, and one that takes all reads all that
are eligible; `selection.select` has the last word, so both tell the same. Policies without bounds in time go along an
index to the nearest, latest or last. All types and walks are one statement: a question to a server costs more than its
answer.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from s1pdgs.catalogue import tables as t
from s1pdgs.catalogue.query import ANY_SATELLITE, Held, from_row, here, longest, looked_at, with_files
from s1pdgs.catalogue.selection import LEAST_OVERLAP, policy_named, select
from s1pdgs.model.interval import Interval
from s1pdgs.model.time import MICROSECOND, micros

_AT_FIRST = 4
"""Products that are read by each walk before it is known whether any is admitted."""
Number = sa.ColumnElement[int]
Query = sa.CompoundSelect[Any]
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
    rule, moment = policy_named(policy), looked_at(connection)
    lengths_us = longest(connection, types) if rule.bounded else dict.fromkeys(sorted(set(types)), 0)
    if not lengths_us:
        return []
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
    for place, (kind, length_us) in enumerate(lengths_us.items()):
        near = {"type": kind, "earliest": start_us - length_us, "latest": stop_us + length_us}
        values |= {f"{name}_{place}": value for name, value in near.items()}
    query = _query(policy.strip(), len(lengths_us), with_configuration=configuration is not None, now=moment is None)
    found = (_first if rule.single else _all)(connection, query, values, admits)
    return with_files(connection, select(policy, wanted, found))


def _all(connection: sa.Connection, query: Query, values: dict[str, Any], admits: Callable[[Held], bool]) -> list[Held]:
    return [held for held in map(from_row, connection.execute(query, values)) if admits(held)]


def _first(
    connection: sa.Connection, query: Query, values: dict[str, Any], admits: Callable[[Held], bool]
) -> list[Held]:
    """Of each part of the query the first that are admitted, by reading more and more until there is one."""
    limit = _AT_FIRST
    while True:
        rows = connection.execute(query, values | {"limit": limit}).all()
        admitted = [(row.part, held) for row in rows if admits(held := from_row(row))]
        cut_off = {part for part, number in Counter(row.part for row in rows).items() if number == limit}
        if cut_off <= {part for part, _ in admitted}:
            return [held for _, held in admitted]
        limit *= 16


@cache
def _query(policy: str, types: int, *, with_configuration: bool, now: bool) -> Query:
    """One statement that reads what a policy may take of a number of types: a part for each walk along an index, the
    best of each first. Rows tell their `part`.
    """
    parts = [
        part.add_columns(sa.literal_column(str(number)).label("part")).subquery()
        for number, part in enumerate(
            part
            for place in range(types)
            for part in _parts(policy, place, with_configuration=with_configuration, now=now)
        )
    ]
    return sa.union_all(*(sa.select(part) for part in parts))


def _parts(policy: str, place: int, *, with_configuration: bool, now: bool) -> list[sa.Select[Any]]:
    """What is read of the type at a place."""
    product = t.product.c
    moment = None if now else sa.bindparam("moment", type_=product.catalogued_at.type)
    of_type = sa.select(t.product).where(product.type == sa.bindparam(f"type_{place}", type_=sa.Text), *here(moment))
    if with_configuration:
        configuration = product.attributes["instrumentConfigurationID", 1].as_string()
        of_type = of_type.where(sa.cast(configuration, sa.Text) == sa.bindparam("configuration"))
    own = sa.bindparam("satellite", type_=sa.Text)
    if policy in _SOUGHT:
        parts = [
            of_type.where(product.satellite == satellite, *within).order_by(order)
            for satellite in (own, ANY_SATELLITE)
            for within, order in _SOUGHT[policy]
        ]
    else:
        eligible, *rank = _RANKED[policy]
        near = sa.and_(_told(f"earliest_{place}") <= _START, _told(f"latest_{place}") >= _STOP)
        parts = [of_type.where(product.satellite.in_([own, ANY_SATELLITE]), near, *eligible).order_by(*rank)]
    if not policy_named(policy).single:
        return parts
    return [part.order_by(_GENERATED.desc(), product.name).limit(_told("limit")) for part in parts]


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
