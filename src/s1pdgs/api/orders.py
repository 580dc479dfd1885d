"""The routes of orders and wishes: order products, look at orders and ask why, release and drop them, follow wishes."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from s1pdgs.api.service import Problem, Service
from s1pdgs.model.job import OrderState
from s1pdgs.triggers import orders
from s1pdgs.triggers.campaigns import campaign as campaigns
from s1pdgs.triggers.campaigns.campaign import UnknownCampaign
from s1pdgs.triggers.explain.inquiry import explain, inquire
from s1pdgs.triggers.explain.text import to_json
from s1pdgs.triggers.listing import newest_orders, order_details, order_row
from s1pdgs.triggers.orders import UnknownOrder
from s1pdgs.triggers.wanted import status as wanted_status
from s1pdgs.triggers.wanted import text as wanted_text
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import MOST, Time, asked_of
from s1pdgs.triggers.wanted.sources import WantedError
from s1pdgs.triggers.wanted.status import UnknownWish

Told = TypeVar("Told")


class Page(BaseModel):
    """A page of orders; what is not named does not select. Orders of campaigns are told by their campaign only."""

    model_config = ConfigDict(extra="forbid")

    state: OrderState | None = None
    chain: str | None = None
    campaign: str | None = None
    before: int | None = None
    limit: int = Field(100, ge=1, le=1000)


class Why(BaseModel):
    """The body of a drop."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("dropped by an operator", max_length=2000)


def add(router: APIRouter, service: Service) -> None:
    """Put the routes below `/orders` and `/wishes`."""
    _add_orders(router, service)
    _add_acts(router, service)
    _add_wishes(router, service)


def known(look: Callable[[], Told]) -> Told:
    """What a look gives; `Problem` 404 when there is no such order, wish or campaign."""
    try:
        return look()
    except (UnknownOrder, UnknownWish, UnknownCampaign) as error:
        raise Problem(404, str(error)) from None


def _add_orders(router: APIRouter, service: Service) -> None:
    @router.get("/orders")
    def list_orders(page: Annotated[Page, Query()]) -> dict[str, Any]:
        """Orders, newest first; `next` is the `before` of the following page."""
        with service.database.read() as connection:
            name = page.campaign
            campaign = 0 if name is None else known(lambda: campaigns.find(connection, name)).number
            found = newest_orders(
                connection, page.limit, page.state, chain=page.chain, campaign=campaign, before=page.before
            )
        return {
            "orders": [order_row(order) for order in found],
            "next": found[-1].number if len(found) == page.limit else None,
        }

    @router.get("/orders/{number}")
    def show(number: int) -> dict[str, Any]:
        """All that is known of an order, and where it is in words."""
        with service.database.read() as connection:
            told = known(lambda: explain(connection, number))
            return {**order_details(connection, number), "summary": told.summary, "next": told.next_step}

    @router.get("/orders/{number}/explain")
    def why(number: int, as_of: Annotated[Time | None, Query()] = None) -> dict[str, Any]:
        """Why an order is where it is: open needs, every candidate and why it was refused, deadlines."""
        with service.database.read() as connection:
            return to_json(known(lambda: inquire(service.planner, connection, number, as_of)))


def _add_acts(router: APIRouter, service: Service) -> None:
    planner = service.planner

    @router.post("/orders", status_code=201)
    def place(request: Request, words: dict[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Order products: one wish, or several as `wishes`, all of them or none; what was done for each."""
        service.admit(request)
        wishes = words.get("wishes") if set(words) == {"wishes"} else [words]
        if not isinstance(wishes, list) or not 0 < len(wishes) <= MOST or not all(isinstance(w, dict) for w in wishes):
            raise Problem(400, f"wishes: a list of 1 to {MOST} wishes is wanted")
        try:
            several = len(wishes) > 1
            asked = [asked_of(each, f"wish {n}" if several else "") for n, each in enumerate(wishes, start=1)]
            with service.database.read() if dry_run else service.database.write() as connection:
                placed = [
                    wanted_wish.place(planner, connection, each, service.courier, dry_run=dry_run) for each in asked
                ]
                steps = [wanted_text.rows_of(connection, each) for each in placed]
        except WantedError as error:
            raise Problem(400, str(error)) from None
        return {"wishes": [{"wish": one.wish, "steps": rows} for one, rows in zip(placed, steps, strict=True)]}

    @router.post("/orders/{number}/release")
    def release(request: Request, number: int) -> dict[str, Any]:
        """Let an order go on with gaps and without its optional inputs; where it is then."""
        service.admit(request)
        with service.database.write() as connection:
            has_job = known(lambda: orders.release(planner, connection, number))
            told = explain(connection, number)
        return {"order": number, "has_job": has_job, "state": told.state, "summary": told.summary}

    @router.post("/orders/{number}/drop")
    def drop(request: Request, number: int, why: Why | None = None) -> dict[str, Any]:
        """Give an order up, with its job."""
        service.admit(request)
        reason = (why or Why()).reason  # type: ignore[call-arg]
        with service.database.write() as connection:
            if not known(lambda: orders.drop(connection, number, reason, planner.outbox.clock.now())):
                raise Problem(409, f"order {number} has ended already")
        return {"order": number, "state": OrderState.DROPPED}


def _add_wishes(router: APIRouter, service: Service) -> None:
    clock = service.planner.outbox.clock

    @router.get("/wishes")
    def list_wishes(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """What was ordered by hand, newest first."""
        with service.database.read() as connection:
            found = wanted_status.newest(connection, limit)
        return {"wishes": [wanted_text.as_row(told, clock.now()) for told in found]}

    @router.get("/wishes/{number}")
    def show(number: int) -> dict[str, Any]:
        """How the orders of a wish go and what they made."""
        with service.database.read() as connection:
            return wanted_status.to_json(known(lambda: wanted_status.status(connection, number)))

    @router.post("/wishes/{number}/cancel")
    def cancel(request: Request, number: int) -> dict[str, Any]:
        """Give a wish up, with the orders that only it caused."""
        service.admit(request)
        with service.database.write() as connection:
            if not known(lambda: wanted_wish.cancel(service.planner, connection, number)):
                raise Problem(409, f"wish {number} has ended already")
            return wanted_status.to_json(wanted_status.status(connection, number))

    @router.post("/wishes/{number}/tell")
    def tell(request: Request, number: int) -> dict[str, Any]:
        """Send the notices of a wish that were given up once more."""
        service.admit(request)
        with service.database.write() as connection:
            if not known(lambda: wanted_wish.tell_again(connection, number, clock.now())):
                raise Problem(409, f"no notice of wish {number} was given up")
            return wanted_status.to_json(wanted_status.status(connection, number))
