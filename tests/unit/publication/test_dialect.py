"""What stations and clients ask for in practice: forms of filters and options that the protocol does not tell of."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.odata.syntax import parse_filter
from tests.databases import new_database
from tests.unit.publication.conftest import Segment, filled, new_segment

TEXTS = ["Name", "ContentType", "'S1A'", "''", "'it''s'"]
SPACES = [" ", "  "]
SYSTEMATIC = "OData.CSC.ProductionType'systematic_production'"
_STRINGS = "OData.CSC.StringAttribute"
DIRECTION = f"Attributes/{_STRINGS}/any(att:att/Name eq 'orbitDirection' and att/{_STRINGS}/Value"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    """On one database: test_filter.py compares both."""
    folder = tmp_path_factory.mktemp("shelf")
    with new_database("sqlite", folder) as database:
        yield filled(new_segment(database, folder))


def found(prip: httpx2.Client, text: str) -> int:
    reply = prip.get("/Products/$count", params={"$filter": text})
    assert reply.status_code == 200, reply.text
    return int(reply.text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ContentLength eq 0", 0), ("ContentLength ne 0", 12),
        ("ContentType eq 'application/octet-stream'", 0), ("ContentType ne 'application/octet-stream'", 12),
        (f"ProductionType eq {SYSTEMATIC}", 12), (f"ProductionType ne {SYSTEMATIC}", 0),
        (f"{DIRECTION} in ('ASCENDING','ascending','DESCENDING','descending'))", 9),
        (f"{DIRECTION} ne 'DESCENDING')", 5),
        ("PublicationDate gt 2026-02-01T00:00:00.000Z", 0), ("PublicationDate ge 2026-01-05T08:00:01.000Z", 12),
        ("PublicationDate lt 2026-12-01T00:00:00.000Z", 12), ("PublicationDate le 2026-01-05T08:00:01.000Z", 1),
        ("ContentType in ('application/octet-stream','application/zip')", 12),
        (f"ProductionType in ({SYSTEMATIC}, OData.CSC.ProductionType'on-demand default')", 12),
        ("PublicationDate gt 2026-01-01T00:00:00.000Z and PublicationDate lt 2026-12-01T00:00:00.000Z", 12),
        ("PublicationDate gt 2026-12-01T00:00:00.000Z or PublicationDate lt 2026-12-01T00:00:00.000Z", 12),
        ("not endswith(Name,'l')", 12),
        ("PublicationDate gt 2026-01-01 and (contains(Name,'_SLC_') or contains(Name,'_GRDH_'))", 8),
        ("concat(ContentType,'Z') eq 'application/zipZ'", 12), ("contains(Name,'_GRDH_')", 4),
        ("endswith(Name,'p') or endswith(Name,'r')", 12), ("indexof(Name,'.') gt 1", 12),
        ("length(ContentType) gt 10", 12),
        ("startswith(Name,'S')", 12), ("substring(ContentType,12) eq 'zip'", 12),
        ("matchesPattern(ContentType,'^application/.*p$')", 12), ("matchesPattern(ContentType,'%5Eapp')", 0),
        ("tolower(ContentType) eq 'application/zip'", 12), ("toupper(ContentType) eq 'APPLICATION/ZIP'", 12),
        ("trim(ContentType) eq 'application/zip'", 12),
        ("not (contains(Name,'_RAW_')) and not(contains(Name,'_GRDH_')) and endswith(Name,'SAFE.zip')", 4),
    ],
)  # fmt: skip
def test_forms_by_which_the_stations_of_copernicus_are_probed(prip: httpx2.Client, text: str, number: int) -> None:
    assert found(prip, text) == number


def test_a_product_is_found_by_the_name_of_its_folder_too(prip: httpx2.Client) -> None:
    name = prip.get("/Products", params={"$top": "1"}).json()["value"][0]["Name"]
    folder = name.removesuffix(".zip")
    for text in (f"Name eq '{name}'", f"Name eq '{folder}'", f"Name in ('{folder}')", f"'{folder}' eq Name"):
        assert found(prip, text) == 1
    assert found(prip, f"Name ne '{folder}'") == 11
    assert found(prip, "Name eq 'S1A_NONE.SAFE'") == 0


def test_eodag_names_another_kind_in_the_path_of_a_value(prip: httpx2.Client) -> None:
    odd = f"Attributes/OData.CSC.IntegerAttribute/any(a:a/Name eq 'orbitNumber' and a/{_STRINGS}/Value eq"
    assert found(prip, f"{odd} 33000)") == 1
    with pytest.raises(QueryError, match="Value"):
        compile_filter(f"{odd} '33000')")


def test_expand_may_come_once_for_each_navigation(prip: httpx2.Client) -> None:
    body = prip.get("/Products?$top=1&$expand=Attributes&$expand=Assets").json()
    (product,) = body["value"]
    assert {"Attributes", "Assets"} <= {*product}
    (asset,) = product["Assets"]
    assert asset["Type"] == "QUICKLOOK"
    assert prip.get(asset["DownloadLink"]).headers["content-type"] == "image/png"
    following = prip.get(body["@odata.nextLink"]).json()["value"][0]
    assert {"Attributes", "Assets"} <= {*following}
    assert prip.get("/Products?$top=1&$expand=Attributes&$expand=Attributes($top=1)").status_code == 200
    twice = prip.get("/Products?$expand=Attributes($top=2)&$expand=Attributes($top=1)")
    assert "there twice" in twice.json()["error"]["message"]
    assert prip.get("/Products(x)/Attributes?$top=1&$top=1").status_code == 400


def texts() -> st.SearchStrategy[str]:
    one = st.sampled_from(TEXTS)
    return st.one_of(
        one,
        one.map("tolower({})".format),
        one.map("trim({})".format),
        st.tuples(one, one).map(lambda two: f"concat({two[0]},{two[1]})"),
    )


def conditions() -> st.SearchStrategy[str]:
    """Filters that the grammar of odata-query takes as they are."""
    space = st.sampled_from(SPACES)
    comparison = st.builds(
        lambda name, a, how, b, value: f"{name}{a}{how}{b}{value}",
        st.sampled_from(["ContentLength", "length(Name)", "ContentLength mul 2"]), space,
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), space, st.integers(-(10**9), 10**9),
    )  # fmt: skip
    time = st.builds(
        lambda name, how, moment: f"{name} {how} {moment:%Y-%m-%dT%H:%M:%S}Z",
        st.sampled_from(["PublicationDate", "ContentDate/Start", "ContentDate/End"]),
        st.sampled_from(["lt", "ge"]), st.datetimes(datetime(1000, 1, 1)),  # noqa: DTZ001  as hypothesis wants it
    )  # fmt: skip
    match = st.builds(
        lambda how, text, part: f"{how}({text},{part})",
        st.sampled_from(["contains", "startswith", "endswith"]),
        texts(),
        texts(),
    )
    listed = st.lists(st.sampled_from(["'a'", "'b c'", "'(,'"]), min_size=2, max_size=4).map(
        lambda all_: f"Name in ({', '.join(all_)})"
    )
    leaf = st.one_of(comparison, time, match, listed)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda a, word, b: f"({a}) {word} {b}", inner, st.sampled_from(["and", "or"]), inner),
            inner.map("not ({})".format),
        ),
        max_leaves=6,
    )


def read(text: str) -> Any:
    """What we make of a text; None for what we refuse."""
    try:
        return parse_filter(text)
    except QueryError:
        return None


def judged(text: str) -> Any:
    """What odata-query's own parser makes of a text; None for what it refuses."""
    try:
        return ODataParser().parse(ODataLexer().tokenize(text))
    except ODataException:
        return None


@settings(max_examples=60)
@given(conditions())
def test_odata_query_reads_our_filters_alike(text: str) -> None:
    assert judged(text) is not None
    assert read(text) == judged(text)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["Name", "eq", "'a'", "(", ")", "and", "not", "in", ",", "1", "contains", "/", ":", "any"]),
        max_size=9,
    )
)
def test_what_odata_query_reads_we_read(words: list[str]) -> None:
    text = " ".join(words)
    theirs, ours = judged(text), read(text)
    assert theirs is None or ours == theirs
