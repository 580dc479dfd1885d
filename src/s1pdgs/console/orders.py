"""The pages of orders, wishes and campaigns: lists, one of each with why and how far, and what operators do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from attrs import frozen
from fastapi import APIRouter, Request
from fastapi.responses import Response

from s1pdgs.console import pages
from s1pdgs.console.web import Console, NotHere, Text, acted
from s1pdgs.jobs.listing import Selection, select_jobs
from s1pdgs.model.job import OrderState
from s1pdgs.triggers import orders
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns import report as campaign_report
from s1pdgs.triggers.campaigns.campaign import Action, Campaign, UnknownCampaign
from s1pdgs.triggers.campaigns.progress import Fate, Progress, progress
from s1pdgs.triggers.explain.inquiry import inquire
from s1pdgs.triggers.explain.text import as_lines
from s1pdgs.triggers.listing import ListedOrder, newest_orders, order_details
from s1pdgs.triggers.orders import Planner, UnknownOrder
from s1pdgs.triggers.wanted import status as wanted_status
from s1pdgs.triggers.wanted import text as wanted_text
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.status import UnknownWish

_PAGE = 100
_OPEN = (OrderState.WAITING, OrderState.PLANNED)
_ENDED_BADLY = (OrderState.DROPPED, OrderState.EXPIRED, OrderState.REFUSED)


def order_pages(planner: Planner) -> Callable[[APIRouter, Console], None]:
    """What puts the pages on the console's router."""

    def add(router: APIRouter, console: Console) -> None:
        _add_orders(router, console, planner)
        _add_wishes(router, console, planner)
        _add_campaigns(router, console, planner)

    return add


@contextmanager
def _known() -> Iterator[None]:
    """Within the block an order, wish or campaign that does not exist is a page that says so."""
    try:
        yield
    except (UnknownOrder, UnknownWish, UnknownCampaign) as error:
        raise NotHere(str(error)) from None


@frozen
class Filter:
    """Which orders are shown."""

    state: str = ""
    chain: str = ""
    campaign: str = ""
    before: int | None = None

    def behind(self, last: int) -> str:
        """The query of the page that follows an order."""
        told = {"state": self.state, "chain": self.chain, "campaign": self.campaign, "before": last}
        return urlencode({name: value for name, value in told.items() if value})


