"""An AUXIP station of the auxiliary products in the catalogue (peers.md, section 3.4), for other ground segments.

What arrived as one file leaves as that file, a folder leaves as a zip; size and checksums are those of what is served.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from fastapi import APIRouter, Request
from fastapi.params import Depends
from fastapi.responses import Response

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.download import Download, respond
from s1pdgs.publication.odata.entities import Edm, EntitySet, Navigation, Property, Shelf, find_one
from s1pdgs.publication.odata.entity import checksums_of, typed
from s1pdgs.publication.odata.expand import ATTRIBUTES
from s1pdgs.publication.odata.route import Addition, AddRoute
from s1pdgs.publication.odata.service import ODataService
from s1pdgs.publication.search import Order
from s1pdgs.publication.tables import auxiliary_offer
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore

PREFIX = "/auxip/odata/v1"
_OFFERED = sa.and_(auxiliary_offer.c.published_at.is_not(None), product.c.evicted_at.is_(None))
_MEDIA_TYPE = sa.case(
    (auxiliary_offer.c.name.endswith(".zip"), sa.literal("application/zip", sa.Text())),
    else_=sa.literal("application/octet-stream", sa.Text()),
)


def _attributes(_connection: sa.Connection, rows: Sequence[Any]) -> list[list[dict[str, Any]]]:
    return [typed(row.attributes) for row in rows]


PRODUCTS = EntitySet(
    name="Products",
    source=auxiliary_offer.join(product, product.c.id == auxiliary_offer.c.product_id),
    properties=(
        Property("Id", Edm.GUID, product.c.uuid),
        Property("Name", Edm.STRING, auxiliary_offer.c.name),
        Property("ContentType", Edm.STRING, _MEDIA_TYPE),
        Property("ContentLength", Edm.INTEGER, auxiliary_offer.c.size),
        Property("OriginDate", Edm.TIME, product.c.t0),
        Property("PublicationDate", Edm.TIME, auxiliary_offer.c.published_at),
        Property("EvictionDate", Edm.TIME, product.c.evict_at, nullable=True),
        Property("Checksum", Edm.JSON, show=lambda row: checksums_of(row.md5, row.sha256, row.published_at)),
        Property("ContentDate/Start", Edm.TIME, product.c.start),
        Property("ContentDate/End", Edm.TIME, product.c.stop),
    ),
    extra=(
        auxiliary_offer.c.name,
        auxiliary_offer.c.location,
        auxiliary_offer.c.md5,
        auxiliary_offer.c.sha256,
        auxiliary_offer.c.published_at,
        _MEDIA_TYPE.label("media_type"),
        product.c.attributes,
    ),
    number=auxiliary_offer.c.product_id,
    order=(Order("PublicationDate"),),
    navigations=(Navigation("Attributes", _attributes, ATTRIBUTES),),
    attributes=True,
)


@frozen
class Auxip:
    """The station over a catalogue and its store.

    `base_url` is how users reach it (`https://host`); None takes the address that a request came to.
    """

    database: Database
    store: ObjectStore
    base_url: str | None = None

    def router(self, access: Sequence[Depends] = ()) -> APIRouter:
        """The routes of the station; every request has to pass `access`."""
        shelf = Shelf(PRODUCTS, self.database, self.base_url, lambda _: _OFFERED, PREFIX)

        def add_products(add: AddRoute) -> None:
            shelf.add(add)
            add("/Products({key})/$value", self.value)

        parts = [Addition([PRODUCTS.name], add_products)]
        return ODataService(PREFIX, "auxip.edmx", parts, self.base_url).router(access)

    def value(self, request: Request, key: str) -> Response:
        """The file, or the zip of the folder."""
        with self.database.read() as connection:
            row = find_one(connection, PRODUCTS, key, _OFFERED)
        download = Download(row.location, row.name, row.media_type, row.published_at, row.sha256, row.md5)
        return respond(request, self.store, download)
