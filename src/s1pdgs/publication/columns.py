"""What the properties of published products are in SQL, and the attributes that the catalogue keeps in columns."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from s1pdgs.catalogue.tables import product
from s1pdgs.publication.places import EVER, Window
from s1pdgs.publication.predicate import Kind
from s1pdgs.publication.sql_functions import Sql
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Micros

ARCHIVE_SUFFIX = ".zip"
COLLECTION = "SENTINEL-1"
PRODUCTION_TYPE = "systematic_production"
CONTENT_TYPE = "application/zip"
DELIVERED, ORDERABLE = "succeeded", "orderable"
"""States of products for who orders, in the words of STAC's order extension 1.1: online; offline, with a copy."""

TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.STRING: sa.Text(),
    Kind.INTEGER: sa.BigInteger(),
    Kind.DOUBLE: sa.Float(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.TIME: Micros(),
}
"""The types that values of a kind have."""


@frozen
class LookedAt:
    """The attribute that an any() looks at: an element of JSON, or a column that holds attributes of one kind."""

    name: Sql
    kind: Sql
    value: Any
    column_kind: Kind | None = None


@frozen
class Columns:
    """What the fields of a predicate are in SQL, which of them may be null, the attribute that is looked at, and the
    span of sensing times outside which the answer does not matter.
    """

    fields: Mapping[str, Sql]
    nullable: Collection[str]
    attribute: LookedAt | None = None
    window: Window = EVER


def typed(element: Any, kind: Kind) -> Sql:
    """An element of the catalogue's JSON as a value that compares with its kind."""
    found: Sql
    match kind:
        case Kind.INTEGER:
            found = sa.cast(element.as_string(), sa.BigInteger)
        case Kind.TIME:
            found = sa.type_coerce(sa.cast(element.as_string(), sa.BigInteger), Micros)
        case Kind.DOUBLE:
            found = element.as_float()
        case Kind.BOOLEAN:
            found = element.as_boolean()
        case Kind.STRING:
            found = element.as_string()
    return found


def _attribute(name: str, kind: Kind) -> Sql:
    """The value of one attribute of the product, null when it has none."""
    return typed(product.c.attributes[(name, 1)], kind)


FIELDS: dict[str, Sql] = {
    "Id": product.c.uuid,
    "Name": product.c.name + ARCHIVE_SUFFIX,
    "ContentType": sa.literal(CONTENT_TYPE, sa.Text()),
    "ContentLength": publication.c.size,
    "OriginDate": product.c.t0,
    "PublicationDate": product.c.published_at,
    "ModificationDate": publication.c.modified_at,
    "EvictionDate": sa.func.coalesce(publication.c.evicted_at, publication.c.evict_at, type_=Micros()),
    "Online": publication.c.evicted_at.is_(None),
    "ProductionType": sa.func.coalesce(_attribute("productionType", Kind.STRING), PRODUCTION_TYPE),
    "ContentDate/Start": product.c.start,
    "ContentDate/End": product.c.stop,
    "Collection/Name": sa.literal(COLLECTION, sa.Text()),
    "item": product.c.name,
    "type": product.c.type,
    "platform": sa.literal("sentinel-1", sa.Text()) + sa.func.lower(sa.func.substr(product.c.satellite, 3)),
    "mode": _attribute("operationalMode", Kind.STRING),
    "orbit_state": sa.func.lower(_attribute("orbitDirection", Kind.STRING)),
    "absolute_orbit": product.c.orbit,
    "relative_orbit": product.c.relative_orbit,
    "datatake": sa.cast(product.c.datatake, sa.Text),
    "timeliness": product.c.timeliness,
    "level": sa.func.replace(_attribute("processingLevel", Kind.STRING), "LEVEL", "L", type_=sa.Text()),
    "facility": _attribute("processingCenter", Kind.STRING),
    "polarisations": _attribute("polarisationChannels", Kind.STRING),
    "constellation": sa.literal("sentinel-1", sa.Text()),
    "order_status": sa.case(
        (publication.c.evicted_at.is_(None), sa.literal(DELIVERED, sa.Text())),
        (publication.c.archived_at.is_not(None) | product.c.evicted_at.is_(None), sa.literal(ORDERABLE, sa.Text())),
    ),
}
STORED: dict[str, tuple[Kind, Sql]] = {
    "productType": (Kind.STRING, product.c.type),
    "datatakeID": (Kind.INTEGER, sa.type_coerce(product.c.datatake, sa.BigInteger())),
    "orbitNumber": (Kind.INTEGER, product.c.orbit),
    "relativeOrbitNumber": (Kind.INTEGER, product.c.relative_orbit),
}
"""Attributes that the catalogue's door puts into columns."""
_NULLABLE = {
    "EvictionDate", "mode", "orbit_state", "absolute_orbit", "relative_orbit", "datatake", "timeliness", "level",
    "facility", "order_status", "polarisations",
}  # fmt: skip
PRODUCTS = Columns(FIELDS, _NULLABLE)
