"""What somebody wants of an order, kept in its row: the type, the chains on the way to it, parameters and priority.

An order that is caused by a product which a wanted order made inherits the wish, until the last chain of the way. Rows
of `wish_order` tell which orders belong to a wish that has an identity (`wish`); they are inherited likewise.
"""

from collections.abc import Mapping
from typing import Any, Self

import sqlalchemy as sa
from attrs import asdict, evolve, frozen

from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Route

OPEN = "open"
"""The state of a wish whose orders have not all ended."""


@frozen
class Wish:
    """`way` are the chains that lead to the type, the one that makes it last; `parameters` are for that one, `priority`
    is for all jobs on the way (higher runs first, None is that of the timeliness). What is made `apart` with other
    parameters stands beside what all get.
    """

    type: str
    way: tuple[str, ...]
    parameters: Mapping[str, str]
    priority: int | None = None
    apart: bool = False

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """The wish of an order's row, None when data caused the order."""
        if stored is None:
            return None
        apart = stored.get("apart", False)
        return cls(stored["type"], tuple(stored["way"]), stored["parameters"], stored["priority"], apart)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "way": list(self.way), "parameters": dict(self.parameters)}

    def applied(self, spec: JobSpec, *, own: bool) -> JobSpec:
        """A job's spec with the wanted parameters, when it is the job that makes the wanted type. What it makes is made
        on demand when it is the wish's `own` (data alone would not have caused it), or when a parameter differs.
        """
        usual = dict(spec.order.parameters)
        wanted = dict(self.parameters) if spec.chain == self.way[-1] else {}
        changed = {name: value for name, value in wanted.items() if usual.get(name) != value}
        is_on_demand = spec.campaign is None and (own or bool(changed))
        order = evolve(spec.order, parameters=tuple((usual | changed).items()))
        on_demand = changed if is_on_demand else None
        return evolve(spec, order=order, on_demand=on_demand, apart=self.apart and bool(on_demand))


def inherited(connection: sa.Connection, product: str, chain: str) -> Wish | None:
    """The wish of the order that made a product, when a chain is further on its way."""
    query = (
        sa.select(t.order.c.wanted)
        .join(jobs.job, jobs.job.c.order_id == t.order.c.id)
        .join(jobs.job_output, jobs.job_output.c.job_id == jobs.job.c.id)
        .where(jobs.job_output.c.product == product, t.order.c.wanted.is_not(None), t.order.c.chain != chain)
        .order_by(t.order.c.id.desc())
        .limit(1)
    )
    wish = Wish.from_json(connection.scalar(query))
    if wish is not None and chain in wish.way:
        return wish
    linked = _linked(connection, product, chain)
    return Wish(linked[0].type, tuple(linked[0].way), {}) if linked else None


def pass_on(connection: sa.Connection, product: str, route: Route, order: sa.Row[Any] | int) -> None:
    """Let an order belong to the open wishes of the orders that made its trigger, when its chain is on their way.

    An order is a wish's own when its chain is switched off for data.
    """
    for row in _linked(connection, product, route.name):
        link(connection, row.wish_id, order, tuple(row.way), own=not route.chain.enabled)


def link(connection: sa.Connection, wish: int, order: sa.Row[Any] | int, way: tuple[str, ...], *, own: bool) -> None:
    """Let an order (its row, or the number of a new one) belong to a wish from its next round on, or from its present
    one when that has not ended; nothing when it belongs to it already. It is the wish's `own` when data alone would not
    have caused it, so it is also when another wish did.
    """
    number, round_ = (order, 1) if isinstance(order, int) else (order.id, order.round + int(order.late))
    known = sa.select(t.wish_order.c.wish_id).where(
        t.wish_order.c.wish_id == wish, t.wish_order.c.order_id == number
    )  # fmt: skip
    if connection.scalar(known) is None:
        others = sa.select(t.wish_order.c.own).where(
            t.wish_order.c.order_id == number, t.wish_order.c.round == round_, t.wish_order.c.own
        )
        own = own or connection.scalar(others.limit(1)) is not None
        values = {"wish_id": wish, "order_id": number, "way": list(way), "round": round_, "own": own}
        connection.execute(t.wish_order.insert().values(**values))
        connection.execute(t.wish.update().where(t.wish.c.id == wish).values(settles_after=None))


def _linked(connection: sa.Connection, product: str, chain: str) -> list[Any]:
    """Open wishes of the orders that made a product, on whose way a chain comes."""
    query = (
        sa.select(t.wish_order.c.wish_id, t.wish_order.c.way, t.wish.c.type)
        .join(t.wish, t.wish.c.id == t.wish_order.c.wish_id)
        .join(t.order, t.order.c.id == t.wish_order.c.order_id)
        .join(jobs.job, jobs.job.c.order_id == t.order.c.id)
        .join(jobs.job_output, jobs.job_output.c.job_id == jobs.job.c.id)
        .where(
            jobs.job_output.c.product == product,
            jobs.job.c.round >= t.wish_order.c.round,
            t.wish.c.state == OPEN,
            t.order.c.chain != chain,
        )
        .order_by(t.wish_order.c.wish_id)
    )
    return [row for row in connection.execute(query) if chain in row.way]


def on_demand(route: Route) -> Route:
    """A route that takes what it is told to, wherever it lies, although its chain is switched off for data."""
    return Route(route.chain.model_copy(update={"enabled": True, "gates": ()}), route.table)
