"""The words of subscriptions: types, states, events, bounds, and what can be wrong."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.publication.subscriptions import tables as t


class Type(StrEnum):
    """How a subscription tells: the service posts to an endpoint, or the user reads and acknowledges."""

    PUSH = "push"
    PULL = "pull"


class Status(StrEnum):
    """`running <-> paused -> cancelled`. A paused one collects, and tells when it is resumed."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Happening(StrEnum):
    """What happens to published products: they appear, have a newer version or are here again, and go."""

    CREATED = "created"
    MODIFIED = "modified"
    DELETED = "deleted"


class NotificationState(StrEnum):
    """`queued -> told | dead | dropped`; dead are those that an endpoint never took: they may be queued again."""

    QUEUED = "queued"
    TOLD = "told"
    DEAD = "dead"
    DROPPED = "dropped"


class SubscriptionError(ValueError):
    """A subscription that cannot be; the message names the property and the remedy."""


class UnknownSubscription(LookupError):  # noqa: N818
    """There is no subscription of this identifier, or no such notification in its queue."""


class NotNow(RuntimeError):  # noqa: N818
    """The subscription is in no state for it, or its owner has too many; the message says what would help."""


@frozen
class By:
    """Who acts, and by which door, and when."""

    who: str
    at: datetime


@frozen
class Limits:
    """Bounds: notifications in a queue, how long the product stays in them, subscriptions of one owner that run and
    that are not cancelled, and how long is kept what has ended.
    """

    queue_length: int = 100_000
    keep_value_s: float = 259_200.0
    running: int = 2
    all: int = 10
    keep_s: float = 604_800.0


ACTIVE: Sequence[Status] = (Status.RUNNING, Status.PAUSED)


def row_of(connection: sa.Connection, uuid: str) -> sa.Row[Any]:
    """The row of a subscription; `UnknownSubscription`."""
    row = None
    with suppress(ValueError):
        known = sa.select(t.subscription).where(t.subscription.c.uuid == str(UUID(uuid)))
        row = connection.execute(known).first()
    if row is None:
        raise UnknownSubscription(f"there is no subscription {uuid[:100]!r}")
    return row


def subject_of(uuid: str) -> str:
    """What notices of a subscription are about."""
    return f"subscription-{uuid}"
