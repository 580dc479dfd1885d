"""The PRIP as its clients meet it: a real server, real HTTP."""

import base64
import email.message
import email.policy
import hashlib
import io
import json
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import shapely
from fastapi import Depends, FastAPI, Header, HTTPException
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from s1pdgs.publication.service import mount
from s1pdgs.publication.tables import publication
from tests.unit.publication.conftest import (
    NOON,
    PNG,
    Segment,
    product_name,
    serving,
    square,
    store_product,
)

NAMESPACE = {"m": "http://docs.oasis-open.org/odata/ns/edm"}


def get(prip: httpx2.Client, path: str, **options: str) -> Any:
    reply = prip.get(path, params={f"${name}": value for name, value in options.items()})
    assert reply.status_code == 200, reply.text
    return reply.json()


def refused(reply: httpx2.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"code", "message"}
    return str(error["message"])


def test_a_product_has_the_shape_of_the_interface_document(prip: httpx2.Client) -> None:
    body = get(prip, "/Products", top="1", count="True", expand="Attributes,Quicklooks")
    assert body["@odata.context"] == "$metadata#Products"
    assert body["@odata.count"] == 12
    (product,) = body["value"]
    assert set(product) == {
        "@odata.mediaContentType", "Id", "Name", "ContentType", "ContentLength", "OriginDate", "PublicationDate",
        "ModificationDate", "Online", "EvictionDate", "Checksum", "ProductionType", "ContentDate", "Footprint",
        "GeoFootprint", "Attributes", "Quicklooks",
    }  # fmt: skip
    assert product["Name"].endswith(".SAFE.zip")
    assert product["ContentDate"] == {"Start": "2020-06-15T12:00:00.000000Z", "End": "2020-06-15T12:00:25.000000Z"}
    assert product["PublicationDate"] == "2026-01-05T08:00:01.000000Z"
    assert product["OriginDate"] == "2020-06-15T13:00:00.000000Z"
    assert product["Footprint"] == "geography'SRID=4326;POLYGON((10 45,12 45,12 47,10 47,10 45))'"
    assert product["GeoFootprint"]["type"] == "Polygon"
    assert [one["Algorithm"] for one in product["Checksum"]] == ["MD5", "SHA256"]
    assert product["Quicklooks"] == [{"Image": product["Name"].replace(".zip", ".png")}]
    attributes = {one["Name"]: one for one in product["Attributes"]}
    assert attributes["datatakeID"]["Value"] == attributes["missionDatatakeID"]["Value"] == 100
    assert attributes["timeliness"]["Value"] == "NRT"
    assert attributes["beginningDateTime"] == {
        "@odata.type": "#OData.CSC.DateTimeOffsetAttribute", "Name": "beginningDateTime",
        "ValueType": "DateTimeOffset", "Value": "2020-06-15T12:00:00.000000Z",
    }  # fmt: skip


def test_outlines_of_footprints_have_their_inside_on_the_left(prip: httpx2.Client) -> None:
    for product in get(prip, "/Products", select="Footprint,GeoFootprint")["value"]:
        shape = shapely.from_geojson(json.dumps(product["GeoFootprint"]))
        assert all(part.exterior.is_ccw for part in shapely.get_parts(shape))
        assert shapely.from_wkt(product["Footprint"].removeprefix("geography'SRID=4326;").rstrip("'")) == shape


def test_a_footprint_over_the_dateline_is_cut_there(prip: httpx2.Client) -> None:
    product = get(prip, "/Products", skip="1", top="1")["value"][0]
    assert product["Footprint"].startswith("geography'SRID=4326;MULTIPOLYGON(((")
    longitudes = [x for polygon in product["GeoFootprint"]["coordinates"] for ring in polygon for x, _ in ring]
    assert (min(longitudes), max(longitudes)) == (-180.0, 180.0)
    assert all(abs(x) >= 179.0 for x in longitudes)


