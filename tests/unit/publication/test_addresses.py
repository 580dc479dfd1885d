"""Addresses, methods and control information of OData (4.01 parts 1 and 2, JSON format) as strict clients use them."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from s1pdgs.publication.download import disposition
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.odata.route import bare
from tests.databases import new_database
from tests.unit.publication.conftest import Segment, filled, new_segment


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    """On one database: addresses are not its matter."""
    folder = tmp_path_factory.mktemp("shelf")
    with new_database("sqlite", folder) as database:
        yield filled(new_segment(database, folder))


@pytest.fixture(scope="module")
def product(prip: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = prip.get("/Products", params={"$top": "1", "$expand": "*"}).json()["value"][0]
    return found


def refused(reply: httpx2.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    return str(reply.json()["error"]["message"])


@pytest.mark.parametrize("form", ["{0}", "'{0}'", "Id={0}", "Id='{0}'", "%27{0}%27", "Id%3D{0}"])
def test_a_key_may_be_quoted_and_named(prip: httpx2.Client, product: dict[str, Any], form: str) -> None:
    found = prip.get(f"/Products({form.format(product['Id'])})").json()
    assert found["Name"] == product["Name"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("x", "x"), ("'x'", "x"), ("Id=x", "x"), ("'it''s'", "it's"), ("'", "'"), ("''", ""), ("Name=x", "Name=x"),
     ("'x", "'x")],
)  # fmt: skip
def test_the_value_of_a_key(key: str, value: str) -> None:
    assert bare(key) == value


@pytest.mark.parametrize(
    "path", ["", "/Name", "/ContentLength", "/ContentDate", "/ContentDate/Start", "/Checksum", "/GeoFootprint",
             "/Attributes", "/Attributes('productType')", "/Quicklooks"],
)  # fmt: skip
def test_the_context_of_every_answer_leads_to_the_model(
    prip: httpx2.Client, product: dict[str, Any], path: str
) -> None:
    reply = prip.get(f"/Products({product['Id']}){path}")
    assert reply.status_code == 200
    model, fragment = urljoin(str(reply.url), reply.json()["@odata.context"]).split("#")
    assert model == f"{str(prip.base_url).rstrip('/')}/$metadata"
    assert fragment.startswith("Products")


def test_properties_have_addresses(prip: httpx2.Client, product: dict[str, Any]) -> None:
    one = f"/Products({product['Id']})"
    assert prip.get(f"{one}/Name").json()["value"] == product["Name"]
    assert prip.get(f"{one}/ContentDate").json() | product["ContentDate"] == prip.get(f"{one}/ContentDate").json()
    assert prip.get(f"{one}/Checksum").json()["value"] == product["Checksum"]
    for path, text in [
        ("Name", product["Name"]), ("ContentLength", str(product["ContentLength"])), ("Online", "true"),
        ("ContentDate/Start", product["ContentDate"]["Start"]),
    ]:  # fmt: skip
        raw = prip.get(f"{one}/{path}/$value")
        assert (raw.text, raw.headers["content-type"].split(";")[0]) == (text, "text/plain")
    assert prip.get(f"{one}/Checksum/$count").text == "2"
    assert prip.get(f"{one}/EvictionDate").status_code == 204
    assert "null" in refused(prip.get(f"{one}/EvictionDate/$value"), 404)
    assert "did you mean Name" in refused(prip.get(f"{one}/Nam"), 404)
    assert "did you mean Start" in refused(prip.get(f"{one}/ContentDate/Star"), 404)
    assert "there is no resource" in refused(prip.get(f"{one}/Name/x"), 404)
    assert "of single values" in refused(prip.get(f"{one}/Checksum/$value"), 400)
    assert "collections only" in refused(prip.get(f"{one}/Name/$count"), 400)
    assert "no published product" in refused(prip.get("/Products(x)/Name"), 404)


def test_what_belongs_to_a_product_is_asked_for_as_in_expand(prip: httpx2.Client, product: dict[str, Any]) -> None:
    one = f"/Products({product['Id']})/Attributes"
    options = {
        "$filter": "startswith(Name,'orbit')",
        "$orderby": "Name desc",
        "$top": "1",
        "$count": "true",
        "$select": "Name",
    }
    told = prip.get(one, params=options).json()
    assert told.pop("@odata.context").endswith("/Attributes(Name)")
    assert told == {"@odata.count": 1, "value": [{"@odata.type": "#OData.CSC.IntegerAttribute", "Name": "orbitNumber"}]}
    assert prip.get(f"{one}/$count").text == str(len(product["Attributes"]))
    assert prip.get(f"{one}/$count", params={"$filter": "ValueType eq 'Double'"}).text == "1"
    for key in ("'orbitNumber'", "Name='orbitNumber'"):
        assert prip.get(f"{one}({key})").json()["Value"] == 33000
    assert "no Attributes with Name 'x'" in refused(prip.get(f"{one}('x')"), 404)
    assert "an attribute has Name" in refused(prip.get(one, params={"$filter": "Nam eq 'x'"}), 400)
    assert "'$expand' is not supported" in refused(prip.get(one, params={"$expand": "x"}), 400)
    image = product["Quicklooks"][0]["Image"]
    assert prip.get(f"/Products({product['Id']})/Quicklooks(Image='{image}')").json()["Image"] == image
    assert (
        prip.get(f"/Products({product['Id']})/Quicklooks(Image='{image}')/$value").headers["content-type"]
        == "image/png"
    )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/Products", "GET, HEAD"), ("PUT", "/Products({0})", "GET, HEAD"), ("POST", "", "GET, HEAD"),
        ("DELETE", "/Products({0})", "GET, HEAD"), ("PATCH", "/Products({0})/$value", "GET, HEAD"),
        ("TRACE", "/$metadata", "GET, HEAD"), ("GET", "/Products/OData.CSC.FilterList", "POST"),
        ("DELETE", "/Products/OData.CSC.FilterList", "POST"),
    ],
)  # fmt: skip
def test_methods_that_an_address_does_not_have(
    prip: httpx2.Client, product: dict[str, Any], method: str, path: str, allowed: str
) -> None:
    reply = prip.request(method, path.format(product["Id"]))
    assert "is not possible here" in refused(reply, 405)
    assert reply.headers["allow"] == allowed
    told = prip.request("OPTIONS", path.format(product["Id"]))
    assert (told.status_code, told.headers["allow"]) == (204, allowed)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_what_is_not_there_has_no_methods(prip: httpx2.Client, method: str) -> None:
    assert "there is no resource" in refused(prip.request(method, "/Products/OData.CSC.Other"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/$batch"), ("GET", "/$all"), ("GET", "/$crossjoin(Products,Orders)"), ("GET", "/$entity?$id=x"),
     ("POST", "/Products/$query"), ("GET", "/Products/$ref"), ("GET", "/Products({0})/$ref"),
     ("GET", "/Products?$search=x"), ("GET", "/Products?$apply=x"), ("GET", "/Products?$compute=x"),
     ("GET", "/Products({0})/Attributes?$search=x")],
)  # fmt: skip
def test_parts_of_the_protocol_that_are_not_served_say_so(
    prip: httpx2.Client, product: dict[str, Any], method: str, path: str
) -> None:
    reply = prip.request(method, path.format(product["Id"]))
    assert "not served" in refused(reply, 501)
    assert reply.json()["error"]["code"] == "NotImplemented"


@pytest.mark.parametrize("function", ["round(1.5)", "fractionalseconds(OriginDate)", "cast(Name,'x')"])
def test_functions_of_odata_that_are_not_served_say_so(prip: httpx2.Client, function: str) -> None:
    told = refused(prip.get("/Products", params={"$filter": f"{function} eq 1"}), 501)
    assert "is not supported here" in told
    assert "did you mean" in refused(prip.get("/Products", params={"$filter": "lenght(Name) eq 1"}), 400)


def test_a_slash_at_the_end_is_taken_off(prip: httpx2.Client, product: dict[str, Any]) -> None:
    moved = prip.get(f"/Products({product['Id']})/?$select=Id")
    assert moved.status_code == 308
    assert prip.get(moved.headers["location"]).json()["Id"] == product["Id"]
    assert prip.get("/Products/?$top=1&$filter=Name%20eq%20'a%26b'", follow_redirects=True).json()["value"] == []
    body = {"FilterProducts": [{"Id": product["Id"]}]}
    assert len(prip.post("/Products/OData.CSC.FilterList/", json=body, follow_redirects=True).json()["value"]) == 1
    assert "there is no resource" in refused(prip.get("/Product/"), 404)
    for path in ("//evil.example/", "/%2F%2Fevil.example/"):
        assert prip.get(path).headers.get("location", str(prip.base_url)).startswith(str(prip.base_url).rstrip("/"))


@pytest.mark.parametrize(
    "path", ["", "/$metadata", "/Products", "/Products/$count", "/Products({0})", "/Products({0})/$value",
             "/Products({0})/Name", "/Products(x)", "/Other", "/Products?$top=x"]
)  # fmt: skip
def test_every_answer_tells_the_version(prip: httpx2.Client, product: dict[str, Any], path: str) -> None:
    for method in ("GET", "HEAD"):
        reply = prip.request(method, path.format(product["Id"]))
        assert reply.headers["odata-version"] == "4.0"


@pytest.mark.parametrize("by_option", [True, False])
def test_control_information_is_given_as_asked(prip: httpx2.Client, *, by_option: bool) -> None:
    def ask(level: str) -> httpx2.Response:
        form = f"application/json;odata.metadata={level}"
        options = {
            "$top": "1",
            "$count": "true",
            "$expand": "Attributes($count=true)",
            **({"$format": form} if by_option else {}),
        }
        return prip.get("/Products", params=options, headers={} if by_option else {"Accept": form})

    minimal = ask("minimal")
    assert minimal.headers["content-type"] == "application/json;odata.metadata=minimal"
    assert ask("full").headers["content-type"] == minimal.headers["content-type"]
    none = ask("none")
    assert none.headers["content-type"] == "application/json;odata.metadata=none"
    assert int(none.headers["content-length"]) == len(none.content)
    told = none.json()
    assert {*told} == {"@odata.count", "value", "@odata.nextLink"}
    assert [name for name in told["value"][0] if "@" in name] == ["Attributes@odata.count"]
    assert {*told["value"][0]["Attributes"][0]} == {"Name", "ValueType", "Value"}


@pytest.mark.parametrize("option", ["$expand", "$orderby", "$select", "$top", "$format", "$filtre"])
def test_what_is_refused_is_not_sent_back_at_length(prip: httpx2.Client, option: str) -> None:
    for asked in ({option: "N" * 20_000}, {option + "N" * 20_000: "1"}):
        assert len(refused(prip.get("/Products", params=asked), 400)) < 600


def test_a_name_of_a_file_is_one_name() -> None:
    told = disposition('../a/b "c"\r\nX: ü.zip')
    assert told == "attachment; filename=\"{0}\"; filename*=UTF-8''{0}".format(
        "..%2Fa%2Fb%20%22c%22%0D%0AX%3A%20%C3%BC.zip"
    )


def test_the_model_comes_as_xml_only(prip: httpx2.Client) -> None:
    assert prip.get("/$metadata", params={"$format": "application/xml"}).status_code == 200
    assert "served as xml" in refused(prip.get("/$metadata", params={"$format": "json"}), 400)


def test_directions_come_in_any_case(prip: httpx2.Client) -> None:
    down = prip.get("/Products", params={"$orderby": "Name DESC"}).json()["value"]
    assert down == prip.get("/Products", params={"$orderby": "Name desc"}).json()["value"]


def test_a_plus_that_was_not_encoded_is_understood() -> None:
    meant = compile_filter("ContentDate/Start gt 2020-06-15T14:00:00+02:00 and Online")
    assert compile_filter("ContentDate/Start gt 2020-06-15T14:00:00 02:00 and Online") == meant
    assert compile_filter("(ContentDate/Start gt 2020-06-15T14:00 02:00)") == compile_filter(
        "ContentDate/Start gt 2020-06-15T12:00Z"
    )
    for text in (
        "2020-06-15T14:00:00Z 02:00",
        "2020-06-15T14:00:00  02:00",
        "2020-06-15T14:00:00 2:00",
        "2020-06-15 02:00",
    ):
        with pytest.raises(QueryError):
            compile_filter(f"ContentDate/Start gt {text}")
