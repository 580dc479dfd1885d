"""Published products as STAC items, their types as collections."""

from typing import Any
from urllib.parse import quote

from shapely.geometry.base import BaseGeometry

from s1pdgs.model.time import format_iso
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.columns import CONTENT_TYPE, DELIVERED, ORDERABLE
from s1pdgs.publication.geometry import to_geojson
from s1pdgs.publication.holdings import Span
from s1pdgs.publication.search import Published

STAC_VERSION = "1.1.0"
PRIP_PREFIX = "/odata/v1"
_EXTENSIONS = "https://stac-extensions.github.io"
_SAR = f"{_EXTENSIONS}/sar/v1.0.0/schema.json"
_SAT = f"{_EXTENSIONS}/sat/v1.0.0/schema.json"
_PROCESSING = f"{_EXTENSIONS}/processing/v1.2.0/schema.json"
_PRODUCT = f"{_EXTENSIONS}/product/v1.0.0/schema.json"
_TIMESTAMPS = f"{_EXTENSIONS}/timestamps/v1.1.0/schema.json"
_ORDER = f"{_EXTENSIONS}/order/v1.1.0/schema.json"
_FILE = f"{_EXTENSIONS}/file/v2.1.0/schema.json"
_TERMS = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
_CENTER_FREQUENCY_GHZ = 5.405
_DUE: dict[str, str] = {
    Timeliness.PT: "PT3H", Timeliness.NRT: "PT3H", Timeliness.FAST24: "PT24H", Timeliness.NTC: "P7D",
}  # fmt: skip


def item(product: Published, site: str, root: str) -> dict[str, Any]:
    """A product as an item; `site` is the address of the application, `root` that of the STAC API, without slash."""
    geometry = product.shape
    properties, extensions = _properties(product)
    collection = f"{root}/collections/{quote(product.type)}"
    found: dict[str, Any] = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [*extensions, _FILE],
        "id": product.name,
        "collection": product.type,
        "geometry": None if geometry is None else to_geojson(geometry),
        "properties": properties,
        "links": [
            _link("self", f"{collection}/items/{quote(product.name)}", "application/geo+json"),
            _link("parent", collection),
            _link("collection", collection),
            _link("root", f"{root}/"),
        ],
        "assets": _assets(product, site),
    }
    if geometry is not None:
        found["bbox"] = bounding_box(geometry)
    return found


def bounding_box(shape: BaseGeometry) -> list[float]:
    """West, south, east, north; west is greater than east over the dateline (RFC 7946, section 5.2)."""
    parts = [part.bounds for part in getattr(shape, "geoms", [shape])]
    east_side = [part for part in parts if part[2] >= 180.0]
    west_side = [part for part in parts if part[0] <= -180.0]
    if not (len(parts) > 1 and east_side and west_side):
        return [round(edge, 7) for edge in shape.bounds]
    west, east = min(part[0] for part in east_side), max(part[2] for part in west_side)
    return [round(edge, 7) for edge in (west, shape.bounds[1], east, shape.bounds[3])]


def _properties(product: Published) -> tuple[dict[str, Any], list[str]]:
    extensions, expires = [_TIMESTAMPS], product.evicted_at or product.evict_at
    found: dict[str, Any] = {
        "datetime": format_iso(product.start),
        "start_datetime": format_iso(product.start),
        "end_datetime": format_iso(product.stop),
        "created": format_iso(product.published_at),
        "updated": format_iso(product.modified_at),
        "published": format_iso(product.published_at),
        "expires": None if expires is None else format_iso(expires),
        "platform": platform(product.satellite),
        "constellation": "sentinel-1",
        "s1:datatake_id": _text(_value(product, "datatakeID")),
        "s1:slice_number": _text(_value(product, "sliceNumber")),
        "s1:total_slices": _text(_value(product, "totalSlices")),
        "s1:instrument_configuration_ID": _text(_value(product, "instrumentConfigurationID")),
        "s1:product_timeliness": product.timeliness,
    }
    parts = ((_PRODUCT, _kind), (_SAR, _sar), (_SAT, _sat), (_PROCESSING, _processing), (_ORDER, _order))
    for extension, more in ((name, part(product)) for name, part in parts):
        if more:
            extensions.append(extension)
            found.update(more)
    return {name: value for name, value in found.items() if value is not None}, extensions


def _kind(product: Published) -> dict[str, Any]:
    due = _DUE.get(product.timeliness or "")
    return {
        "product:type": product.type,
        "product:timeliness": due,
        "product:timeliness_category": product.timeliness if due else None,
    }


def _sar(product: Published) -> dict[str, Any]:
    mode, polarisations = _value(product, "operationalMode"), _value(product, "polarisationChannels")
    if mode is None or polarisations is None:
        return {}
    return {
        "instruments": ["c-sar"],
        "sar:instrument_mode": mode,
        "sar:frequency_band": "C",
        "sar:center_frequency": _CENTER_FREQUENCY_GHZ,
        "sar:polarizations": _channels(polarisations),
        "sar:product_type": product.type.split("_")[1],
    }


