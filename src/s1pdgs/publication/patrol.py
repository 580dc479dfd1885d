"""The patrol reads what store and archive hold again and again, a little at a time, tells what has gone wrong, and lets
it be made again.
"""

import random
from datetime import datetime, timedelta
from math import inf

import sqlalchemy as sa
import structlog
from attrs import Factory, define, field

from s1pdgs.catalogue.tables import product
from s1pdgs.model.time import Clock
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.tables import patrol
from s1pdgs.storage.objects import StorageError

_ONLY = 1
_AWAY = timedelta(minutes=10)
_log = structlog.get_logger(__name__)


@define
class Patrol:
    """Looks at every product once in a `round_`, evenly spread, and reads no more than `bytes_per_s` on average. One
    that is started again goes on where the last one ended; where the first begins is chance. A store that is away is
    waited for; a product of which it tells nothing twice is passed over.
    """

    mender: Mender
    clock: Clock
    round_: timedelta
    bytes_per_s: float = inf
    last: int | None = None
    """The product looked at last."""
    _since: datetime = field(init=False, default=Factory(lambda self: self.clock.now(), takes_self=True))
    _owed: float = field(init=False, default=0.0)
    _untold: int | None = field(init=False, default=None)
    _rests_until: datetime = field(init=False, default=Factory(lambda self: self._since, takes_self=True))

    def step(self) -> bool:
        """Look at the next product when it is due; False when none is."""
        with self.mender.database.read() as connection:
            newest = connection.scalar(sa.select(sa.func.max(product.c.id)))
        now = self.clock.now()
        self._owed = min(self._owed + (newest or 0) * ((now - self._since) / self.round_), float(newest or 0))
        self._since = now
        if newest is None or self._owed < 1 or now < self._rests_until:
            return False
        following = self._next(self._begin(newest) if self.last is None else self.last)
        try:
            found = self.mender.examine(following, now)
        except StorageError as error:
            _log.warning("the patrol waits", reason=str(error))
            self._rests_until = now + _AWAY
            self.last, self._untold = (following if self._untold == following else self.last), following
            return False
        self._owed -= 1
        self.last = following
        for one in found.findings:
            _log.error("stored object", fault=one.fault, place=one.place, key=one.key, reason=one.reason)
        self._rests_until = now + timedelta(seconds=found.size / self.bytes_per_s)
        self._remember(self.last)
        return True

    def _begin(self, newest: int) -> int:
        """The product that the patrol before this one looked at last."""
        with self.mender.database.read() as connection:
            reached = connection.scalar(sa.select(patrol.c.reached).where(patrol.c.id == _ONLY))
        return random.randrange(newest) if reached is None else int(reached)  # noqa: S311  no secret

    def _remember(self, reached: int) -> None:
        with self.mender.database.write() as connection:
            moved = patrol.update().where(patrol.c.id == _ONLY).values(reached=reached)
            if connection.execute(moved).rowcount == 0:
                connection.execute(patrol.insert().values(id=_ONLY, reached=reached))

    def _next(self, last: int) -> int:
        """The product after one; the first after the last."""
        with self.mender.database.read() as connection:
            following = connection.scalar(sa.select(sa.func.min(product.c.id)).where(product.c.id > last))
            if following is None:
                following = connection.scalar(sa.select(sa.func.min(product.c.id)))
        return int(following or 0)