@pytest.mark.parametrize("top", [1, 5, 6, 100])
def test_following_next_links_reads_every_product_once_in_order(prip: httpx2.Client, top: int) -> None:
    for order in ("PublicationDate asc", "ContentDate/Start desc", "ContentLength,Name desc", "Online desc"):
        body = get(prip, "/Products", top=str(top), orderby=order, filter="Online eq true")
        names = [one["Name"] for one in body["value"]]
        while "@odata.nextLink" in body:
            assert "%24skip=" in body["@odata.nextLink"]
            body = prip.get(body["@odata.nextLink"]).json()
            names += [one["Name"] for one in body["value"]]
        assert names == [one["Name"] for one in get(prip, "/Products", orderby=order)["value"]]
        assert len(set(names)) == 12


def test_clients_that_take_only_skip_from_the_next_link_read_on(prip: httpx2.Client) -> None:
    body = get(prip, "/Products", top="5")
    options = parse_qs(urlsplit(body["@odata.nextLink"]).query)
    rest = get(prip, "/Products", top="5", skip=options["$skip"][0])
    names = [one["Name"] for one in get(prip, "/Products")["value"]]
    assert [one["Name"] for one in rest["value"]] == names[5:10]


def test_count_comes_as_plain_text_too(prip: httpx2.Client) -> None:
    reply = prip.get("/Products/$count", params={"$filter": "contains(Name,'SLC')"})
    assert (reply.text, reply.headers["content-type"].split(";")[0]) == ("4", "text/plain")
    assert get(prip, "/Products", filter="contains(Name,'SLC')", count="true", top="0")["@odata.count"] == 4


def test_select_takes_some_properties(prip: httpx2.Client) -> None:
    product = get(prip, "/Products", select="Name, Id", top="1")["value"][0]
    assert set(product) == {"@odata.mediaContentType", "Name", "Id"}


def test_one_product_and_its_parts_have_addresses(prip: httpx2.Client) -> None:
    listed = get(prip, "/Products", top="1", expand="Attributes")["value"][0]
    key = listed["Id"]
    for address in (f"/Products({key})", f"/Products('{key}')", f"/Products({key.upper()})"):
        product = get(prip, address, format="json", expand="Attributes")
        assert product.pop("@odata.context") == "$metadata#Products/$entity"
        assert product == listed
    assert get(prip, f"/Products({key})/Attributes")["value"] == listed["Attributes"]
    image = get(prip, f"/Products({key})/Quicklooks")["value"][0]["Image"]
    reply = prip.get(f"/Products({key})/Quicklooks('{image}')/$value")
    assert (reply.content, reply.headers["content-type"]) == (PNG, "image/png")
    assert "no quicklook" in refused(prip.get(f"/Products({key})/Quicklooks('x.png')/$value"), 404)


def test_a_list_of_names_is_filtered(prip: httpx2.Client) -> None:
    listed = get(prip, "/Products")["value"]
    body = {"FilterProducts": [{"Name": listed[3]["Name"]}, {"Id": listed[5]["Id"]}, {"Name": "S1A_NONE.SAFE.zip"}]}
    reply = prip.post("/Products/OData.CSC.FilterList", json=body)
    assert [one["Name"] for one in reply.json()["value"]] == [listed[3]["Name"], listed[5]["Name"]]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"FilterProducts":1}', b'{"FilterProducts":[{"Name":"\\ud800"}]}',
     b'{"FilterProducts":[' + b'{"Name":"a"},' * 1000 + b'{"Name":"a"}]}', b"\xff"],
)  # fmt: skip
def test_a_malformed_list_is_refused(prip: httpx2.Client, body: bytes) -> None:
    assert refused(prip.post("/Products/OData.CSC.FilterList", content=body), 400)


def test_a_list_that_is_too_long_is_refused(prip: httpx2.Client) -> None:
    body = b'{"FilterProducts":"' + b"a" * 2**20
    assert "longer than 1048576 bytes" in refused(prip.post("/Products/OData.CSC.FilterList", content=body), 413)


def _download(prip: httpx2.Client) -> tuple[str, dict[str, Any], bytes]:
    product = get(prip, "/Products", top="1")["value"][0]
    address = f"/Products({product['Id']})/$value"
    return address, product, prip.get(address).content


