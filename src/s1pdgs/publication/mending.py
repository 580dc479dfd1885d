"""What was found damaged is marked, and made again where what it is made of is intact.

A zip comes of the files or of the archive, a copy in the archive of the zip, the zip that AUXIP offers of the files.
What was damaged is never written over: what is made again has a key of its own.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from attrs import frozen

from s1pdgs.catalogue.lifecycle import discard
from s1pdgs.catalogue.query import Held, find
from s1pdgs.catalogue.tables import product
from s1pdgs.publication import auxiliary
from s1pdgs.publication.changes import note_changed
from s1pdgs.publication.integrity import OUTSIDE, Fault, Inspection, Place, inspect
from s1pdgs.publication.lta.copying import copy_anew
from s1pdgs.publication.lta.orders import bring_back
from s1pdgs.publication.tables import damaged_object, publication
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

_GRACE = timedelta(hours=1)
_log = structlog.get_logger(__name__)


@frozen
class Mender:
    """What looks at products and mends them; `archive` is None where there is none."""

    database: Database
    store: ObjectStore
    archive: ObjectStore | None = None

    def examine(self, number: int, now: datetime, *, mends: bool = True) -> Inspection:
        """Read all objects of a product, mark what is wrong, and begin to mend what can be mended."""
        found = inspect(self.database, self.store, number, archive=self.archive)
        mark(self.database, number, found, now)
        for mended in mend(self, number, found, now) if mends else ():
            _log.info("is made again", product=found.product, what=mended)
        return found


def mark(database: Database, number: int, found: Inspection, now: datetime) -> None:
    """Keep what was found missing or damaged of a product until it is found well, made again or claimed no more."""
    wrong = {(one.place, one.key): one for one in found.findings if one.fault is not Fault.EXTRA}
    c = damaged_object.c
    known = sa.select(c.place, c.key).where(c.product_id == number)
    with database.read() as connection:
        marked = {(Place(row.place), row.key) for row in connection.execute(known)}
    if marked == wrong.keys():
        return
    with database.write() as connection:
        for place, key in marked - wrong.keys():
            connection.execute(damaged_object.delete().where(c.product_id == number, c.place == place, c.key == key))
        for place, key in wrong.keys() - marked:
            one = wrong[place, key]
            values = {"product_id": number, "place": place, "key": key, "fault": one.fault, "reason": one.reason}
            connection.execute(damaged_object.insert().values(**values, found_at=now))


def mend(mender: Mender, number: int, found: Inspection, now: datetime) -> list[str]:
    """Begin to make again what is damaged and can be made of what is intact; what, in words."""
    wrong = {(one.place, one.key) for one in found.findings if one.fault is not Fault.EXTRA}
    if not wrong:
        return []
    begun = []
    with mender.database.write() as connection:
        held, row = find(connection, found.product), connection.execute(OUTSIDE, {"number": number}).one()
        if held is None:
            return []
        files = {(Place.STORE, f"{held.product.location}/{file.path}") for file in held.product.files}
        has_files = held.evicted_at is None and not files & wrong
        is_online = row.state == "published" and row.evicted_at is None
        has_zip = is_online and (Place.STORE, row.location) not in wrong
        copy_is_bad = (Place.ARCHIVE, row.copy) in wrong
        has_copy = mender.archive is not None and row.copy is not None and not copy_is_bad
        if has_files and (Place.STORE, row.offer) in wrong:
            auxiliary.offer_again(connection, held, now)
            begun.append("the zip that AUXIP offers")
        if copy_is_bad and (has_zip or has_files):
            copy_anew(connection, held, now)
            begun.append("the copy in the archive")
        if (is_online and not has_zip and (has_files or has_copy)) or (copy_is_bad and not is_online and has_files):
            _zip_anew(connection, held, row, now)
            begun.append("the zip")
    if copy_is_bad and begun and mender.archive is not None:
        mender.archive.delete(row.copy)
    return begun


def _zip_anew(connection: sa.Connection, held: Held, row: sa.Row[Any], now: datetime) -> None:
    """Take a damaged zip offline, and let one come online that is made of what is intact."""
    if row.evicted_at is None:
        offline = publication.update().where(publication.c.product_id == held.id)
        connection.execute(offline.values(evicted_at=now, evict_at=None, verified_at=None))
        gone = product.update().where(product.c.id == held.id, product.c.evicted_at.is_not(None))
        connection.execute(gone.values(gone_at=now))
        discard(connection, [row.location], now + _GRACE)
        note_changed(connection, [held.id], now)
    bring_back(connection, held.name, now, just_went=row.evicted_at is None)
