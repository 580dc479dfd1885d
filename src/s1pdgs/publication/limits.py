"""Bounds of what a request may bring, of what a query may ask, and of how long it may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from s1pdgs.publication.errors import QueryError, SlowQueryError
from s1pdgs.publication.predicate import Membership, Predicate, terms
from s1pdgs.storage.database import Database
from s1pdgs.storage.postgres import send_ahead

MAX_BODY_BYTES = 1024 * 1024
MAX_TERMS = 5000
LONGEST_S = 20.0
_STEPS = 50_000  # of SQLite's machine between two looks at the clock, less than a millisecond
_CANCELLED = "57014"


class BodyLimit:
    """Middleware that ends requests with bodies of more than `MAX_BODY_BYTES` (413), announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
            return message

        await self.app(scope, counted, send)


def check_size(predicate: Predicate) -> None:
    """`QueryError` for a predicate of more terms than databases take in one query."""
    size = sum(1 + (len(term.options) if isinstance(term, Membership) else 0) for term in terms(predicate))
    if size > MAX_TERMS:
        raise QueryError(f"the query has {size} conditions and values; at most {MAX_TERMS} are accepted")


@contextmanager
def bounded(database: Database) -> Iterator[sa.Connection]:
    """A snapshot for reading within a bounded time; `SlowQueryError` when it is over."""
    with database.read() as connection:
        try:
            if connection.dialect.name == "sqlite":
                with _watched(connection.connection.driver_connection):
                    yield connection
            else:
                send_ahead(connection, f"SET LOCAL statement_timeout = {LONGEST_S * 1e3:.0f}")
                yield connection
        except sa.exc.DBAPIError as error:
            if not _is_stopped(error):
                raise
            raise SlowQueryError(
                f"the query took longer than {LONGEST_S:g} s and was stopped; narrow it by type, time, area or name, "
                "and leave out $count"
            ) from None


@contextmanager
def _watched(driver: Any) -> Iterator[None]:
    end = time.monotonic() + LONGEST_S
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _is_stopped(error: sa.exc.DBAPIError) -> bool:
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return told == "interrupted" or (isinstance(told, dict) and told.get("C") == _CANCELLED)
