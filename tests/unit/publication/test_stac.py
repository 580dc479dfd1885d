"""The STAC API as people's tools meet it: pystac-client, stac-pydantic's models, and questions that make no sense."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pystac_client import Client
from stac_pydantic.api import Collection, Item, ItemCollection, LandingPage

from s1pdgs.publication import cql2_text
from s1pdgs.publication.service import mount
from tests.unit.publication.conftest import NOON, PNG, Segment, serving

TYPES = ["IW_GRDH_1S", "IW_SLC__1S", "S3_RAW__0S"]
ITALY = {"type": "Polygon", "coordinates": [[[10.5, 45.5], [11, 45.5], [11, 46], [10.5, 46], [10.5, 45.5]]]}


@pytest.fixture(scope="module")
def api(site: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=60.0, base_url=f"{site}/stac") as client:
        yield client


@pytest.fixture(scope="module")
def client(site: str) -> Client:
    return Client.open(f"{site}/stac")


def get(api: httpx2.Client, path: str, **parameters: Any) -> Any:
    reply = api.get(path, params=parameters)
    assert reply.status_code == 200, reply.text
    return reply.json()


def post(api: httpx2.Client, **body: Any) -> Any:
    reply = api.post("/search", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def ids(found: Any) -> list[str]:
    return [one["id"] for one in found["features"]]


def test_pystac_client_finds_collections_and_pages_through_items(client: Client) -> None:
    assert sorted(one.id for one in client.get_collections()) == TYPES
    for method in ("GET", "POST"):
        search = client.search(collections=["IW_SLC__1S", "S3_RAW__0S"], limit=3, method=method)
        items = list(search.items())
        assert len({one.id for one in items}) == len(items) == search.matched() == 8
        starts = [str(one.properties["start_datetime"]) for one in items]
        assert starts == sorted(starts, reverse=True)


@pytest.mark.usefixtures("areas")
def test_pystac_client_searches_by_place_time_and_property(client: Client) -> None:
    window = f"{NOON:%Y-%m-%dT%H:%M:%SZ}/{NOON + timedelta(minutes=45):%Y-%m-%dT%H:%M:%SZ}"
    assert len(list(client.search(datetime=window).items())) == 5
    assert len(list(client.search(bbox=[10.5, 45.5, 11, 46]).items())) == 3
    assert len(list(client.search(intersects=ITALY, datetime=window).items())) == 2
    filtered = client.search(
        filter={"op": "and", "args": [
            {"op": "=", "args": [{"property": "sat:orbit_state"}, "ascending"]},
            {"op": "<", "args": [{"property": "sat:absolute_orbit"}, 33006]},
            {"op": "s_intersects", "args": [{"property": "geometry"},
                                            {"type": "Point", "coordinates": [-179.5, -17]}]},
        ]},
        filter_lang="cql2-json", sortby=[{"field": "properties.datetime", "direction": "asc"}],
    )  # fmt: skip
    assert [one.properties["sat:absolute_orbit"] for one in filtered.items()] == [33001]


def test_items_are_valid_and_lead_to_the_bytes(api: httpx2.Client) -> None:
    found = get(api, "/search", limit=100)
    assert ItemCollection.model_validate(found)
    assert found["numberMatched"] == found["numberReturned"] == 12
    for one in found["features"]:
        assert Item.model_validate(one)
        assert get(api, one["links"][0]["href"]) == one
    slc = next(one for one in found["features"] if one["collection"] == "IW_SLC__1S")
    properties = slc["properties"]
    assert properties["platform"] in {"sentinel-1a", "sentinel-1c"}
    assert properties["sar:polarizations"] == ["VV", "VH"]
    assert (properties["sar:instrument_mode"], properties["sar:product_type"]) == ("IW", "SLC")
    assert properties["processing:level"] == "L1"
    assert properties["published"] == properties["created"]
    assert (properties["product:timeliness"], properties["product:timeliness_category"]) == ("PT3H", "NRT")
    assert properties["processing:software"] == {"s1pdgs-l1": "0.1.0"}
    product = slc["assets"]["product"]
    data = api.get(product["href"]).content
    assert len(data) == product["file:size"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert f"{slc['id']}/manifest.safe" in archive.namelist()
    assert api.get(slc["assets"]["thumbnail"]["href"]).content == PNG
    assert api.get(slc["assets"]["manifest"]["href"]).json()["product"]["name"] == product["title"]


@pytest.mark.usefixtures("areas")
def test_boxes_over_the_dateline_are_written_west_to_east(api: httpx2.Client) -> None:
    item = next(one for one in get(api, "/search", limit=100)["features"] if one["geometry"]["type"] == "MultiPolygon")
    assert item["bbox"] == [179.0, -18.0, -179.0, -16.0]
    assert ids(get(api, "/search", bbox="178.5,-19,-178.5,-15")) == ids(get(api, "/search", bbox="180,-19,180,-15"))
    assert len(ids(get(api, "/search", bbox="178.5,-19,-178.5,-15"))) == 3
    assert ids(get(api, "/search", bbox="-178.5,-19,178.5,-15")) == []


def test_collections_have_the_extent_of_their_products(api: httpx2.Client) -> None:
    found = get(api, "/collections")
    assert [one["id"] for one in found["collections"]] == TYPES
    for one in found["collections"]:
        assert Collection.model_validate(one)
        assert get(api, f"/collections/{one['id']}") == one
    (begin, end) = found["collections"][1]["extent"]["temporal"]["interval"][0]
    assert (begin, end) == ("2020-06-15T12:00:00.000000Z", "2020-06-15T13:30:25.000009Z")
    assert found["collections"][1]["summaries"] == {
        "platform": ["sentinel-1a", "sentinel-1c"], "constellation": ["sentinel-1"], "instruments": ["c-sar"],
        "product:type": ["IW_SLC__1S"], "product:timeliness_category": ["NRT"], "sar:instrument_mode": ["IW"],
        "sar:frequency_band": ["C"], "sar:polarizations": ["VH", "VV"], "sat:orbit_state": ["ascending", "descending"],
        "processing:level": ["L1"], "processing:facility": ["s1pdgs"],
    }  # fmt: skip
    assert found["collections"][1]["extent"]["spatial"]["bbox"] == [[-180.0, -75.0, 180.0, 47.0]]


def test_the_landing_page_leads_everywhere(api: httpx2.Client, site: str) -> None:
    page = get(api, "/")
    assert LandingPage.model_validate(page)
    links = {link["rel"]: link["href"] for link in page["links"]}
    assert links["root"] == links["self"] == f"{site}/stac/"
    assert {link["title"] for link in page["links"] if link["rel"] == "child"} == set(TYPES)
    for address in sorted({link["href"] for link in page["links"] if link.get("method", "GET") == "GET"}):
        assert api.get(address).status_code == 200, address
    assert (page["id"], page["stac_version"]) == ("s1pdgs", "1.1.0")
    assert get(api, links["http://www.opengis.net/def/rel/ogc/1.0/sortables"])["properties"]["id"] == {"type": "string"}
    both = [f"{part}#{name}" for part in ("item-search", "ogcapi-features") for name in ("fields", "sort", "query")]
    for name in ("cql2-json", "cql2-text", "features-filter", *both):
        assert any(one.endswith(name) for one in page["conformsTo"]), name


def test_what_may_be_asked_for_is_told_for_each_collection(api: httpx2.Client) -> None:
    schema = get(api, "/collections/IW_SLC__1S/queryables")
    assert schema["properties"]["sat:absolute_orbit"] == {"type": "integer"}
    assert schema["properties"]["datetime"]["format"] == "date-time"
    assert schema["$id"].endswith("/stac/collections/IW_SLC__1S/queryables")
    assert "datetime" in get(api, "/sortables")["properties"]


@pytest.mark.usefixtures("areas")
def test_get_and_post_agree(api: httpx2.Client) -> None:
    some = ids(get(api, "/search", limit=100))[2:5]
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"ids": ",".join(some)}, {"ids": some}),
        ({"collections": "IW_SLC__1S"}, {"collections": ["IW_SLC__1S"]}),
        ({"bbox": "9,44,11,46"}, {"bbox": [9, 44, 11, 46]}),
        ({"bbox": "9,44,0,11,46,9"}, {"bbox": [9, 44, 0, 11, 46, 9]}),
        ({"datetime": "../2020-06-15T12:30:00Z"}, {"datetime": "../2020-06-15T12:30:00Z"}),
        ({"datetime": "2020-06-15T12:10:05Z"}, {"datetime": "2020-06-15T12:10:05Z"}),
        ({"sortby": "+created,-id"}, {"sortby": [{"field": "created", "direction": "asc"}]}),
        ({"sortby": "-properties.updated"}, {"sortby": [{"field": "properties.updated", "direction": "desc"}]}),
        ({"ids": ",".join(some), "bbox": "9,44,11,46"}, {"ids": some, "bbox": [9, 44, 11, 46]}),
    ]  # fmt: skip
    for query, body in pairs:
        found = ids(get(api, "/search", limit=50, **query))
        assert found == ids(post(api, limit=50, **body)), query
        assert found or "ids" in query
    assert sorted(ids(get(api, "/search", ids=",".join(some)))) == sorted(some)
    assert len(ids(get(api, "/search", datetime="2020-06-15T12:10:05Z"))) == 1


def test_the_items_of_a_collection_are_paged(api: httpx2.Client) -> None:
    page = get(api, "/collections/IW_SLC__1S/items", limit=3)
    assert ItemCollection.model_validate(page)
    following = next(link["href"] for link in page["links"] if link["rel"] == "next")
    last = get(api, following)
    assert len(set(ids(page) + ids(last))) == 4
    assert not [link for link in last["links"] if link["rel"] == "next"]


POLARISATIONS = {"property": "sar:polarizations"}
CQL2: list[tuple[str, Any, int]] = [
    ("collection IN ('IW_SLC__1S','X')", {"op": "in", "args": [{"property": "collection"}, ["IW_SLC__1S", "X"]]}, 4),
    ("NOT platform = 'sentinel-1a'",
     {"op": "not", "args": [{"op": "=", "args": [{"property": "platform"}, "sentinel-1a"]}]}, 6),
    ("sat:absolute_orbit BETWEEN 33002 AND 33004",
     {"op": "between", "args": [{"property": "sat:absolute_orbit"}, 33002, 33004]}, 3),
    ("sat:orbit_state IS NULL", {"op": "isNull", "args": [{"property": "sat:orbit_state"}]}, 3),
    ("sat:orbit_state IS NOT NULL",
     {"op": "not", "args": [{"op": "isNull", "args": [{"property": "sat:orbit_state"}]}]}, 9),
    ("datetime >= TIMESTAMP('2020-06-15T13:00:00Z')",
     {"op": ">=", "args": [{"property": "datetime"}, {"timestamp": "2020-06-15T13:00:00Z"}]}, 6),
    ("created < '2026-01-05T08:00:03Z'", {"op": "<", "args": [{"property": "created"}, "2026-01-05T08:00:03Z"]}, 2),
    ("id='x' OR \"properties.sar:instrument_mode\" <> 'IW'",
     {"op": "or", "args": [{"op": "=", "args": [{"property": "id"}, "x"]},
                           {"op": "<>", "args": [{"property": "properties.sar:instrument_mode"}, "IW"]}]}, 4),
    ("33004 > sat:absolute_orbit", {"op": ">", "args": [33004, {"property": "sat:absolute_orbit"}]}, 4),
    ("id LIKE 'S1_\\_IW%'", {"op": "like", "args": [{"property": "id"}, "S1_\\_IW%"]}, 8),
    ("CASEI(id) LIKE CASEI('s1a%')",
     {"op": "like", "args": [{"op": "casei", "args": [{"property": "id"}]}, {"op": "casei", "args": ["s1a%"]}]}, 6),
    ("casei(sar:instrument_mode) = casei('iW')",
     {"op": "=", "args": [{"op": "casei", "args": [{"property": "sar:instrument_mode"}]},
                          {"op": "casei", "args": ["iW"]}]}, 8),
    ("processing:level = 'L1' AND s1:product_timeliness = 'NRT' and s1:datatake_id = '101'",
     {"op": "and", "args": [{"op": "=", "args": [{"property": "processing:level"}, "L1"]},
                            {"op": "=", "args": [{"property": "s1:product_timeliness"}, "NRT"]},
                            {"op": "=", "args": [{"property": "s1:datatake_id"}, "101"]}]}, 2),
    ("eo:cloud_cover < 10 OR eo:cloud_cover IS NULL",
     {"op": "or", "args": [{"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]},
                           {"op": "isNull", "args": [{"property": "eo:cloud_cover"}]}]}, 12),
    ("mission NOT LIKE 'sentinel%'",
     {"op": "not", "args": [{"op": "like", "args": [{"property": "mission"}, "sentinel%"]}]}, 0),
    ("T_INTERSECTS(datetime, INTERVAL('2020-06-15T13:00:00Z', '..'))",
     {"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2020-06-15T13:00:00Z", ".."]}]}, 6),
    ("(collection='IW_SLC__1S') AND (TRUE)",
     {"op": "and", "args": [{"op": "=", "args": [{"property": "collection"}, "IW_SLC__1S"]}, True]}, 4),
    ("NOT false", {"op": "not", "args": [False]}, 12),
    ("A_CONTAINS(sar:polarizations, ('VV'))", {"op": "a_contains", "args": [POLARISATIONS, ["VV"]]}, 12),
    ("NOT A_CONTAINS(sar:polarizations, ('VV','HH'))",
     {"op": "not", "args": [{"op": "a_contains", "args": [POLARISATIONS, ["VV", "HH"]]}]}, 12),
    ("A_EQUALS(sar:polarizations, ('VH','VV'))", {"op": "a_equals", "args": [POLARISATIONS, ["VH", "VV"]]}, 12),
    ("A_EQUALS(sar:polarizations, ('VV'))", {"op": "a_equals", "args": [POLARISATIONS, ["VV"]]}, 0),
    ("A_CONTAINEDBY(sar:polarizations, ('VV','VH','HH'))",
     {"op": "a_containedBy", "args": [POLARISATIONS, ["VV", "VH", "HH"]]}, 12),
    ("a_containedBy(('VV'), sar:polarizations)", {"op": "a_containedBy", "args": [["VV"], POLARISATIONS]}, 12),
    ("A_OVERLAPS(sar:polarizations, ('VV','XX'))", {"op": "a_overlaps", "args": [POLARISATIONS, ["VV", "XX"]]}, 12),
    ("A_OVERLAPS(sar:polarizations, ('V','&'))", {"op": "a_overlaps", "args": [POLARISATIONS, ["V", "&"]]}, 0),
    ("sar:polarizations IS NULL", {"op": "isNull", "args": [POLARISATIONS]}, 0),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expression", "matched"), CQL2, ids=[text for text, _, _ in CQL2])
def test_cql2_filters(api: httpx2.Client, text: str, expression: Any, matched: int) -> None:
    assert cql2_text.to_json(text) == expression
    assert get(api, "/search", filter=text, limit=1)["numberMatched"] == matched
    assert post(api, **{"filter": text, "filter-lang": "cql2-text"}, limit=1)["numberMatched"] == matched
    assert post(api, filter=expression, limit=1)["numberMatched"] == matched
    assert (
        get(api, "/search", **{"filter": json.dumps(expression), "filter-lang": "cql2-json"}, limit=1)["numberMatched"]
        == matched
    )


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("sat:orbit_state = 'ascending'", 5),
        ("sat:orbit_state <> 'ascending'", 4),
        ("NOT sat:orbit_state = 'ascending'", 4),
        ("NOT NOT sat:orbit_state = 'ascending'", 5),
        ("sat:orbit_state IN ('ascending','descending')", 9),
        ("sat:orbit_state NOT IN ('ascending')", 4),
        ("sat:orbit_state NOT LIKE 'asc%'", 4),
        ("sat:orbit_state NOT BETWEEN 'a' AND 'b'", 4),
        ("sat:orbit_state = sat:orbit_state", 9),
        ("NOT (sat:orbit_state = 'ascending' AND platform = 'sentinel-1a')", 6),
        ("NOT (sat:orbit_state = 'ascending' OR platform = 'sentinel-1a')", 4),
        ("NOT eo:cloud_cover < 5", 0),
        ("NOT eo:cloud_cover IN (5)", 0),
        ("NOT T_INTERSECTS(datetime, TIMESTAMP('2020-06-15T12:00:10Z'))", 11),
    ],
)
def test_what_is_said_of_null_is_neither_true_nor_false(api: httpx2.Client, text: str, matched: int) -> None:
    """Three of the twelve have no `sat:orbit_state` (OGC 21-065r2, clause 6)."""
    assert get(api, "/search", filter=text, limit=1)["numberMatched"] == matched


@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("S_INTERSECTS(geometry, POINT(11 46))", 3),
        ("S_INTERSECTS(POINT(11 46), geometry)", 3),
        ("NOT S_INTERSECTS(geometry, POINT(11 46))", 9),
        ("NOT S_DISJOINT(POINT Z (11 46 5), geometry)", 3),
        ("NOT S_WITHIN(geometry, POLYGON((9 44,13 44,13 48,9 48,9 44)))", 9),
        ("S_WITHIN(geometry, POLYGON((9 44,13 44,13 48,9 48,9 44)))", 3),
        ("S_DISJOINT(geometry, POLYGON((9 44,15 44,15 48,9 48,9 44)))", 6),
        ("S_INTERSECTS(geometry, BBOX(178.5,-19,-178.5,-15))", 3),
        ("s_intersects(geometry, GEOMETRYCOLLECTION(POINT(11 46),LINESTRING(178 -17,-178 -17)))", 6),
        ("s_disjoint(geometry, GEOMETRYCOLLECTION(POINT(11 46),LINESTRING(178 -17,-178 -17)))", 6),
        ("s_intersects(geometry, MULTIPOINT((11 46),(13 46))) AND NOT s_intersects(geometry, POINT(13 46))", 3),
    ],
)
def test_cql2_filters_by_area(api: httpx2.Client, text: str, matched: int) -> None:
    assert get(api, "/search", filter=text, limit=50)["numberMatched"] == matched
    assert post(api, filter=cql2_text.to_json(text), limit=50)["numberMatched"] == matched


def test_the_items_of_a_collection_are_filtered_sorted_and_cut_to_fields(api: httpx2.Client) -> None:
    asked = {"filter": "sat:absolute_orbit > 33002", "sortby": "datetime", "fields": "id,properties.sat:absolute_orbit"}
    found = get(api, "/collections/IW_SLC__1S/items", limit=50, **asked)["features"]
    assert [one["properties"] for one in found] == [{"sat:absolute_orbit": 33000 + n} for n in (3, 6, 9)]
    assert all(set(one) == {"type", "stac_version", "id", "collection", "properties"} for one in found)


def test_fields_are_chosen_alike_by_both_methods(api: httpx2.Client) -> None:
    whole = get(api, "/search", limit=1)["features"][0]
    always = {"type", "stac_version", "id", "collection"}
    cases: list[tuple[str, dict[str, Any], set[str]]] = [
        ("id", {"include": ["id"]}, always),
        ("+geometry,bbox", {"include": ["geometry", "bbox"]}, always | {"geometry", "bbox"}),
        ("-geometry", {"exclude": ["geometry"]}, set(whole) - {"geometry"}),
        ("assets,-assets.product", {"include": ["assets"], "exclude": ["assets.product"]}, always | {"assets"}),
        ("-properties,properties.platform", {"exclude": ["properties"], "include": ["properties.platform"]},
         always | {"properties"}),
        ("-bbox,bbox", {"include": ["bbox"], "exclude": ["bbox"]}, always | {"bbox"}),
        ("", {}, set(whole) - {"stac_extensions"}),
    ]  # fmt: skip
    for query, body, names in cases:
        by_query = get(api, "/search", limit=1, fields=query)["features"][0]
        assert by_query == post(api, limit=1, fields=body)["features"][0]
        assert set(by_query) == names
        assert "product" not in by_query.get("assets", {}) or "-assets.product" not in query
    assert get(api, "/search", limit=1, fields="")["features"][0]["properties"] == {
        "datetime": whole["properties"]["datetime"]
    }
    of_default = post(api, limit=1, fields={"exclude": ["geometry"], "include": []})["features"][0]
    assert set(of_default["properties"]) == {"datetime"}
    assert api.post("/search", json={"fields": None}).status_code == 400


QUERIES: list[tuple[dict[str, Any], int]] = [
    ({}, 12),
    ({"platform": {"eq": "sentinel-1a"}}, 6),
    ({"platform": {"neq": "sentinel-1a"}, "sat:orbit_state": {"eq": "descending"}}, 4),
    ({"sat:absolute_orbit": {"gte": 33002, "lt": 33004}}, 2),
    ({"properties.sat:absolute_orbit": {"gt": 33002, "lte": 33004}}, 2),
    ({"collection": {"in": ["IW_SLC__1S", "X"]}}, 4),
    ({"sat:absolute_orbit": {"eq": "33002"}}, 1),
    ({"id": {"startsWith": "S1A_IW"}}, 4),
    ({"id": {"contains": "_IW_"}, "datetime": {"gte": "2020-06-15T13:00:00Z"}}, 4),
    ({"id": {"contains": "1SDV%"}}, 0),
    ({"id": {"endsWith": ".SAFE"}}, 12),
    ({"eo:cloud_cover": {"lte": 10}}, 0),
    ({"sar:polarizations": {"eq": ["VV", "VH"]}}, 12),
    ({"sar:polarizations": {"contains": "HH"}}, 0),
    ({"sar:polarizations": {"in": ["HH", "VV"]}}, 12),
    ({"constellation": {"eq": "sentinel-1"}, "order:status": {"eq": "succeeded"}}, 12),
]


@pytest.mark.parametrize(("query", "matched"), QUERIES, ids=[json.dumps(query) for query, _ in QUERIES])
def test_properties_are_queried_as_older_clients_do(api: httpx2.Client, query: dict[str, Any], matched: int) -> None:
    assert post(api, query=query, limit=1)["numberMatched"] == matched
    assert get(api, "/search", query=json.dumps(query), limit=1)["numberMatched"] == matched
    only = post(api, query=query, collections=["IW_SLC__1S"], limit=20)["numberMatched"]
    assert get(api, "/collections/IW_SLC__1S/items", query=json.dumps(query))["numberMatched"] == only


@pytest.mark.parametrize(
    "query",
    [[], "x", {"platform": "sentinel-1a"}, {"platform": {}}, {"platform": {"is": "x"}}, {"plattform": {"eq": "x"}},
     {"id": {"startsWith": 5}}, {"sat:absolute_orbit": {"eq": "many"}}, {"collection": {"in": "x"}},
     {"id": {"eq": None}}],
)  # fmt: skip
def test_wrong_queries_of_properties_are_refused(api: httpx2.Client, query: Any) -> None:
    assert api.post("/search", json={"query": query}).status_code == 400
    assert api.get("/search", params={"query": json.dumps(query)}).status_code == 400


def test_pystac_client_queries_properties(client: Client) -> None:
    found = client.search(query=["sat:orbit_state=ascending", "sat:absolute_orbit>33005"])
    assert {item.properties["sat:absolute_orbit"] for item in found.items()} == {33007, 33009, 33011}


def test_geometries_of_filters_are_in_longitude_and_latitude(api: httpx2.Client) -> None:
    text = "platform = 'sentinel-1a'"
    for ours in ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/OGC/0/CRS84h"):
        assert get(api, "/search", **{"filter": text, "filter-crs": ours})["numberMatched"] == 6
    for path in ("/search", "/collections/IW_SLC__1S/items"):
        refused = api.get(path, params={"filter": text, "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/3857"})
        assert refused.status_code == 400
        assert "CRS84" in refused.json()["description"]
    assert api.post("/search", json={"filter": cql2_text.to_json(text), "filter-crs": "EPSG:3857"}).status_code == 400


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("bbox=1,2,3", {"bbox": [1, 2, 3]}),
        ("bbox=1,50,3,40", {"bbox": [1, 50, 3, 40]}),
        ("datetime=..", {"datetime": ".."}),
        ("datetime=2020-06-15", {"datetime": "2020-06-15"}),
        ("datetime=2020-06-15T12:00:00", {"datetime": "2020-06-15T12:00:00"}),
        ("datetime=2020-06-15_12:00:00Z", {"datetime": "2020-06-15_12:00:00Z"}),
        ("datetime=1/2/3", {"datetime": "1/2/3"}),
        ("datetime=", {"datetime": ""}),
        ("limit=0", {"limit": 0}),
        ("nothing=x&token=x", {"token": "x"}),
    ],
)
def test_what_is_wrong_is_wrong_by_both_methods_in_one_form(
    api: httpx2.Client, query: str, body: dict[str, Any]
) -> None:
    for answer in (api.get(f"/search?{query}"), api.post("/search", json=body)):
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"code", "description"}
        assert "union" not in answer.json()["description"]


NESTED: dict[str, Any] = {"op": "=", "args": [{"property": "id"}, "x"]}
for _ in range(30):
    NESTED = {"op": "not", "args": [NESTED]}


@pytest.mark.parametrize(
    "expression",
    [
        {"op": "like", "args": [{"property": "id"}, 5]},
        {"op": "like", "args": [{"property": "datetime"}, "S1A%"]},
        {"op": "like", "args": [{"property": "id"}, "a" * 300]},
        {"op": "+", "args": [{"property": "id"}, 5]},
        {"op": "=", "args": [{"property": "idd"}, "x"]},
        {"op": "=", "args": [{"property": "sat:absolute_orbt"}, 5]},
        {"op": "=", "args": ["x", "y"]},
        {"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2020-01-01"]}]},
        {"op": "t_intersects", "args": [{"property": "created"}, {"date": "2020-01-01"}]},
        {"op": "casei", "args": [{"property": "id"}]},
        {"op": "=", "args": [{"op": "casei", "args": [{"property": "datetime"}]}, "x"]},
        {"op": "=", "args": [{"property": "id"}]},
        {"op": "=", "args": [{"property": "id"}, 5]},
        {"op": "=", "args": [{"property": "id"}, {"x": 1}]},
        {"op": "=", "args": [{"property": "id"}, "\x00"]},
        {"op": "=", "args": [{"property": "sat:absolute_orbit"}, 2**70]},
        {"op": ">", "args": [{"property": "datetime"}, "yesterday"]},
        {"op": "in", "args": [{"property": "id"}, "x"]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Nowhere"}]},
        {"op": "s_intersects", "args": [{"property": "id"}, ITALY]},
        {"op": "=", "args": [POLARISATIONS, "VV"]},
        {"op": "a_contains", "args": [POLARISATIONS, "VV"]},
        {"op": "a_contains", "args": [POLARISATIONS, [5]]},
        {"op": "a_contains", "args": [{"property": "platform"}, ["x"]]},
        {"op": "and", "args": []},
        {"op": "and"},
        {"args": []},
        {"op": 5, "args": [1]},
        NESTED,
    ],
)
def test_wrong_cql2_is_refused(api: httpx2.Client, expression: Any) -> None:
    reply = api.post("/search", json={"filter": expression})
    assert reply.status_code == 400, reply.text
    assert len(reply.json()["description"]) > 10


@pytest.mark.parametrize(
    "query",
    ["bbox=1,2,3", "bbox=nan,2,3,4", "bbox=1,50,3,40", "bbox=0,0,999,1", "bbox=a,b,c,d", "limit=0", "limit=x",
     "limit=-1", "datetime=yesterday", "datetime=2020-01-02T00:00:00Z/2020-01-01T00:00:00Z", "datetime=../..",
     "datetime=2020-13-01T00:00:00Z", "intersects=x", "intersects={}", "sortby=color", "token=x", "token=%00",
     "filter=id%3D'x", "filter=id%3D5", "filter=id", "filter=a%2B1>2", "filter=S_WITHIN(geometry,POINT(1))",
     "filter=id%3D'x'&filter-lang=cql2-json", "filter={&filter-lang=cql2-json", "filter=id%3D'x'&filter-lang=sql",
     "filter=" + "(" * 3000, "filter=" + "NOT " * 500 + "id%3D'x'", "filter=id IN (" + "'x'," * 2000 + "'x')",
     "bbox=0,0,1,1&intersects=%7B%22type%22%3A%22Point%22%2C%22coordinates%22%3A%5B1%2C1%5D%7D",
     "ids=%00"],
)  # fmt: skip
def test_wrong_queries_are_refused(api: httpx2.Client, query: str) -> None:
    reply = api.get(f"/search?{query}")
    assert reply.status_code == 400, (query, reply.text)


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"bbox":[1,2,3]}', b'{"bbox":[0,50,1,40]}', b'{"limit":0}', b'{"limit":"x"}', b'{"datetime":"x"}',
     b'{"intersects":{"type":"Point","coordinates":[400,0]}}', b'{"intersects":{"type":"Polygon","coordinates":[]}}',
     b'{"bbox":[0,0,1,1],"intersects":{"type":"Point","coordinates":[1,1]}}', b'{"ids":"x"}', b'{"ids":["\\ud800"]}',
     b'{"sortby":[{"field":"color","direction":"asc"}]}', b'{"token":"x"}', b'{"datetime":"2020-01-01"}', b"\xff"],
)  # fmt: skip
def test_wrong_bodies_are_refused(api: httpx2.Client, body: bytes) -> None:
    reply = api.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 400, (body, reply.text)


def test_every_error_has_a_code_and_a_description(api: httpx2.Client) -> None:
    for answer, status in (
        (api.get("/nothing"), 404), (api.get("/collections/X"), 404), (api.put("/search"), 405),
        (api.get("/search", params={"bbox": "x"}), 400),
    ):  # fmt: skip
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "description"}
        assert len(answer.json()["description"]) > 10


def test_head_tells_what_get_would(api: httpx2.Client) -> None:
    item = next(one["href"] for one in get(api, "/search")["features"][0]["links"] if one["rel"] == "self")
    for path in ("/", "/search", "/collections", "/collections/IW_SLC__1S/items", item):
        asked, read = api.head(path), api.get(path)
        assert (asked.status_code, asked.content) == (200, b"")
        assert asked.headers["content-type"] == read.headers["content-type"]
    assert api.head("/collections/X").status_code == 404


def test_what_a_client_has_is_not_sent_again(api: httpx2.Client) -> None:
    item = next(one["href"] for one in get(api, "/search")["features"][0]["links"] if one["rel"] == "self")
    for path in (item, "/collections/IW_SLC__1S"):
        etag = api.get(path).headers["etag"]
        again = api.get(path, headers={"If-None-Match": f'"x", {etag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert api.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/collections/X", "/collections/X/items", "/collections/X/items/Y", "/collections/IW_SLC__1S/items/Y",
             "/collections/X/queryables", "/nothing"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(api: httpx2.Client, path: str) -> None:
    assert api.get(path).status_code == 404


def test_answers_have_the_media_types_of_the_specification(api: httpx2.Client) -> None:
    item = get(api, "/search")["features"][0]["links"][0]["href"]
    for path in ("/search", item, "/collections/IW_SLC__1S/items"):
        assert api.get(path).headers["content-type"] == "application/geo+json"
    assert api.get("/collections").headers["content-type"] == "application/json"
    assert api.get("/queryables").headers["content-type"] == "application/schema+json"
    preflight = api.options("/search", headers={"Origin": "https://x", "Access-Control-Request-Method": "POST"})
    assert preflight.headers["access-control-allow-origin"] == "*"


def test_links_carry_the_address_that_users_reach(shelf: Segment) -> None:
    app = FastAPI()
    mount(app, shelf.database, shelf.store, base_url="https://pdgs.example/s1/")
    with serving(app) as address:
        page = httpx2.get(f"{address}/stac/search?limit=1").json()
        landing = httpx2.get(f"{address}/stac/").text
    addresses = [link["href"] for link in page["links"] + page["features"][0]["links"]]
    addresses += [asset["href"] for asset in page["features"][0]["assets"].values()]
    assert all(one.startswith("https://pdgs.example/s1/") for one in addresses)
    assert "127.0.0.1" not in landing


def test_the_root_answers_without_its_slash_as_browsers_need_it(site: str) -> None:
    answer = httpx2.get(f"{site}/stac", headers={"Origin": "https://browser.example"}, follow_redirects=False)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json() == httpx2.get(f"{site}/stac/").json()
