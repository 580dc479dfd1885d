"""The patrol reads what the store holds again and again, a little at a time, and tells what has gone wrong."""

import random
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from attrs import Factory, define, field

from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import Clock
from s1pdgs.publication.integrity import inspect
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

_log = structlog.get_logger(__name__)


@define
class Patrol:
    """Looks at every product once in a `round_`, evenly spread. Where it begins is chance, so that one that is often
    started again does not look at the oldest products only.
    """

    database: Database
    store: ObjectStore
    clock: Clock
    round_: timedelta
    last: int | None = None
    """The product looked at last."""
    _since: datetime = field(init=False, default=Factory(lambda self: self.clock.now(), takes_self=True))
    _owed: float = field(init=False, default=0.0)

    def step(self) -> bool:
        """Look at the next product when it is due; False when none is."""
        with self.database.read() as connection:
            newest = connection.scalar(sa.select(sa.func.max(product.c.id)))
        now = self.clock.now()
        self._owed = min(self._owed + (newest or 0) * ((now - self._since) / self.round_), float(newest or 0))
        self._since = now
        if newest is None or self._owed < 1:
            return False
        self._owed -= 1
        self.last = self._next(random.randrange(newest) if self.last is None else self.last)  # noqa: S311  no secret
        for finding in inspect(self.database, self.store, self.last).findings:
            _log.error("stored object", fault=finding.fault, key=finding.key, reason=finding.reason)
        return True

    def _next(self, last: int) -> int:
        """The product after one; the first after the last."""
        with self.database.read() as connection:
            following = connection.scalar(sa.select(sa.func.min(product.c.id)).where(product.c.id > last))
            if following is None:
                following = connection.scalar(sa.select(sa.func.min(product.c.id)))
        return int(following or 0)
