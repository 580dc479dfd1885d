"""A CADIP station of what has arrived, so that one s1pdgs feeds another (IF-15; entities of peers.md, section 3.1).

A delivery of a session is a Session from its announcement on; its blocks are Files as they are stored here, so what a
client sees grows while the session is still being downloaded. Publication dates are ours: clients ask for what came
after a date. What was evicted is no longer offered. `DeliveryId` and `Checksum` of a File are our own additions to the
interface: to which of several deliveries of a session it belongs, and the proof of its bytes.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from fastapi import APIRouter, Request
from fastapi.params import Depends
from fastapi.responses import Response

from s1pdgs.catalogue.tables import product
from s1pdgs.inbox.deliveries import COMPLETE, OPEN
from s1pdgs.inbox.tables import received_file, session
from s1pdgs.publication.download import Download, respond
from s1pdgs.publication.odata.entities import Edm, EntitySet, Navigation, Property, Shelf, find_one, shown
from s1pdgs.publication.odata.entity import checksums_of
from s1pdgs.publication.odata.options import read_options
from s1pdgs.publication.odata.route import Addition, AddRoute
from s1pdgs.publication.odata.service import ODataService
from s1pdgs.publication.search import Order
from s1pdgs.storage.database import Database, Micros
from s1pdgs.storage.objects import ObjectStore

PREFIX = "/cadip/odata/v1"
HERE = product.c.evicted_at.is_(None)
"""Which sessions are offered."""
OFFERED = sa.and_(received_file.c.stored_at.is_not(None), HERE)
"""Which files are offered: stored ones, not asked for by their state, lest the planner begin with half the table."""
_OCTETS = "application/octet-stream"
_TYPES: dict[Edm, Any] = {Edm.STRING: sa.Text, Edm.BOOLEAN: sa.Boolean, Edm.TIME: Micros}


def _untold(name: str, kind: Edm) -> Property:
    """A property of the interface that we cannot know of a session."""
    return Property(name, kind, sa.cast(sa.null(), _TYPES[kind]), nullable=True)


FILES = EntitySet(
    name="Files",
    source=received_file.join(session, session.c.id == received_file.c.session_id).outerjoin(
        product, product.c.name == session.c.product
    ),
    properties=(
        Property("Id", Edm.GUID, received_file.c.uuid),
        Property("Name", Edm.STRING, received_file.c.name),
        Property("SessionId", Edm.STRING, session.c.session_id),
        Property("Channel", Edm.INTEGER, received_file.c.channel),
        Property("BlockNumber", Edm.INTEGER, received_file.c.block),
        Property("FinalBlock", Edm.BOOLEAN, received_file.c.final_block),
        Property("PublicationDate", Edm.TIME, received_file.c.stored_at),
        Property("EvictionDate", Edm.TIME, product.c.evict_at, nullable=True),
        Property("Size", Edm.INTEGER, received_file.c.size),
        Property("Retransfer", Edm.BOOLEAN, session.c.retransfer),
        Property("DeliveryId", Edm.GUID, session.c.uuid),
        Property("Checksum", Edm.JSON, show=lambda row: checksums_of(row.md5, row.sha256, row.stored_at)),
    ),
    extra=(
        received_file.c.session_id,
        received_file.c.name,
        received_file.c.location,
        received_file.c.md5,
        received_file.c.sha256,
        received_file.c.stored_at,
    ),
    number=received_file.c.uuid,
    order=(Order("PublicationDate"),),
)


def _files(connection: sa.Connection, rows: Sequence[Any]) -> list[list[dict[str, Any]]]:
    """The Files of each session, by channel and block."""
    deliveries = received_file.c.session_id.in_([row.delivery for row in rows])
    place = (received_file.c.channel, received_file.c.block, received_file.c.uuid)
    found = connection.execute(FILES.select.where(OFFERED, deliveries).order_by(*place)).all()
    of_delivery: dict[str, list[dict[str, Any]]] = defaultdict(list)
    entries = shown(connection, FILES, found, read_options([], offer=FILES.offer))
    for row, entry in zip(found, entries, strict=True):
        of_delivery[row.session_id].append(entry)
    return [of_delivery[row.delivery] for row in rows]


def _quality(_connection: sa.Connection, rows: Sequence[Any]) -> list[list[dict[str, Any]]]:
    """What the station told of the reception of each channel, verbatim, where it told anything."""
    return [list(row.quality or []) for row in rows]


SESSIONS = EntitySet(
    name="Sessions",
    source=session.outerjoin(product, product.c.name == session.c.product),
    properties=(
        Property("Id", Edm.GUID, session.c.uuid),
        Property("SessionId", Edm.STRING, session.c.session_id),
        Property("NumChannels", Edm.INTEGER, session.c.channels),
        Property("PublicationDate", Edm.TIME, session.c.first_seen),
        Property("Satellite", Edm.STRING, session.c.satellite),
        Property("StationUnitId", Edm.STRING, session.c.station),
        Property("DownlinkOrbit", Edm.INTEGER, session.c.downlink_orbit),
        _untold("AcquisitionId", Edm.STRING),
        _untold("AntennaId", Edm.STRING),
        _untold("FrontEndId", Edm.STRING),
        Property("Retransfer", Edm.BOOLEAN, session.c.retransfer),
        _untold("AntennaStatusOK", Edm.BOOLEAN),
        _untold("FrontEndStatusOK", Edm.BOOLEAN),
        _untold("PlannedDataStart", Edm.TIME),
        _untold("PlannedDataStop", Edm.TIME),
        Property("DownlinkStart", Edm.TIME, session.c.downlink_start),
        Property("DownlinkStop", Edm.TIME, session.c.downlink_stop),
        _untold("DownlinkStatusOK", Edm.BOOLEAN),
        Property(
            "DeliveryPushOK",
            Edm.BOOLEAN,
            sa.case((session.c.state == OPEN, sa.null()), else_=session.c.state == COMPLETE),
            nullable=True,
        ),
    ),
    extra=(session.c.id.label("delivery"), session.c.quality),
    number=session.c.id,
    order=(Order("PublicationDate"),),
    navigations=(Navigation("Files", _files, FILES.offer.belonging()), Navigation("QualityInfo", _quality)),
)


@frozen
class Cadip:
    """The station over an inbox and the store of its blocks.

    `base_url` is how users reach it (`https://host`); None takes the address that a request came to.
    """

    database: Database
    store: ObjectStore
    base_url: str | None = None

    def router(self, access: Sequence[Depends] = ()) -> APIRouter:
        """The routes of the station; every request has to pass `access`."""
        sessions = Shelf(SESSIONS, self.database, self.base_url, lambda _: HERE, PREFIX)
        files = Shelf(FILES, self.database, self.base_url, lambda _: OFFERED, PREFIX)

        def add_files(add: AddRoute) -> None:
            files.add(add)
            add("/Files({key})/$value", self.value)

        parts = [Addition([SESSIONS.name], sessions.add), Addition([FILES.name], add_files)]
        return ODataService(PREFIX, "cadip.edmx", parts, self.base_url).router(access)

    def value(self, request: Request, key: str) -> Response:
        """The bytes of a block."""
        with self.database.read() as connection:
            row = find_one(connection, FILES, key, OFFERED)
        download = Download(row.location, row.name, _OCTETS, row.stored_at, row.sha256, row.md5)
        return respond(request, self.store, download)