def test_a_download_is_the_zip_with_its_proofs(prip: httpx2.Client) -> None:
    address, product, data = _download(prip)
    reply = prip.get(address)
    assert reply.status_code == 200
    assert len(data) == product["ContentLength"] == int(reply.headers["content-length"])
    sums = {one["Algorithm"]: one["Value"] for one in product["Checksum"]}
    assert sums["MD5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert sums["SHA256"] == hashlib.sha256(data).hexdigest()
    assert reply.headers["etag"] == f'"{sums["SHA256"]}"'
    assert reply.headers["digest"] == "sha-256=" + base64.b64encode(bytes.fromhex(sums["SHA256"])).decode()
    assert reply.headers["content-md5"] == base64.b64encode(bytes.fromhex(sums["MD5"])).decode()
    assert f'filename="{product["Name"]}"' in reply.headers["content-disposition"]
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None


def test_a_broken_download_resumes(prip: httpx2.Client) -> None:
    address, _, data = _download(prip)
    first = prip.get(address, headers={"Range": "bytes=0-999"})
    assert (first.status_code, first.headers["content-range"]) == (206, f"bytes 0-999/{len(data)}")
    rest = prip.get(address, headers={"Range": "bytes=1000-", "If-Range": first.headers["etag"]})
    assert first.content + rest.content == data
    assert "content-md5" not in rest.headers


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=5-5", 206, slice(5, 6)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=-99999999", 206, slice(None)),
        ("bytes=10-99999999", 206, slice(10, None)),
        ("BYTES=0-1", 206, slice(0, 2)),
        ("bytes=,0-1, ,", 206, slice(0, 2)),
        ("bytes=,", 200, slice(None)),
        ("bytes=7-3", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("items=0-5", 200, slice(None)),
        ("bytes=a-b", 200, slice(None)),
    ],
)
def test_ranges(prip: httpx2.Client, asked: str, status: int, part: slice) -> None:
    address, _, data = _download(prip)
    reply = prip.get(address, headers={"Range": asked})
    assert (reply.status_code, reply.content) == (status, data[part])


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=99999999-999999999", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(prip: httpx2.Client, asked: str) -> None:
    address, _, data = _download(prip)
    reply = prip.get(address, headers={"Range": asked})
    assert "behind the end" in refused(reply, 416)
    assert reply.headers["content-range"] == f"bytes */{len(data)}"


def test_several_ranges_come_in_parts(prip: httpx2.Client) -> None:
    address, _, data = _download(prip)
    reply = prip.get(address, headers={"Range": "bytes=0-1, 5-6,-3, 99999999-"})
    assert reply.status_code == 206
    assert "content-range" not in reply.headers
    whole = f"Content-Type: {reply.headers['content-type']}\r\n\r\n".encode() + reply.content
    parts = email.message_from_bytes(whole, policy=email.policy.HTTP).iter_parts()
    told = [(part["Content-Type"], part["Content-Range"], part.get_payload(decode=True)) for part in parts]
    assert told == [
        ("application/zip", f"bytes 0-1/{len(data)}", data[:2]),
        ("application/zip", f"bytes 5-6/{len(data)}", data[5:7]),
        ("application/zip", f"bytes {len(data) - 3}-{len(data) - 1}/{len(data)}", data[-3:]),
    ]


@pytest.mark.parametrize(
    ("asked", "why"), [("0-9,5-6", "overlap"), (",".join(["0-0"] * 17), "17 ranges were asked for")]
)
def test_ranges_that_nobody_needs_are_refused(prip: httpx2.Client, asked: str, why: str) -> None:
    address, _, data = _download(prip)
    reply = prip.get(address, headers={"Range": f"bytes={asked}"})
    assert why in refused(reply, 416)
    assert reply.headers["content-range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(prip: httpx2.Client, method: str) -> None:
    reply = prip.request(method, "/Products")
    assert "is not possible here" in refused(reply, 405)
    assert reply.headers["allow"] == "GET, HEAD"


def test_the_manifest_has_every_file_of_the_zip(prip: httpx2.Client) -> None:
    _, product, data = _download(prip)
    told = get(prip, f"/Products({product['Id']})/Manifest")
    whole = told["product"]
    assert (whole["name"], whole["size"], told["hash_algorithm"]) == (product["Name"], len(data), "SHA256")
    assert whole["hash"] == hashlib.sha256(data).hexdigest()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert whole["contents"] == [
        {"path": path, "size": len(contents[path]), "hash": hashlib.sha256(contents[path]).hexdigest(),
         "md5": hashlib.md5(contents[path], usedforsecurity=False).hexdigest()}
        for path in sorted(contents)
    ]  # fmt: skip


def test_the_manifest_as_text_is_checked_beside_the_unpacked_zip(prip: httpx2.Client, tmp_path: Path) -> None:
    _, product, data = _download(prip)
    reply = prip.get(f"/Products({product['Id']})/Manifest", headers={"Accept": "text/plain"})
    assert reply.headers["content-type"].startswith("text/plain")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path)

    def check() -> int:
        return subprocess.run(
            ["sha256sum", "--check", "--strict"], cwd=tmp_path, input=reply.content, check=False
        ).returncode

    assert check() == 0
    next(tmp_path.rglob("manifest.safe")).write_text("other")
    assert check() == 1


