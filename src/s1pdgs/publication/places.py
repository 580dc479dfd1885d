"""Searches by area as SQL: from an index of footprints to the exact test.

On SQLite the index is an R*Tree that holds times too, so that an area within a span of time brings what lies in both.
PostGIS has one of footprints, whose selectivity PostgreSQL's planner knows, and one of boxes with times.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.tables import TREE_PARTS, footprint_box, footprint_tree, product
from s1pdgs.publication.dialects import FEW, MANY, BoxesMeet, Intersects, OneOfFew, Within
from s1pdgs.publication.predicate import Comparison, Every, Field, Operator, Predicate, Spatial, Value
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Micros

_FEW_DEG2_DAYS = 120_000.0
"""What is asked of the tree: 300 square degrees, a 200th of the globe, or larger areas within less time. Of those that
hold more a page is found sooner by looking at products in order."""
_LONG_DAYS = 400.0
_TREE_EPOCH = datetime(2010, 1, 1, tzinfo=UTC)
_UPPER = {Operator.LT, Operator.LE, Operator.EQ}
_LOWER = {Operator.GT, Operator.GE, Operator.EQ}


@frozen
class Window:
    """A span of time outside which no product is wanted; None where it is open."""

    begin: datetime | None = None
    end: datetime | None = None

    def narrowed(self, parts: Iterable[Predicate]) -> "Window":
        """By the bounds that conditions, all of which must hold, put on the sensing time."""
        begin, end = self.begin, self.end
        for operator, moment in _bounds(parts):
            if operator in _LOWER:
                begin = moment if begin is None else max(begin, moment)
            if operator in _UPPER:
                end = moment if end is None else min(end, moment)
        return Window(begin, end)

    @property
    def days(self) -> float:
        if self.begin is None or self.end is None:
            return _LONG_DAYS
        return min(max((self.end - self.begin) / timedelta(days=1), 1.0), _LONG_DAYS)


EVER = Window()


def conjuncts(predicate: Predicate) -> Iterator[Predicate]:
    """The conditions that all must hold."""
    if isinstance(predicate, Every):
        for part in predicate.parts:
            yield from conjuncts(part)
    else:
        yield predicate


def _bounds(parts: Iterable[Predicate]) -> Iterator[tuple[Operator, datetime]]:
    """Either end of a product may be bounded: what begins after a moment ends after it too."""
    for part in conjuncts(Every(tuple(parts))):
        match part:
            case Comparison(operator, Field("ContentDate/Start" | "ContentDate/End"), Value(datetime() as moment)):
                yield operator, moment


def earliest_end(predicate: Predicate) -> datetime | None:
    """When products must still be sensed, where nothing is said of their beginning, which indexes are by."""
    ends = None
    for part in conjuncts(predicate):
        match part:
            case Comparison(Operator.GT | Operator.GE | Operator.EQ, Field("ContentDate/Start"), Value(datetime())):
                return None
            case Comparison(
                Operator.GT | Operator.GE | Operator.EQ, Field("ContentDate/End"), Value(datetime() as moment)
            ):
                ends = moment if ends is None else max(ends, moment)
    return ends


def where_lies(predicate: Spatial, window: Window) -> sa.ColumnElement[Any]:
    """The condition of footprints that lie to an area as asked, where another one keeps products within the window."""
    few = _are_few(predicate, window)
    near = _in_tree(predicate, window) if few else _in_a_box(predicate)
    within_time = is_near_in_time(predicate, window)
    located = publication.c.area.is_not(None)
    found = sa.and_(located, _tested(predicate, near, sa.null() if within_time is None else within_time, few=few))
    return sa.and_(located, sa.not_(found)) if predicate.relation == "disjoint" else found


def _are_few(predicate: Spatial, window: Window) -> bool:
    """Whether few products are near an area within a window."""
    size = sum((east - west) * (north - south) for west, south, east, north in predicate.boxes)
    return size * window.days <= _FEW_DEG2_DAYS


def lies(predicate: Spatial) -> sa.ColumnElement[Any]:
    """The exact test alone, for PostGIS: of products that are known to be near."""
    return _tested(predicate, sa.true(), sa.true(), few=True)


def _tested(predicate: Spatial, near: Any, within_time: Any, *, few: bool) -> sa.ColumnElement[Any]:
    test = Within if predicate.relation == "within" else Intersects
    area = sa.literal(predicate.area, sa.Text())
    return test(near, within_time, publication.c.area, area, FEW if few else MANY)


def _in_tree(predicate: Spatial, window: Window) -> sa.ColumnElement[bool]:
    tree = footprint_tree.c
    times = []
    if window.begin is not None:
        times.append(tree.stop >= _days(window.begin))
    if window.end is not None:
        times.append(tree.start <= _days(window.end))
    parts = [
        sa.select(tree.id // TREE_PARTS).where(
            tree.west <= east, tree.east >= west, tree.south <= north, tree.north >= south, *times
        )
        for west, south, east, north in predicate.boxes
    ]
    return product.c.id.in_(sa.union_all(*parts) if len(parts) > 1 else parts[0])


def is_near_in_time(predicate: Spatial, window: Window) -> sa.ColumnElement[bool] | None:
    """For PostGIS, whether a product is one of the few near an area within a window; None where they may be many."""
    if window.begin is None or window.end is None or not _are_few(predicate, window):
        return None
    box = footprint_box.c
    columns = (box.west, box.south, box.start, box.east, box.north, box.stop)
    begin, end = sa.literal(window.begin, Micros()), sa.literal(window.end, Micros())
    meets = [
        BoxesMeet(*columns, _degrees(west), _degrees(south), begin, _degrees(east), _degrees(north), end)
        for west, south, east, north in predicate.boxes
    ]
    return OneOfFew(product.c.id, sa.select(box.product_id).where(sa.or_(*meets)).scalar_subquery())


def _degrees(edge: float) -> sa.ColumnElement[float]:
    return sa.literal(edge, sa.Float())


def _days(moment: datetime) -> float:
    return (moment - _TREE_EPOCH) / timedelta(days=1)


def _in_a_box(predicate: Spatial) -> sa.ColumnElement[bool]:
    box = footprint_box.c
    boxes = [
        sa.and_(box.west <= east, box.east >= west, box.south <= north, box.north >= south)
        for west, south, east, north in predicate.boxes
    ]
    own = sa.select(sa.literal(1)).where(box.product_id == product.c.id, sa.or_(*boxes))
    return own.correlate(product).exists()
