"""A desk at which subscriptions are made, over a ground segment whose products are tiny and published for real."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from attrs import define, evolve, field, frozen

from s1pdgs.bus.courier import Courier
from s1pdgs.bus.events import AnyEvent, ProductEvicted, ProductRestored
from s1pdgs.bus.notices import send_due
from s1pdgs.bus.outbox import Subscriber, deliver
from s1pdgs.bus.tables import login
from s1pdgs.publication.subscriptions import queue
from s1pdgs.publication.subscriptions import tables as t
from s1pdgs.publication.subscriptions.asked import asked_of
from s1pdgs.publication.subscriptions.consumer import subscriber
from s1pdgs.publication.subscriptions.lifecycle import set_status, subscribe
from s1pdgs.publication.subscriptions.model import By, Limits, Status, row_of
from s1pdgs.storage.database import Database
from tests.unit.publication.conftest import NOON, Segment, product_name, square, store_product

SECRET = b"between us"
OWNER = "the tests"


@frozen
class Desk:
    """What a test does with subscriptions."""

    segment: Segment
    courier: Courier = field(factory=lambda: Courier(secret=SECRET, max_attempts=2))
    limits: Limits = field(factory=Limits)

    @property
    def database(self) -> Database:
        return self.segment.database

    @property
    def by(self) -> By:
        return By(OWNER, self.segment.clock.now())

    def with_limits(self, **limits: Any) -> "Desk":
        return evolve(self, limits=evolve(self.limits, **limits))

    def subscribe(self, kind: str = "pull", **body: Any) -> str:
        asked = asked_of(json.dumps({"SubscriptionType": kind, **body}).encode(), self.courier)
        with self.database.write() as connection:
            return subscribe(connection, self.limits, asked, self.by)

    def to(self, subscription: str, status: Status) -> bool:
        with self.database.write() as connection:
            return set_status(connection, self.limits, subscription, status, self.by)

    def publish(self, number: int = 0, *, version: int = 0, kind: str = "IW_SLC__1S", shift_s: float = 0.0) -> str:
        """A product, published; another version has the same slice and another name."""
        start = NOON + timedelta(minutes=number, seconds=shift_s)
        product = store_product(
            self.segment.store,
            product_name("S1A", f"{kind}DV", start, 10 * number + version),
            kind,
            start=start,
            ring=square(10, 45),
            attributes={"datatakeID": 77, "sliceNumber": number, "polarisationChannels": "VV&VH"},
            quicklook=False,
        )
        self.segment.publish(product)
        return product.name

    def emit(self, event: AnyEvent) -> None:
        with self.database.write() as connection:
            self.segment.outbox.emit(connection, event)

    def evict(self, name: str) -> None:
        self.emit(ProductEvicted(name))

    def restore(self, name: str) -> None:
        self.emit(ProductRestored(name))

    @property
    def consumer(self) -> Subscriber:
        return subscriber(self.segment.clock, self.limits)

    def deliver(self) -> int:
        return deliver(self.database, self.consumer)

    def push(self) -> bool:
        """One turn of the courier, as the role makes it."""
        return queue.push_step(self.database, self.segment.clock) | send_due(
            self.database, self.courier, self.segment.clock
        )

    def read(self, subscription: str, top: int = 20) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return queue.read(connection, subscription, top)

    def told(self, subscription: str, top: int = 20) -> list[tuple[str, str]]:
        """What a queue tells: event and product."""
        return [(one["SubscriptionEvent"], one["ProductName"]) for one in self.read(subscription, top)]

    def row(self, subscription: str) -> Any:
        with self.database.read() as connection:
            return row_of(connection, subscription)

    def logins(self) -> int:
        """How many logins of endpoints are kept."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(login)) or 0

    def states(self) -> list[str]:
        """The states of all notifications, oldest first."""
        with self.database.read() as connection:
            return list(connection.scalars(sa.select(t.notification.c.state).order_by(t.notification.c.id)))


@pytest.fixture
def desk(segment: Segment) -> Desk:
    return Desk(segment)


class DiedError(Exception):
    """The process ended here."""


@contextmanager
def dying_at(desk: Desk, statement: int) -> Iterator[None]:
    """Within the block the process dies before it has run more than so many statements."""
    ran = 0

    def note(*_: Any) -> None:
        nonlocal ran
        ran += 1
        if ran > statement:
            raise DiedError

    sa.event.listen(desk.database.engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        sa.event.remove(desk.database.engine, "before_cursor_execute", note)


@define
class Endpoint:
    """A server of a subscriber that answers as told, when its gate is open, and keeps what it was sent."""

    url: str
    answers: list[int] = field(factory=list)
    bodies: list[dict[str, Any]] = field(factory=list)
    raw: list[bytes] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    gate: threading.Event = field(factory=threading.Event)
    came: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))

    def told(self) -> list[tuple[str, str]]:
        return [(one["SubscriptionEvent"], one["ProductName"]) for one in self.bodies]


@contextmanager
def listening() -> Iterator[Endpoint]:
    kept = Endpoint("")
    kept.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.raw.append(body)
            kept.bodies.append(json.loads(body))
            kept.headers.append(dict(self.headers))
            kept.came.release()
            assert kept.gate.wait(60)
            self.send_response(kept.answers.pop(0) if kept.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/told"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as kept:
        yield kept
