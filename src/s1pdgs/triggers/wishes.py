"""What somebody wants of an order, kept in its row: the type, the chains on the way to it, parameters and priority.

An order that is caused by a product which a wanted order made inherits the wish, until the last chain of the way.
"""

from collections.abc import Mapping
from typing import Any, Self

import sqlalchemy as sa
from attrs import asdict, evolve, frozen

from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.chains import Route


@frozen
class Wish:
    """`way` are the chains that lead to the type, the one that makes it last; `parameters` are for that one, `priority`
    is for all jobs on the way (higher runs first, None is that of the timeliness).
    """

    type: str
    way: tuple[str, ...]
    parameters: Mapping[str, str]
    priority: int | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """The wish of an order's row, None when data caused the order."""
        if stored is None:
            return None
        return cls(stored["type"], tuple(stored["way"]), stored["parameters"], stored["priority"])

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "way": list(self.way), "parameters": dict(self.parameters)}

    def applied(self, spec: JobSpec) -> JobSpec:
        """A job's spec with the wanted parameters, when it is the job that makes the wanted type."""
        if spec.chain != self.way[-1] or not self.parameters:
            return spec
        parameters = tuple((dict(spec.order.parameters) | dict(self.parameters)).items())
        return evolve(spec, order=evolve(spec.order, parameters=parameters))


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
    return wish if wish is not None and chain in wish.way else None


def on_demand(route: Route) -> Route:
    """A route that takes what it is told to, wherever it lies, although its chain is switched off for data."""
    return Route(route.chain.model_copy(update={"enabled": True, "gates": ()}), route.table)
