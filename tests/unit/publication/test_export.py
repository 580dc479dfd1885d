"""The catalogue as stac-geoparquet holds what the STAC API shows, and nothing of it is left when it fails."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import shapely
from pyarrow import dataset

from s1pdgs.publication import export
from s1pdgs.publication.cql2_text import to_json
from s1pdgs.publication.export import write_geoparquet
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import search
from s1pdgs.publication.stac_filter import cql2
from s1pdgs.publication.stac_items import item
from tests.databases import new_database
from tests.unit.publication.conftest import NOON, Segment, new_segment, square, store_product

SITE = "https://pdgs.example"


def exported(segment: Segment, path: Path, text: str | None = None) -> list[dict[str, Any]]:
    with segment.database.read() as connection:
        rows = write_geoparquet(connection, path, ALWAYS if text is None else cql2(to_json(text)), SITE)
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    assert rows == len(found)
    return found


def as_item(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the STAC item that it was made of."""
    whole = {name: value for name, value in row.items() if value is not None}
    top = ("type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets")
    made = {name: whole.pop(name) for name in top if name in whole}
    made["geometry"] = None if "geometry" not in made else shapely.from_wkb(made["geometry"])
    if "bbox" in made:
        made["bbox"] = list(made["bbox"].values())
    made["links"] = [{name: part for name, part in link.items() if part is not None} for link in made["links"]]
    made["assets"] = {
        key: {name: part for name, part in asset.items() if part is not None}
        for key, asset in made["assets"].items()
        if asset is not None
    }
    for name, value in whole.items():
        if hasattr(value, "isoformat"):
            whole[name] = f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"
    if "processing:software" in whole:
        whole["processing:software"] = dict(whole["processing:software"])
    return {**made, "properties": whole}


def test_every_item_is_in_the_file_as_the_api_shows_it(shelf: Segment, tmp_path: Path) -> None:
    rows = exported(shelf, tmp_path / "all.parquet")
    with shelf.database.read() as connection:
        shown = [item(one, SITE, f"{SITE}/stac") for one in search(connection, ALWAYS, export._ORDER).products]
    assert len(rows) == len(shown) == 12
    for row, wanted in zip(rows, shown, strict=True):
        found, geometry = as_item(row), shapely.from_geojson(json.dumps(wanted.pop("geometry")))
        assert found.pop("geometry").equals(geometry)
        assert found.pop("bbox") == list(geometry.bounds)
        del wanted["bbox"]
        assert found == wanted


def test_boxes_find_what_lies_on_either_side_of_the_dateline(shelf: Segment, tmp_path: Path) -> None:
    exported(shelf, tmp_path / "all.parquet")
    rows = dataset.dataset(tmp_path / "all.parquet")
    for west, east in ((178.5, 179.5), (-179.5, -178.5)):
        meets = (dataset.field("bbox", "xmin") <= east) & (dataset.field("bbox", "xmax") >= west)
        assert rows.count_rows(filter=meets & (dataset.field("bbox", "ymax") < 0)) == 3


def test_the_footer_is_that_of_geoparquet(shelf: Segment, tmp_path: Path) -> None:
    exported(shelf, tmp_path / "all.parquet")
    footer = pq.read_schema(tmp_path / "all.parquet").metadata
    geo = json.loads(footer[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"][geo["primary_column"]]["encoding"] == "WKB"
    assert sorted(json.loads(footer[b"stac-geoparquet"])["collections"]) == ["IW_GRDH_1S", "IW_SLC__1S", "S3_RAW__0S"]


def test_a_filter_chooses_and_row_groups_are_small(
    shelf: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "GROUP_ROWS", 3)
    monkeypatch.setattr(export, "_PAGE", 2)
    path = tmp_path / "some.parquet"
    rows = exported(
        shelf,
        path,
        "collection IN ('IW_SLC__1S', 'IW_GRDH_1S') AND start_datetime >= TIMESTAMP('2020-06-15T12:10:00Z')",
    )
    assert len(rows) == 7
    assert [row["start_datetime"] for row in rows] == sorted(row["start_datetime"] for row in rows)
    groups = pq.ParquetFile(path).metadata
    sizes = [groups.row_group(index).num_rows for index in range(groups.num_row_groups)]
    assert sizes == [4, 3]


def test_nothing_published_is_a_file_without_rows(shelf: Segment, tmp_path: Path) -> None:
    assert exported(shelf, tmp_path / "none.parquet", "id = 'none'") == []


def test_what_has_no_column_is_told_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "made.parquet"
    with new_database("sqlite", tmp_path) as database:
        segment = new_segment(database, tmp_path)
        segment.publish(store_product(segment.store, "S1A_X.SAFE", "IW_SLC__1S", start=NOON, ring=square(10, 45)))
        known = {name: kind for name, kind in export._PROPERTIES.items() if name != "platform"}
        monkeypatch.setattr(export, "_PROPERTIES", known)
        with pytest.raises(ValueError, match=r"no columns for platform of S1A_X\.SAFE"):
            exported(segment, path)
    assert list(tmp_path.glob("*made*")) == []
