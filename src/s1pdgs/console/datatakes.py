"""The pages of data takes and of the account: planned, received, made, missing and why, complete and in time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from attrs import frozen
from fastapi import APIRouter
from fastapi.responses import Response

from s1pdgs.catalogue.datatakes import account_numbered
from s1pdgs.catalogue.takes import Standing
from s1pdgs.catalogue.telling import UnknownDataTake, parse_identifier
from s1pdgs.console import pages, timeline
from s1pdgs.console.strips import Strip, strips
from s1pdgs.console.timeline import DataTakeView
from s1pdgs.console.web import Console, NotHere
from s1pdgs.model.interval import Interval
from s1pdgs.publication.account import remarks, report_of
from s1pdgs.publication.figures import deliveries, figures
from s1pdgs.publication.figures_text import total
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.expectations import account as expectations
from s1pdgs.triggers.expectations.fates import Expectations
from s1pdgs.triggers.expectations.text import Remark, planned_word, summary

SHOWN = 40
_DAY = timedelta(days=1)


@frozen
class TakeView:
    """A data take with its strips, and with the bars of its packets where a report tells of them."""

    account: Expectations
    strips: tuple[Strip, ...]
    report: DataTakeView | None

    @property
    def summary(self) -> str:
        return summary(self.account)

    @property
    def planned(self) -> str | None:
        return planned_word(self.account.take)

    @property
    def path(self) -> str:
        """Its page: by the number of its account, or by its name while no report tells of it."""
        brief = self.account.take.account
        return f"/datatakes/{self.account.take.name if brief is None else brief.number}"


def data_take_pages(chains: Chains) -> Callable[[APIRouter, Console], None]:
    """What puts the pages on a router."""

    def add(router: APIRouter, console: Console) -> None:
        templates, clock = console.templates, console.clock

        @router.get("/datatakes")
        def data_takes_page(state: str = "") -> Response:
            standing = next((each for each in Standing if each == state), None)
            with console.database.read() as connection:
                found = expectations.newest(connection, chains, clock.now(), SHOWN, standing=standing)
                views = [_view(connection, account) for account in found]
            return pages.page(templates, "datatakes.html", clock.now(), views=views, state=standing or "")

        @router.get("/datatakes/{identifier}")
        def data_take_page(identifier: str) -> Response:
            now = clock.now()
            with console.database.read() as connection:
                found = _found(connection, chains, now, identifier)
                shown = [(_view(connection, each), _remark(connection, each, now)) for each in found]
            return pages.page(templates, "datatake.html", now, shown=shown)

        @router.get("/account")
        def account_page(start: str = "", stop: str = "") -> Response:
            now = clock.now()
            with console.database.read() as connection:
                begin, end = expectations.period(connection, now, _DAY, _moment(start), _moment(stop))
                time = Interval(min(begin, end), end)
                try:
                    counted = figures(connection, expectations.within(connection, chains, now, time), now)
                except expectations.TooManyError as error:
                    raise NotHere(str(error)) from None
            return pages.page(templates, "account.html", now, figures=counted, total=total(counted), time=time)

    return add


def _view(connection: sa.Connection, account: Expectations) -> TakeView:
    report = report_of(connection, account)
    return TakeView(account, strips(account), None if report is None else timeline.view(report, account.take.whole))


def _remark(connection: sa.Connection, account: Expectations, now: datetime) -> Remark:
    return remarks(deliveries(connection, account.expected, now), now)


def _found(connection: sa.Connection, chains: Chains, now: datetime, identifier: str) -> list[Expectations]:
    """The account of a number, or those of a data take by its name (S1A-053C1A)."""
    if identifier.isascii() and identifier.isdigit():
        account = account_numbered(connection, int(identifier)) if len(identifier) < 18 else None
        if account is None:
            raise NotHere(f"there is no account {identifier} of a data take")
        brief = account.brief
        found = expectations.identified(connection, chains, now, brief.datatake, brief.satellite)
        return [each for each in found if each.take.account is not None and each.take.account.number == brief.number]
    try:
        number, satellite = parse_identifier(identifier)
    except UnknownDataTake as error:
        raise NotHere(str(error)) from None
    found = expectations.identified(connection, chains, now, number, satellite)
    if not found:
        raise NotHere(f"nothing is known of data take {identifier}")
    return found


def _moment(text: str) -> datetime | None:
    """A time of a form, UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
