"""Waiting for a database that is away: what has taken hours is not given up for a restart of the server."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE_S = 300.0
_REST_S, _LONGEST_REST_S = 0.25, 5.0
_AWAY = ("08", "53", "57P", "25P03")
"""SQLSTATE classes of PostgreSQL: connections, resources, shutdown and start; and a transaction that idled too long."""


def patiently(act: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """What `act` gives, begun again after a rest while the database is away; its error when that lasts for too long.

    `act` must bear to be done twice: a commit whose answer was lost has taken effect.
    """
    deadline_s, rest_s = time.monotonic() + patience_s, _REST_S
    while True:
        try:
            return act()
        except sa.exc.DBAPIError as error:
            if not is_away(error) or time.monotonic() + rest_s > deadline_s:
                raise
            log.warning("the database is away, tried again in %g s: %s", rest_s, error.orig)
        time.sleep(rest_s)
        rest_s = min(2 * rest_s, _LONGEST_REST_S)


def is_away(error: sa.exc.DBAPIError) -> bool:
    """True when the same statement may succeed later: no connection, a server that stops or starts, a locked file."""
    if error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return True
    told = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return isinstance(told, dict) and str(told.get("C")).startswith(_AWAY)
