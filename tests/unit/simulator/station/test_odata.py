from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.simulator.station.odata import BadQuery, Query, next_link, parse_filter, select, truth

PROPERTIES = frozenset(
    {"Name", "Size", "Satellite", "PublicationDate", "Retransfer", "ContentDate", "Attributes", "Id"}
)
RECORD: dict[str, Any] = {
    "Id": "a5e9d3b8-7c4f-4a92-b76a-fa09e1e1b59c",
    "Name": "S1A_OPER_AUX_RESORB.EOF",
    "Size": 42,
    "Satellite": "S1A",
    "PublicationDate": datetime(2026, 1, 5, 7, 0, 0, 123000, tzinfo=UTC),
    "Retransfer": False,
    "ContentDate": {"Start": datetime(2026, 1, 1, tzinfo=UTC), "End": None},
    "Attributes": [{"Name": "productType", "Value": "AUX_RESORB"}, {"Name": "platformSerialIdentifier", "Value": "A"}],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Satellite eq 'S1A'", True),
        ("Satellite ne 'S1A'", False),
        ("PublicationDate ge 2026-01-05T07:00:00.123Z", True),
        ("PublicationDate gt 2026-01-05T07:00:00.123Z", False),
        ("PublicationDate lt 2026-01-05T07:00:00.1231Z", True),
        ("Satellite in ('S1C','S1A')", True),
        ("Satellite in ('S1C', 'S1D')", False),
        ("Retransfer eq false and (Size gt 50 or Size le 42)", True),
        ("not (Size eq 42)", False),
        ("contains(Name,'RESORB')", True),
        ("startswith(tolower(Name), 's1a')", True),
        ("ContentDate/Start ge 2026-01-01T00:00:00Z and ContentDate/End eq null", True),
        ("ContentDate/End lt 2027-01-01T00:00:00Z", False),
        ("Id eq A5E9D3B8-7c4f-4a92-b76a-fa09e1e1b59c", True),
        (
            (
                "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' "
                "and att/OData.CSC.StringAttribute/Value eq 'AUX_RESORB')"
            ),
            True,
        ),
        ("Attributes/any(a:a/Name eq 'productType' and a/Value eq 'AUX_POEORB')", False),
    ],
)
def test_filters_answer_as_the_standard_says(text: str, expected: bool) -> None:
    assert truth(parse_filter(text), RECORD, PROPERTIES) is expected


@pytest.mark.parametrize("text", ["Colour eq 'red'", "Size eq", "Size gt 'x'", "Satellite", "matches(Name, 'x')"])
def test_a_filter_that_cannot_be_answered_is_a_bad_query(text: str) -> None:
    if text == "Satellite":
        assert truth(parse_filter(text), RECORD, PROPERTIES)
        return
    with pytest.raises(BadQuery):
        truth(parse_filter(text), RECORD, PROPERTIES)


@given(st.integers(0, 40), st.integers(1, 7), st.integers(0, 12), st.none() | st.integers(0, 30))
def test_following_the_next_links_gives_each_record_once(
    count: int, page_size: int, skip: int, top: int | None
) -> None:
    records = [{"Size": number} for number in range(count)]
    query = Query(top=top, skip=skip, orderby="Size desc")
    expected = [count - 1 - number for number in range(count)][skip:][: count if top is None else top]
    found: list[int] = []
    while True:
        page = select(records, PROPERTIES, query, page_size)
        found += [record["Size"] for record in page.records]
        assert page.total == count
        link = next_link("http://station/Files", query, page)
        if link is None:
            break
        assert "%24skip=" in link
        query = Query.of({name: values[0] for name, values in parse_qs(urlsplit(link).query).items()})
    assert found == expected


@pytest.mark.parametrize("options", [{"$top": "-1"}, {"$skip": "x"}, {"$apply": "y"}, {"$orderby": "Colour"}])
def test_bad_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        select([RECORD], PROPERTIES, Query.of(options), 10)
