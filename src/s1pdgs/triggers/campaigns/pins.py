"""The processor of a campaign, stored by content: chains and task tables as they were when it was created."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define, field, frozen

from s1pdgs.formats.tasktable import parse_task_table
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.baseline import SYSTEMATIC, Baseline
from s1pdgs.triggers.chains import Chain, Chains, Route, table_path

_KEPT = 4


@frozen
class Lane:
    """Whose work an order is: by which chains, and what it may see. Number 0 is systematic work and orders by hand."""

    chains: Chains
    baseline: Baseline = SYSTEMATIC
    number: int = 0

    def route(self, chain: str) -> Route | None:
        """The route of a chain, None when there is none of this name any more."""
        return self.chains.named(chain)


@define
class Lanes:
    """The lanes of campaigns; the last few stay in memory, what is pinned never changes."""

    _kept: dict[int, Lane] = field(factory=dict, init=False)

    def of(self, connection: sa.Connection, number: int) -> Lane:
        """The lane of a campaign."""
        if number not in self._kept:
            row = connection.execute(sa.select(t.campaign).where(t.campaign.c.id == number)).one()
            for oldest in list(self._kept)[: len(self._kept) - _KEPT + 1]:
                del self._kept[oldest]
            only = None if row.aux is None else frozenset(row.aux)
            self._kept[number] = Lane(unpin(row.pinned), Baseline(row.name, row.aux_as_of, only), number)
        return self._kept[number]


def goes_on(connection: sa.Connection, number: int) -> bool:
    """False for a campaign that was cancelled."""
    return connection.scalar(sa.select(t.campaign.c.state).where(t.campaign.c.id == number)) != "cancelled"


def pin(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """The named chains of a file with their task tables, as JSON: a character stands for each byte of a table, whatever
    its encoding is. Raises `ChainError`.
    """
    routes = [route for name in names if (route := Chains.read(path).named(name)) is not None]
    tables = {route.chain.task_table: table_path(route.chain.task_table, path) for route in routes}
    return {
        "chains": [route.chain.model_dump(mode="json") for route in routes],
        "tables": {name: found.read_bytes().decode("latin-1") for name, found in tables.items()},
    }


def unpin(pinned: Mapping[str, Any]) -> Chains:
    """The chains that were pinned, whether they were switched on or not."""
    routes = []
    for stored in pinned["chains"]:
        chain = Chain(**{**stored, "enabled": True})
        routes.append(
            Route(chain, parse_task_table(pinned["tables"][chain.task_table].encode("latin-1"), chain.task_table))
        )
    return Chains(tuple(routes))


def digest_of(pinned: Mapping[str, Any]) -> str:
    """SHA-256 of what is pinned: the same content has the same one."""
    return hashlib.sha256(json.dumps(pinned, sort_keys=True).encode()).hexdigest()
