"""Published products as OData entities (peers.md, section 3.2)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from s1pdgs.model.time import format_iso, from_micros
from s1pdgs.publication.columns import CONTENT_TYPE, PRODUCTION_TYPE
from s1pdgs.publication.geometry import to_geography, to_geojson
from s1pdgs.publication.odata.options import Options
from s1pdgs.publication.predicate import Kind
from s1pdgs.publication.search import Published

CONTEXT = "$metadata#Products"
_TWINS = (("datatakeID", "missionDatatakeID"), ("missionDatatakeID", "datatakeID"))


def entity(product: Published, options: Options, root: str = "") -> dict[str, Any]:
    """A product with the properties selected and the navigations expanded; `root` is the address of the service."""
    found: dict[str, Any] = {"@odata.mediaContentType": CONTENT_TYPE}
    found.update({name: _PROPERTIES[name](product) for name in _PROPERTIES if name in options.select})
    for name, wanted in options.expand.items():
        found |= wanted.of(name, belonging_to(product, name, root))
    return found


def belonging_to(product: Published, navigation: str, root: str) -> list[dict[str, Any]]:
    """What a navigation of a product leads to."""
    match navigation:
        case "Attributes":
            return attributes(product)
        case "Quicklooks":
            return quicklooks(product)
        case _:
            return assets(product, root)


def attributes(product: Published) -> list[dict[str, Any]]:
    """The typed attributes, by name; the datatake under both names that clients know it by."""
    stored = {**product.attributes, "productType": [Kind.STRING.value, product.type]}
    for name, twin in _TWINS:
        if name in stored:
            stored.setdefault(twin, stored[name])
    if product.timeliness is not None:
        stored.setdefault("timeliness", [Kind.STRING.value, product.timeliness])
    return typed(stored)


def typed(stored: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Attributes as the catalogue keeps them, by name."""
    return [
        {
            "@odata.type": f"#OData.CSC.{kind}Attribute",
            "Name": name,
            "ValueType": kind,
            "Value": format_iso(from_micros(value)) if kind == Kind.TIME else value,
        }
        for name, (kind, value) in sorted(stored.items())
    ]


def quicklooks(product: Published) -> list[dict[str, Any]]:
    """The quicklook images."""
    return [] if product.quicklook_name is None else [{"Image": product.quicklook_name}]


def assets(product: Published, root: str) -> list[dict[str, Any]]:
    """The quicklook as CDSE tells of it, with its address."""
    return [
        {"Type": "QUICKLOOK", "DownloadLink": f"{root}/Products({product.uuid})/Quicklooks('{one['Image']}')/$value"}
        for one in quicklooks(product)
    ]


def _eviction(product: Published) -> str | None:
    moment = product.evicted_at or product.evict_at
    return None if moment is None else format_iso(moment)


def checksums_of(md5: str, sha256: str, made: datetime) -> list[dict[str, str]]:
    """The checksums of what is served, each dated."""
    sums = (("MD5", md5), ("SHA256", sha256))
    return [{"Algorithm": name, "Value": value, "ChecksumDate": format_iso(made)} for name, value in sums]


def _footprint(product: Published) -> str | None:
    shape = product.shape
    return None if shape is None else to_geography(shape)


def _geo_footprint(product: Published) -> dict[str, Any] | None:
    shape = product.shape
    return None if shape is None else to_geojson(shape)


_PROPERTIES: dict[str, Callable[[Published], Any]] = {
    "Id": lambda product: product.uuid,
    "Name": lambda product: product.archive_name,
    "ContentType": lambda _: CONTENT_TYPE,
    "ContentLength": lambda product: product.size,
    "OriginDate": lambda product: format_iso(product.t0),
    "PublicationDate": lambda product: format_iso(product.published_at),
    "ModificationDate": lambda product: format_iso(product.modified_at),
    "Online": lambda product: product.evicted_at is None,
    "EvictionDate": _eviction,
    "Checksum": lambda product: checksums_of(product.md5, product.sha256, product.published_at),
    "ProductionType": lambda product: product.attributes.get("productionType", [None, PRODUCTION_TYPE])[1],
    "ContentDate": lambda product: {"Start": format_iso(product.start), "End": format_iso(product.stop)},
    "Footprint": _footprint,
    "GeoFootprint": _geo_footprint,
}