LONG_AGO, LATER = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2100 23:59:59 GMT"


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If-None-Match": '"x", {etag}'}, 304),
        ({"If-None-Match": "W/{etag}"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, 200),
        ({"If-Modified-Since": "{modified}"}, 304),
        ({"If-Modified-Since": LONG_AGO}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Match": "{etag}"}, 200),
        ({"If-Match": "W/{etag}"}, 412),
        ({"If-Match": '"x"'}, 412),
        ({"If-Unmodified-Since": LONG_AGO}, 412),
        ({"If-Unmodified-Since": LATER}, 200),
        ({"Range": "bytes=5-9", "If-Range": "{etag}"}, 206),
        ({"Range": "bytes=5-9", "If-Range": "{modified}"}, 206),
        ({"Range": "bytes=5-9", "If-Range": '"other"'}, 200),
        ({"Range": "bytes=99999999-", "If-Range": '"other"'}, 200),
    ],
)  # fmt: skip
def test_conditions_of_caches_and_resumers_hold(prip: httpx2.Client, conditions: dict[str, str], status: int) -> None:
    address, _, _ = _download(prip)
    head = prip.head(address)
    told = {"etag": head.headers["etag"], "modified": head.headers["last-modified"]}
    asked = {name: value.format(**told) for name, value in conditions.items()}
    assert prip.get(address, headers=asked).status_code == status


def test_a_head_tells_of_the_whole(prip: httpx2.Client) -> None:
    address, _, data = _download(prip)
    for asked in ({}, {"Range": "bytes=5-9"}, {"Range": "bytes=99999999-"}):
        head = prip.head(address, headers=asked)
        assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(data))