def _add_orders(router: APIRouter, console: Console, planner: Planner) -> None:
    templates, clock = console.templates, console.clock

    @router.get("/orders")
    def orders_page(state: str = "", chain: str = "", campaign: str = "", before: int | None = None) -> Response:
        wanted = Filter(state if state in list(OrderState) else "", chain, campaign, before)
        with _known(), console.database.read() as connection:
            number = campaigns.find(connection, campaign).number if campaign else 0
            found = newest_orders(
                connection, _PAGE, wanted.state or None, chain=chain or None, campaign=number, before=before
            )
            names = [each.plan.name for each in campaigns.newest(connection, _PAGE)]
        chains = [route.name for route in planner.chains.routes]
        return pages.page(
            templates, "orders.html", clock.now(), orders=found, wanted=wanted, chains=chains, campaigns=names,
            states=list(OrderState), following=_following(wanted, found),
        )  # fmt: skip

    @router.get("/orders/{number}")
    def order_page(number: int) -> Response:
        with _known(), console.database.read() as connection:
            inquiry = inquire(planner, connection, number)
            details = order_details(connection, number)
            jobs = select_jobs(connection, Selection(order=number), _PAGE)
        state = inquiry.explanation.state
        return pages.page(
            templates, "order.html", clock.now(), order=details, told=inquiry.explanation, why=as_lines(inquiry),
            jobs=jobs, asks_for_key=console.guard.asks_for_key, may_drop=state in _OPEN,
            may_release=state is OrderState.WAITING or (state in _ENDED_BADLY and not jobs),
        )  # fmt: skip

    @router.post("/orders/{number}/release")
    def release(request: Request, number: int, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _known(), console.database.write() as connection:
            done = orders.release(planner, connection, number)
        return acted(
            f"/orders/{number}", "order released", done, f"order {number} lacks what it must have", order=number
        )

    @router.post("/orders/{number}/drop")
    def drop(request: Request, number: int, key: Text = "", reason: Text = "") -> Response:
        console.guard.admit(request, key)
        why = reason.strip() or "dropped by an operator"
        with _known(), console.database.write() as connection:
            done = orders.drop(connection, number, why, clock.now())
        return acted(f"/orders/{number}", "order dropped", done, f"order {number} has ended already", order=number)


def _following(wanted: Filter, found: list[ListedOrder]) -> str | None:
    return wanted.behind(found[-1].number) if len(found) == _PAGE else None


def _add_wishes(router: APIRouter, console: Console, planner: Planner) -> None:
    templates, clock = console.templates, console.clock

    @router.get("/wishes")
    def wishes_page() -> Response:
        with console.database.read() as connection:
            wishes = wanted_status.newest(connection, _PAGE)
        rows = [(each, wanted_text.as_row(each, clock.now())) for each in wishes]
        return pages.page(templates, "wishes.html", clock.now(), rows=rows)

    @router.get("/wishes/{number}")
    def wish_page(number: int) -> Response:
        with _known(), console.database.read() as connection:
            wish = wanted_status.status(connection, number)
        key = console.guard.asks_for_key
        return pages.page(
            templates, "wish.html", clock.now(), wish=wish, late=wish.is_late(clock.now()), asks_for_key=key
        )

    @router.post("/wishes/{number}/cancel")
    def cancel(request: Request, number: int, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _known(), console.database.write() as connection:
            done = wanted_wish.cancel(planner, connection, number)
        return acted(f"/wishes/{number}", "wish cancelled", done, f"wish {number} has ended already", wish=number)

    @router.post("/wishes/{number}/tell")
    def tell(request: Request, number: int, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _known(), console.database.write() as connection:
            done = wanted_wish.tell_again(connection, number, clock.now())
        return acted(f"/wishes/{number}", "notices sent again", done, "no notice was given up", wish=number)


@frozen
class CampaignView:
    """A campaign with its progress; `shares` are the parts of its units by fate, each with where it begins, of 1."""

    campaign: Campaign
    told: Progress

    @property
    def shares(self) -> list[tuple[str, float, float]]:
        begin, parts = 0.0, []
        for fate in (Fate.DONE, Fate.FAILED, Fate.EXCLUDED, Fate.RUNNING, Fate.PENDING):
            share = self.told.counts[fate] / max(self.told.total, 1)
            parts.append((str(fate), begin, share))
            begin += share
        return parts


def _add_campaigns(router: APIRouter, console: Console, planner: Planner) -> None:
    templates, clock = console.templates, console.clock

    @router.get("/campaigns")
    def campaigns_page() -> Response:
        with console.database.read() as connection:
            found = campaigns.newest(connection, _PAGE)
            views = [CampaignView(each, progress(connection, each, clock.now())) for each in found]
        return pages.page(templates, "campaigns.html", clock.now(), views=views, fates=list(Fate))

    @router.get("/campaigns/{name}")
    def campaign_page(name: str) -> Response:
        with _known(), console.database.read() as connection:
            campaign = campaigns.find(connection, name)
            view = CampaignView(campaign, progress(connection, campaign, clock.now()))
        about = list(campaign_report.summary(view.campaign, view.told))[1:]
        return pages.page(
            templates, "campaign.html", clock.now(), view=view, about=about, fates=list(Fate),
            asks_for_key=console.guard.asks_for_key,
        )  # fmt: skip

    @router.post("/campaigns/{name}/{action}")
    def act(request: Request, name: str, action: Action, key: Text = "") -> Response:
        console.guard.admit(request, key)
        with _known(), console.database.write() as connection:
            done = campaigns.act(planner, connection, name, action)
        return acted(f"/campaigns/{name}", f"campaign: {action}", done, action.lack(name), campaign=name)