def _sat(product: Published) -> dict[str, Any]:
    state = _value(product, "orbitDirection")
    found = {
        "sat:orbit_state": None if state is None else state.lower(),
        "sat:absolute_orbit": _value(product, "orbitNumber"),
        "sat:relative_orbit": _value(product, "relativeOrbitNumber"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _processing(product: Published) -> dict[str, Any]:
    software, version = _value(product, "processorName"), _value(product, "processorVersion")
    level = _value(product, "processingLevel")
    found = {
        "processing:level": None if level is None else _level(level),
        "processing:facility": _value(product, "processingCenter"),
        "processing:software": None if software is None else {software: str(version or "unknown")},
        "processing:datetime": format_iso(product.generated),
    }
    return {name: value for name, value in found.items() if value is not None}


def _order(product: Published) -> dict[str, Any]:
    """What is offline can be ordered where it has a copy; of what has none, nothing is told."""
    if product.evicted_at is None:
        return {"order:status": DELIVERED}
    return {"order:status": ORDERABLE} if product.is_orderable else {}


def _assets(product: Published, site: str) -> dict[str, Any]:
    entity = f"{site}{PRIP_PREFIX}/Products({product.uuid})"
    found: dict[str, Any] = {
        "product": {
            "href": f"{entity}/$value",
            "type": CONTENT_TYPE,
            "title": product.archive_name,
            "roles": ["data"],
            "file:size": product.size,
            "file:checksum": f"1220{product.sha256}",
        },
        "manifest": {
            "href": f"{entity}/Manifest",
            "type": "application/json",
            "title": "Size and checksums of every file",
            "roles": ["metadata"],
        },
    }
    if product.quicklook_name is not None:
        found["thumbnail"] = {
            "href": f"{entity}/Quicklooks(%27{quote(product.quicklook_name)}%27)/$value",
            "type": "image/png",
            "title": "Quicklook",
            "roles": ["thumbnail", "overview"],
        }
    return found


def collection(span: Span, root: str) -> dict[str, Any]:
    """A type of products as a collection, with the extent and the properties that its published products have."""
    address = f"{root}/collections/{quote(span.type)}"
    box = (-180.0, -90.0, 180.0, 90.0) if span.box is None else span.box
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": span.type,
        "title": f"Sentinel-1 {span.type}",
        "description": f"Published Sentinel-1 products of type {span.type}.",
        "keywords": ["SENTINEL-1", "SAR", "C-band", span.type],
        "license": "other",
        "providers": [{"name": "Copernicus", "roles": ["licensor"], "url": "https://www.copernicus.eu"}],
        "extent": {
            "spatial": {"bbox": [list(box)]},
            "temporal": {"interval": [[format_iso(span.start), format_iso(span.stop)]]},
        },
        "summaries": _summaries(span),
        "links": [
            _link("self", address),
            _link("parent", f"{root}/"),
            _link("root", f"{root}/"),
            _link("items", f"{address}/items", "application/geo+json"),
            _link(
                "http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{address}/queryables", "application/schema+json"
            ),
            _link("license", _TERMS, "application/pdf"),
        ],
    }


def _summaries(span: Span) -> dict[str, list[Any]]:
    values = span.values
    channels = {channel for text in values.get("polarisationChannels", ()) for channel in _channels(text)}
    modes = values.get("operationalMode", [])
    found = {
        "platform": [platform(satellite) for satellite in values.get("satellite", ())],
        "constellation": ["sentinel-1"],
        "instruments": ["c-sar"] if modes else [],
        "product:type": [span.type],
        "product:timeliness_category": [one for one in values.get("timeliness", ()) if one in _DUE],
        "sar:instrument_mode": modes,
        "sar:frequency_band": ["C"] if modes else [],
        "sar:polarizations": sorted(channels),
        "sat:orbit_state": [state.lower() for state in values.get("orbitDirection", ())],
        "processing:level": [_level(level) for level in values.get("processingLevel", ())],
        "processing:facility": values.get("processingCenter", []),
    }
    return {name: told for name, told in found.items() if told}


def _channels(text: str) -> list[str]:
    """`VV&VH` as STAC lists it."""
    return text.replace("&", " ").replace(",", " ").split()


def _level(text: str) -> str:
    """`LEVEL1` as STAC names it, `L1`."""
    return text.replace(" ", "").replace("LEVEL", "L")


def platform(satellite: str) -> str:
    """`S1A` as STAC names it, `sentinel-1a`."""
    return f"sentinel-1{satellite[2:].lower()}"


def _link(relation: str, address: str, kind: str = "application/json") -> dict[str, str]:
    return {"rel": relation, "type": kind, "href": address}


def _value(product: Published, name: str) -> Any:
    stored = product.attributes.get(name)
    return None if stored is None else stored[1]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