def test_the_model_names_what_is_served(prip: httpx2.Client) -> None:
    reply = prip.get("/$metadata")
    assert reply.headers["content-type"].startswith("application/xml")
    model = etree.fromstring(reply.content)
    properties = "//m:EntityType[@Name='Product']/m:Property[not(@Type='Edm.Stream')]/@Name"
    names = set(model.xpath(properties, namespaces=NAMESPACE))
    served = set(get(prip, "/Products", top="1")["value"][0]) - {"@odata.mediaContentType"}
    assert names == served
    declared = set(model.xpath("//@Type | //@BaseType | //@EntityType", namespaces=NAMESPACE))
    own = {name.removeprefix("Collection(").rstrip(")") for name in declared if "OData.CSC" in name}
    kinds = "//*[self::m:EntityType or self::m:ComplexType or self::m:EnumType]/@Name"
    defined = {f"OData.CSC.{name}" for name in model.xpath(kinds, namespaces=NAMESPACE)}
    assert own <= defined
    document = get(prip, "")
    assert document["value"][0]["name"] == "Products"
    assert get(prip, "/") == document


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"$filter": "Nme eq 'x'"}, "did you mean Name?"),
        ({"$filtre": "x"}, r"did you mean \$filter"),
        ({"top": "5"}, r"did you mean \$top"),
        ({"$top": "-1"}, "not a whole number"),
        ({"$top": "x"}, "not a whole number"),
        ({"$skip": "99999999"}, "nextLink"),
        ({"$count": "maybe"}, "neither true nor false"),
        ({"$orderby": "Nam"}, "did you mean Name"),
        ({"$orderby": "Name up"}, "asc or desc"),
        ({"$orderby": ""}, "asc or desc"),
        ({"$expand": "Attribute"}, "did you mean Attributes"),
        ({"$select": "Nam"}, "did you mean Name"),
        ({"$format": "xml"}, "only json"),
        ({"$skiptoken": "x"}, "token"),
        ({"$filter": ""}, "empty"),
    ],
)
def test_wrong_options_are_refused_with_advice(prip: httpx2.Client, options: dict[str, str], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(refused(prip.get("/Products", params=options), 400))


def test_an_option_given_twice_is_refused(prip: httpx2.Client) -> None:
    assert "twice" in refused(prip.get("/Products?$top=1&$top=2"), 400)


@pytest.mark.parametrize(
    "path",
    ["/Products(7d8e0000-aaaa-bbbb-cccc-000000000000)", "/Products(x)", "/Products()", "/Product",
     "/Products('a''b')/$value",
     "/Products(x)/Attributes", "/Products/$value", "/Sessions"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(prip: httpx2.Client, path: str) -> None:
    assert "there is no" in refused(prip.get(path), 404)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(["$filter", "$orderby", "$top", "$skip", "$count", "$expand", "$select", "$skiptoken", "x"]),
        st.one_of(st.text(max_size=30), st.sampled_from(["Name", "1", "true", "Name eq 'a'", "Attributes"])),
    )
)
def test_no_query_breaks_the_service(prip: httpx2.Client, options: dict[str, str]) -> None:
    encodable = {name: value.encode(errors="replace").decode() for name, value in options.items()}
    reply = prip.get("/Products", params=encodable)
    assert reply.status_code in {200, 400}
    assert ("value" in reply.json()) == (reply.status_code == 200)


def test_evicted_and_lost_products_are_gone(segment: Segment) -> None:
    for number in range(2):
        name = product_name("S1A", "IW_SLC__1SDV", NOON, number)
        segment.publish(store_product(segment.store, name, "IW_SLC__1S", ring=square(1, 1)))
    with segment.database.write() as connection:
        evicted = publication.update().where(publication.c.product_id == 1)
        connection.execute(evicted.values(evicted_at=NOON + timedelta(days=7)))
    segment.store.delete(f"published/{product_name('S1A', 'IW_SLC__1SDV', NOON, 1)}.zip")
    app = FastAPI()
    mount(app, segment.database, segment.store, base_url="https://pdgs.example")
    with serving(app) as address, httpx2.Client(timeout=60.0, base_url=f"{address}/odata/v1") as prip:
        first, second = get(prip, "/Products")["value"]
        assert (first["Online"], first["EvictionDate"]) == (False, "2020-06-22T12:00:00.000000Z")
        advice = f"order it by POST https://pdgs.example/odata/v1/Products({first['Id']})/OData.CSC.Order"
        assert advice in refused(prip.get(f"/Products({first['Id']})/$value"), 410)
        image = first["Name"].replace(".zip", ".png")
        assert prip.get(f"/Products({first['Id']})/Quicklooks('{image}')/$value").content == PNG
        assert "removed" in refused(prip.get(f"/Products({second['Id']})/$value"), 410)
        assert len(get(prip, "/Products", filter="Online eq false")["value"]) == 1
        assert get(prip, "/Products", top="1")["@odata.nextLink"].startswith("https://pdgs.example/odata/v1/Products?")


def test_access_control_plugs_in_before_every_route(shelf: Segment) -> None:
    def check(authorization: Annotated[str | None, Header()] = None) -> None:
        if authorization == "Bearer busy":
            raise HTTPException(429, "the quota of downloads is used up", {"Retry-After": "60"})
        if authorization != "Bearer good":
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})

    app = FastAPI()
    mount(app, shelf.database, shelf.store, access=[Depends(check)])
    with serving(app) as address, httpx2.Client(timeout=60.0, base_url=address) as client:
        for path in ("/odata/v1/Products", "/odata/v1/$metadata", "/stac/", "/stac/search", "/stac/collections"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": "Bearer good"}).status_code == 200
        assert refused(client.get("/odata/v1/Products"), 401) == "Unauthorized"
        busy = client.get("/odata/v1/Products", headers={"Authorization": "Bearer busy"})
        assert refused(busy, 429) == "the quota of downloads is used up"
        assert (busy.headers["retry-after"], busy.json()["error"]["code"]) == ("60", "TooManyRequests")
