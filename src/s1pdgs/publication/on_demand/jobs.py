"""The list of jobs of OGC API Processes, with the parameters of the standard (OGC 18-062r2, section 11)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from s1pdgs.model.time import FAR_FUTURE, UNIX_EPOCH, micros, parse_utc
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.on_demand.documents import JOB_STATUS
from s1pdgs.publication.on_demand.tables import demand as table
from s1pdgs.publication.predicate import checked_text

_OPEN = ("", "..")
_Seconds = Annotated[int, Field(ge=0, le=10**9)]
_Words = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)]


class Asked(BaseModel):
    """A page of jobs; what is not named does not select. Durations are seconds since the job began."""

    type: list[Literal["process"]] = []
    process: _Words = Field([], alias="processID")
    status: list[Literal["accepted", "running", "successful", "failed", "dismissed"]] = []
    created: str | None = Field(None, alias="datetime", max_length=100)
    least_s: _Seconds | None = Field(None, alias="minDuration")
    most_s: _Seconds | None = Field(None, alias="maxDuration")
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=0, le=2**62)


def page(connection: sa.Connection, asked: Asked, now: datetime) -> tuple[Sequence[sa.Row[Any]], int | None]:
    """Jobs, newest first, and the `before` of the page that follows; None on the last one. Raises `QueryError`."""
    query = sa.select(table).where(*_conditions(asked, now)).order_by(table.c.id.desc())
    rows = connection.execute(query.limit(asked.limit + 1)).all()
    shown = rows[: asked.limit]
    return shown, shown[-1].id if len(rows) > asked.limit else None


def _conditions(asked: Asked, now: datetime) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if asked.process:
        found.append(table.c.workflow.in_([checked_text(name) for name in asked.process]))
    if asked.status:
        found.append(table.c.status.in_([ours for ours, theirs in JOB_STATUS.items() if theirs in asked.status]))
    if asked.created is not None:
        found.append(table.c.submitted_at.between(*_span(asked.created)))
    if asked.before is not None:
        found.append(table.c.id < asked.before)
    begun, ended = (sa.type_coerce(column, sa.BigInteger) for column in (table.c.started_at, table.c.ended_at))
    lasted = sa.func.coalesce(ended, micros(now)) - begun
    if asked.least_s is not None:
        found.append(lasted >= asked.least_s * 1_000_000)
    if asked.most_s is not None:
        found.append(lasted <= asked.most_s * 1_000_000)
    return found


def _span(text: str) -> tuple[datetime, datetime]:
    """A time, or an interval whose ends may be open (RFC 3339 and `..`)."""
    start, slash, stop = text.partition("/")
    try:
        first = UNIX_EPOCH if slash and start in _OPEN else parse_utc(start)
        last = FAR_FUTURE if slash and stop in _OPEN else parse_utc(stop if slash else start)
    except (ValueError, OverflowError):
        raise QueryError(f"datetime is {text[:60]!r}; write 2026-01-05T08:00:00Z or 2026-01-05T08:00:00Z/..") from None
    return first, last
