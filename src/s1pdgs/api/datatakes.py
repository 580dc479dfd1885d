"""The routes of data takes and of the account: what was planned, received and made, completeness and timeliness."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from s1pdgs.api.service import Problem, Service
from s1pdgs.catalogue.takes import Standing
from s1pdgs.catalogue.telling import UnknownDataTake, parse_identifier
from s1pdgs.model.interval import Interval
from s1pdgs.publication import account, figures_text
from s1pdgs.publication.figures import figures
from s1pdgs.triggers.expectations import account as expectations
from s1pdgs.triggers.expectations.text import as_row

_WEEK = timedelta(days=7)
Limit = Annotated[int, Query(ge=1, le=1000)]
Start = Annotated[datetime | None, Query(alias="from")]
Stop = Annotated[datetime | None, Query(alias="to")]


def add(router: APIRouter, service: Service) -> None:
    """Put the routes below `/datatakes` and `/account`."""
    chains, clock = service.planner.chains, service.planner.outbox.clock

    @router.get("/datatakes")
    def list_data_takes(
        state: Standing | None = None, since: datetime | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        """The data takes until now, newest first; `state=planned` tells those to come."""
        with service.database.read() as connection:
            found = expectations.newest(connection, chains, clock.now(), limit, since=_utc(since), standing=state)
        return {"datatakes": [as_row(each) for each in found]}

    @router.get("/datatakes/{identifier}")
    def show_data_take(identifier: str) -> dict[str, Any]:
        """The accounts of a data take (024A10 or S1A-024A10); several where satellites or modes share it."""
        try:
            number, satellite = parse_identifier(identifier)
        except UnknownDataTake as error:
            raise Problem(400, str(error)) from None
        now = clock.now()
        with service.database.read() as connection:
            found = expectations.identified(connection, chains, now, number, satellite)
            told = [account.as_json(connection, each, now) for each in found]
        if not told:
            raise Problem(404, f"nothing is known of data take {identifier}; /datatakes lists all")
        return {"datatakes": told}

    @router.get("/account")
    def tell_account(start: Start = None, stop: Stop = None) -> dict[str, Any]:
        """Completeness and timeliness of the data takes that begin from one moment to another; of the last
        week that has some."""
        now = clock.now()
        try:
            with service.database.read() as connection:
                begin, end = expectations.period(connection, now, _WEEK, _utc(start), _utc(stop))
                if end < begin:
                    raise Problem(400, f"to is {end.isoformat()}, before from, {begin.isoformat()}")
                time = Interval(begin, end)
                counted = figures(connection, expectations.within(connection, chains, now, time), now)
        except expectations.TooManyError as error:
            raise Problem(400, str(error)) from None
        return figures_text.as_json(counted, time)


def _utc(moment: datetime | None) -> datetime | None:
    """A time of a query; without a zone it is UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
