"""Wakes the loops of this process when news was committed, so that none of them has to look all the time."""

import threading

import sqlalchemy as sa
from attrs import define, field

_NEWS = "s1pdgs news"


def announce(connection: sa.Connection) -> None:
    """The open transaction holds news: the bell of its database rings when it is committed."""
    connection.info[_NEWS] = True


def take_news(connection: sa.Connection) -> bool:
    """Whether the last transaction of a connection held news; it is forgotten."""
    return bool(connection.info.pop(_NEWS, False))


@define
class Bell:
    """Counts how often it rang: who remembers the count before looking misses nothing that comes while he looks."""

    _count: int = field(default=0, init=False)
    _rings: threading.Condition = field(factory=threading.Condition, init=False)

    @property
    def count(self) -> int:
        return self._count

    def ring(self) -> None:
        with self._rings:
            self._count += 1
            self._rings.notify_all()

    def wait(self, known: int, timeout_s: float) -> None:
        """Until it has rung more often than `known`, or the time is over."""
        with self._rings:
            self._rings.wait_for(lambda: self._count != known, timeout_s)
