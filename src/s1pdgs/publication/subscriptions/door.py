"""Subscriptions as OData below `/odata/v1/Subscriptions` (peers.md, section 3.3).

Endpoints of others are told only to those who may act: every request passes the guard. Replies hold no login.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from attrs import evolve, field, frozen
from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from s1pdgs.access.guard import Guard, RefusedError
from s1pdgs.bus.courier import Courier
from s1pdgs.model.time import Clock
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.odata.entities import PREFIX, Edm, EntitySet, Property, Shelf, find_one, find_page, shown
from s1pdgs.publication.odata.options import Options, read_options
from s1pdgs.publication.odata.route import VERSION, Addition, AddRoute, bare, reply
from s1pdgs.publication.odata.service import root
from s1pdgs.publication.search import Order
from s1pdgs.publication.subscriptions import lifecycle, queue, staging
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.asked import amended, asked_of
from s1pdgs.publication.subscriptions.model import (
    By,
    Limits,
    NotNow,
    Status,
    SubscriptionError,
    Type,
    UnknownSubscription,
    row_of,
)
from s1pdgs.storage.database import Database

NAME = "Subscriptions"
_ACTIONS = {"Pause": Status.PAUSED, "Resume": Status.RUNNING, "Cancel": Status.CANCELLED}
_MOST_INFO = 1000


@frozen
class Desk:
    """The service over a database; `courier` tells which endpoints may be told, `terms` by what rules what went offline
    is ordered.

    `base_url` is how users reach it (`https://host`); None takes the address that a request came to.
    """

    database: Database
    guard: Guard
    courier: Courier
    clock: Clock
    limits: Limits
    base_url: str | None = None
    terms: Terms = field(factory=Terms)

    @property
    def addition(self) -> Addition:
        """What it adds to the OData service."""
        return Addition((NAME,), self.add)

    @property
    def entities(self) -> EntitySet:
        """Subscriptions with what is shown of them."""
        c = t.subscription.c
        return EntitySet(
            name=NAME,
            source=t.subscription,
            properties=(
                Property("Id", Edm.GUID, c.uuid),
                Property("Status", Edm.ENUM, c.status, members=tuple(Status)),
                Property("SubscriptionType", Edm.ENUM, c.type, members=tuple(Type)),
                Property("SubscriptionEvent", Edm.JSON, show=lambda row: row.events),
                Property("FilterParam", Edm.STRING, c.filter, nullable=True),
                Property("StageOrder", Edm.BOOLEAN, c.stage_order),
                Property("Priority", Edm.INTEGER, c.priority),
                Property("NotificationEndpoint", Edm.STRING, c.endpoint, nullable=True),
                Property("SubmissionDate", Edm.TIME, c.submitted_at),
                Property("LastNotificationDate", Edm.TIME, c.last_notified_at, nullable=True),
                Property("CurrentQueueLength", Edm.INTEGER, c.queued),
                Property("MaxQueueLength", Edm.JSON, show=lambda _: self.limits.queue_length),
            ),
            number=c.id,
            order=(Order("SubmissionDate"),),
            extra=(c.events,),
        )

    def add(self, add: AddRoute) -> None:
        """Put the routes on a service."""
        one = f"/{NAME}({{key}})"
        add(f"/{NAME}/Info", self.info)
        Shelf(self.entities, self.database, self.base_url, only=self._all).add(add)
        add(f"/{NAME}", self.create, "POST")
        add(one, self.change, "PATCH")
        add(one, self.remove, "DELETE")
        add(f"{one}/Read", self.read)
        add(f"{one}/Ack", self.acknowledge, "POST")
        for name, status in _ACTIONS.items():
            add(f"{one}/OData.CSC.{name}", self._action(status), "POST")

    async def create(self, request: Request) -> Response:
        """Subscribe."""
        by = self._admitted(request)
        return await run_in_threadpool(self._create, request, by, await request.body())

    def _create(self, request: Request, by: By, text: bytes) -> Response:
        with _told(), self.database.write() as connection:
            now = self.clock.now()  # others wrote while this one waited: what they published is older
            uuid = lifecycle.subscribe(connection, self.limits, asked_of(text, self.courier), evolve(by, at=now))
            body = self._entity(connection, uuid)
        place = f"{root(request, self.base_url, PREFIX)}/{NAME}({uuid})"
        return reply(body, 201, {"Location": place})

    async def change(self, request: Request, key: str) -> Response:
        """Change properties of a subscription, or its status."""
        by = self._admitted(request)
        return await run_in_threadpool(self._change, by, bare(key), await request.body())

    def _change(self, by: By, uuid: str, text: bytes) -> Response:
        with _told(), self.database.write() as connection:
            wanted = amended(lifecycle.asked_of_row(row_of(connection, uuid)), text, self.courier)
            lifecycle.change(connection, self.limits, uuid, wanted, by)
            return reply(self._entity(connection, uuid))

    def remove(self, request: Request, key: str) -> Response:
        """Delete a subscription with its queue."""
        by = self._admitted(request)
        with _told(), self.database.write() as connection:
            lifecycle.remove(connection, bare(key), by)
        return Response(status_code=204, headers=VERSION)

    def _action(self, status: Status) -> Callable[[Request, str], Response]:
        def act(request: Request, key: str) -> Response:
            by = self._admitted(request)
            with _told(), self.database.write() as connection:
                lifecycle.set_status(connection, self.limits, bare(key), status, by)
                return reply(self._entity(connection, bare(key)))

        act.__doc__ = f"Let a subscription be {status}."
        return act

    def info(self, request: Request) -> Response:
        """All subscriptions in one list, as clients of CDSE ask for them."""
        self._admitted(request)
        read_options(request.query_params.multi_items(), ["$format"])
        entities = self.entities
        with self.database.read() as connection:
            page = find_page(connection, entities, self._whole)
            return JSONResponse(shown(connection, entities, page.rows, self._whole), headers=VERSION)

    def read(self, request: Request, key: str) -> Response:
        """The oldest notifications of a pull subscription; reading takes none, and orders what went offline."""
        self._admitted(request)
        options = read_options(request.query_params.multi_items(), ["$top", "$format"])
        top = options.top if "$top" in options.given else queue.MOST_READ
        if top > queue.MOST_READ:
            raise QueryError(f"$top is {top}; at most {queue.MOST_READ} notifications are read at once")
        with _told(), self.database.read() as connection:
            told = queue.read(connection, bare(key), top)
            numbers = [int(one["AckId"]) for one in told]
            is_offline = bool(staging.offline(connection, numbers))
        if is_offline:
            with self.database.write() as connection:
                staging.stage(connection, self.terms, numbers, self.clock.now())
        return JSONResponse(told, headers=VERSION)

    def acknowledge(self, request: Request, key: str) -> Response:
        """Take a notification and all older ones out of the queue."""
        by = self._admitted(request)
        given = read_options(request.query_params.multi_items(), ["$ackid", "$format"]).given
        if "$ackid" not in given:
            raise QueryError("$ackid is missing: the AckId of the newest notification that is confirmed")
        with _told(), self.database.write() as connection:
            done = queue.acknowledge(connection, bare(key), given["$ackid"], by.at)
        lengths = {"CurrentQueueLength": done.left, "MaxQueueLength": self.limits.queue_length}
        return reply({"AckMessagesNum": done.taken, **lengths})

    def _admitted(self, request: Request) -> By:
        try:
            self.guard.admit_program(request)
        except RefusedError as error:
            raise HTTPException(403, str(error)) from None
        return By(f"OData at {'?' if request.client is None else request.client.host}", self.clock.now())

    def _all(self, request: Request) -> sa.ColumnElement[bool]:
        """Who may act sees all subscriptions, the others none."""
        self._admitted(request)
        return sa.true()

    @property
    def _whole(self) -> Options:
        offer = self.entities.offer
        return Options(given={}, order=offer.order, top=_MOST_INFO, select=frozenset(offer.selectable))

    def _entity(self, connection: sa.Connection, uuid: str) -> dict[str, Any]:
        (entity,) = shown(connection, self.entities, [find_one(connection, self.entities, uuid)], self._whole)
        return {"@odata.context": f"$metadata#{NAME}/$entity", **entity}


@contextmanager
def _told() -> Iterator[None]:
    """Within the block what is wrong with a subscription becomes an answer of OData."""
    try:
        yield
    except SubscriptionError as error:
        raise QueryError(str(error)) from None
    except UnknownSubscription as error:
        raise HTTPException(404, str(error)) from None
    except NotNow as error:
        raise HTTPException(409, str(error)) from None
