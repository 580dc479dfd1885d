"""The catalogue of published products as one file: stac-geoparquet, which GeoPandas, DuckDB, QGIS and rustac read.

A row is a STAC item as the STAC API shows it, with its properties as columns of their own (GeoParquet 1.1). Its box is
that of the numbers of its geometry, which is cut at the dateline: readers compare boxes, and would miss a product whose
west is greater than its east.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from s1pdgs.formats.files import atomic_file
from s1pdgs.model.globe import to_binary
from s1pdgs.publication.holdings import spans
from s1pdgs.publication.predicate import Predicate
from s1pdgs.publication.search import Order, Published, search
from s1pdgs.publication.stac_items import collection, item

GROUP_ROWS = 10_000
"""Rows that are held in memory, and that readers get at a time."""
_PAGE = 1000
_ORDER = (Order("ContentDate/Start"),)
_MICROSECONDS = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.string())
_TIMES = (
    "datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires", "processing:datetime",
)  # fmt: skip
_PROPERTIES: dict[str, pa.DataType] = {
    **dict.fromkeys(_TIMES, _MICROSECONDS),
    **dict.fromkeys(
        (
            "platform", "constellation", "product:type", "product:timeliness", "product:timeliness_category",
            "sar:instrument_mode", "sar:frequency_band", "sar:product_type", "sat:orbit_state", "processing:level",
            "processing:facility", "order:status", "s1:datatake_id", "s1:slice_number", "s1:total_slices",
            "s1:instrument_configuration_ID", "s1:product_timeliness",
        ),
        pa.string(),
    ),
    **dict.fromkeys(("sat:absolute_orbit", "sat:relative_orbit"), pa.int64()),
    **dict.fromkeys(("instruments", "sar:polarizations"), _TEXTS),
    "sar:center_frequency": pa.float64(),
    "processing:software": pa.map_(pa.string(), pa.string()),
}  # fmt: skip
_LINK = pa.struct([(name, pa.string()) for name in ("rel", "type", "href", "title")])
_ASSET = pa.struct([
    ("href", pa.string()), ("type", pa.string()), ("title", pa.string()), ("roles", _TEXTS), ("file:size", pa.int64()),
    ("file:checksum", pa.string()),
])  # fmt: skip
_ASSETS = pa.struct([(name, _ASSET) for name in ("product", "thumbnail", "manifest")])
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_SCHEMA = pa.schema([
    ("id", pa.string()),
    ("collection", pa.string()),
    ("geometry", pa.binary()),
    ("bbox", pa.struct([(edge, pa.float64()) for edge in _EDGES])),
    *_PROPERTIES.items(),
    ("type", pa.string()),
    ("stac_version", pa.string()),
    ("stac_extensions", _TEXTS),
    ("links", pa.list_(_LINK)),
    ("assets", _ASSETS),
])  # fmt: skip


def write_geoparquet(
    connection: sa.Connection,
    path: Path,
    predicate: Predicate,
    site: str,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the published products that a predicate holds for, by time of sensing; how many there were.

    `site` is the address of the application in the links of the items. The file is there when all is in it, else not
    at all. `progress` is told how many rows were written after each group.
    """
    root = f"{site}/stac"
    schema = _SCHEMA.with_metadata(_metadata(connection, root))
    rows = 0
    with atomic_file(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(_tables(connection, predicate, schema, site)):
            writer.write_table(group, row_group_size=GROUP_ROWS + _PAGE)
            rows += group.num_rows
            progress(rows)
    return rows


def _tables(connection: sa.Connection, predicate: Predicate, schema: pa.Schema, site: str) -> Iterator[pa.Table]:
    """Products page by page; a page costs the same however many there are before it."""
    after: str | None = None
    while True:
        page = search(connection, predicate, _ORDER, limit=_PAGE, after=after)
        yield pa.Table.from_pylist([_row(product, site, f"{site}/stac") for product in page.products], schema)
        after = page.after
        if after is None:
            return


def _groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables for one row group each."""
    group: list[pa.Table] = []
    for table in tables:
        group.append(table)
        if sum(part.num_rows for part in group) >= GROUP_ROWS:
            yield pa.concat_tables(group)
            group = []
    if group:
        yield pa.concat_tables(group)


def _row(product: Published, site: str, root: str) -> dict[str, Any]:
    found = item(product, site, root)
    properties = found.pop("properties")
    unknown = {*properties} - {*_PROPERTIES} | {*found} - {*_SCHEMA.names} | _beyond([found["assets"]], _ASSETS)
    unknown |= _beyond(found["assets"].values(), _ASSET) | _beyond(found["links"], _LINK)
    if unknown:
        raise ValueError(f"the export has no columns for {', '.join(sorted(unknown))} of {product.name}")
    for name in _TIMES:
        if name in properties:
            properties[name] = datetime.fromisoformat(properties[name])
    if "processing:software" in properties:
        properties["processing:software"] = list(properties["processing:software"].items())
    shape = product.shape
    if shape is not None:
        found |= {"geometry": to_binary(shape), "bbox": dict(zip(_EDGES, shape.bounds, strict=True))}
    return {**found, **properties}


def _beyond(values: Iterable[dict[str, Any]], known: pa.StructType) -> set[str]:
    """Parts that have no place."""
    return {name for value in values for name in value} - {field.name for field in known}


def _metadata(connection: sa.Connection, root: str) -> dict[str, str]:
    """What GeoParquet and stac-geoparquet say of a file in its footer."""
    edges = {edge: ["bbox", edge] for edge in _EDGES}
    geometry = {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"], "covering": {"bbox": edges}}
    collections = {span.type: collection(span, root) for span in spans(connection)}
    return {
        "geo": json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}),
        "stac-geoparquet": json.dumps({"version": "1.0.0", "collections": collections}),
    }
