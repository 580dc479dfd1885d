"""What belongs to entities, as `$expand` wants it."""

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.expand import ALL, ATTRIBUTES, Belonging, read_expand
from s1pdgs.publication.odata.expressions import Names
from s1pdgs.publication.odata.options import MAX_TOP, ONE_PRODUCT
from s1pdgs.publication.predicate import Field, Kind

BLOCKS = Belonging(
    Names({
        "Name": Field("Name", Kind.STRING), "Size": Field("Size", Kind.INTEGER), "Final": Field("Final", Kind.BOOLEAN),
        "Part/Stored": Field("Part/Stored", Kind.TIME),
    }),
    ("Name", "Size", "Final", "Part"),
)  # fmt: skip
FILES: list[dict[str, Any]] = [
    {"Name": "Alpha", "Size": 7, "Final": False, "Part": {"Stored": "2026-01-05T12:30:15.000000Z"}},
    {"Name": "beta ", "Size": -4, "Final": True, "Part": {"Stored": "2026-02-05T00:00:00.000000Z"}},
    {"Name": "gamma", "Size": None, "Final": True, "Part": None},
]
KNOWN = {"Blocks": BLOCKS, "Attributes": ATTRIBUTES, "Product": ONE_PRODUCT, "Reports": Belonging()}


def blocks(options: str) -> dict[str, Any]:
    return read_expand(f"Blocks({options})", KNOWN, MAX_TOP)["Blocks"].of("Blocks", FILES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Size gt 0", "A"), ("Size le 7", "Ab"), ("Size ne 7", "bg"), ("Size eq null", "g"), ("Size gt null", ""),
        ("Final", "bg"), ("not Final", "A"), ("Final eq false or Name eq 'gamma'", "Ag"), ("true", "Abg"),
        ("Size in (7,-4)", "Ab"), ("contains(Name,'a')", "Abg"), ("startswith(tolower(Name),'al')", "A"),
        ("endswith(trim(Name),'ta')", "b"), ("toupper(Name) eq 'GAMMA'", "g"), ("matchesPattern(Name,'^[A-Z]')", "A"),
        ("length(Name) eq 5 and indexof(Name,'mm') eq 2", "g"), ("concat(Name,'x') eq 'gammax'", "g"),
        ("substring(Name,1,2) eq 'am'", "g"), ("substring(Name,3) eq 'ha'", "A"),
        ("Part/Stored gt 2026-01-31T00:00:00Z", "b"), ("year(Part/Stored) eq 2026 and month(Part/Stored) eq 1", "A"),
        ("day(Part/Stored) eq 5 and hour(Part/Stored) eq 12 and minute(Part/Stored) eq 30", "A"),
        ("second(Part/Stored) eq 15", "A"), ("date(Part/Stored) eq 2026-01-05", "A"),
        ("Size add 1 eq 8", "A"), ("Size sub 1 eq -5", "b"), ("Size mul 2 eq -8", "b"), ("Size div 3 eq -1", "b"),
        ("Size mod 3 eq -1", "b"), ("Size div 2 eq 3", "A"), ("Size mod 0 eq null", "Abg"),
    ],
)  # fmt: skip
def test_a_filter_chooses(text: str, found: str) -> None:
    assert "".join(one["Name"][0] for one in blocks(f"$filter={text}")["Blocks"]) == found


def test_order_place_and_properties_are_those_asked_for() -> None:
    chosen = blocks("$orderby=Final desc,Size;$skip=1;$top=2; $select=Name,Size;$count=true")
    assert chosen == {
        "Blocks@odata.count": 3,
        "Blocks": [{"Name": "beta ", "Size": -4}, {"Name": "Alpha", "Size": 7}],
    }


def test_without_options_all_comes_as_it_is() -> None:
    assert read_expand("Blocks", KNOWN, 5) == {"Blocks": ALL}
    assert set(read_expand("*", KNOWN, 5)) == set(KNOWN)
    assert read_expand(None, KNOWN, 5) == {}
    mixed = read_expand("Blocks($filter=Name eq 'a;b,c)';$top=1), *", KNOWN, 5)
    assert (mixed["Blocks"].top, mixed["Reports"]) == (1, ALL)


def test_a_single_entity_takes_a_selection_only() -> None:
    (wanted,) = read_expand("Product($select=Name)", KNOWN, 5).values()
    assert wanted.of("Product", {"Name": "x", "Id": "y"}) == {"Product": {"Name": "x"}}
    assert wanted.of("Product", None) == {"Product": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Blockz", "did you mean Blocks"),
        ("Blocks($levels=2)", r"\$levels' is not supported of Blocks; known are \$filter"),
        ("Blocks($expand=Files)", r"\$expand' is not supported of Blocks; known are \$filter"),
        ("Blocks(top=1)", r"did you mean \$top"),
        ("Blocks()", "an option without a name"),
        ("Blocks($top=1;$top=2)", "twice"),
        ("Blocks($top=1),Blocks", "twice"),
        ("Blocks($top=x)", "Blocks.*not a whole number"),
        ("Blocks($count=2)", "neither true nor false"),
        ("Blocks($filter=Sise gt 1)", "did you mean Size"),
        ("Blocks($filter=Attributes/any(a:a/Name eq 'x'))", "no any"),
        ("Blocks($filter=OData.CSC.Intersects(area=geography'POINT(1 2)'))", "do not have"),
        ("Blocks($orderby=Nam)", "did you mean Name"),
        ("Blocks($select=Nam)", "did you mean Name"),
        ("Blocks($top=1", "a \\( that nothing ends"),
        ("Blocks)", "without a \\("),
        ("Blocks($filter=Name eq 'x)", "a quote that nothing ends"),
        ("Product($top=1)", "one entity"),
        ("Attributes($filter=Valeu eq 1)", "Name and Value"),
        ("Attributes($orderby=Value)", "no property 'Value'"),
        ("*($top=1)", r"there is no '\*'"),
    ],
)
def test_what_is_not_supported_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        read_expand(text, KNOWN, MAX_TOP)


WORDS = [*"(),;='$ ", "Blocks", "$filter", "$top", "Name", "eq"]


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS)).map("".join))
def test_whatever_is_asked_is_answered_or_refused(text: str) -> None:
    try:
        wanted = read_expand(text, KNOWN, MAX_TOP)
    except QueryError:
        return
    assert set(wanted) <= set(KNOWN)


def asked(prip: httpx2.Client, path: str = "/Products", **options: str) -> Any:
    reply = prip.get(path, params={f"${name}": value for name, value in options.items()})
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.parametrize(
    "condition",
    [
        "{0}Name eq 'orbitDirection'",
        "{0}Name eq 'orbitNumber' and {0}Value gt 33005",
        "{0}OData.CSC.StringAttribute/Value eq 'ASCENDING'",
        "{0}Name eq 'startTimeFromAscendingNode' and {0}OData.CSC.DoubleAttribute/Value lt 4002.0",
        "{0}Name eq 'beginningDateTime' and {0}OData.CSC.DateTimeOffsetAttribute/Value gt 2020-06-15T12:40:00Z",
        "{0}OData.CSC.BooleanAttribute/Value eq true",
        "startswith({0}Name,'orbit') and not ({0}Value eq 'DESCENDING') and {0}Name ne 'orbitNumber'",
        "{0}Name in ('sliceProductFlag','orbitDirection') and {0}Value ne false",
    ],
)
def test_attributes_are_chosen_as_any_chooses_products(prip: httpx2.Client, condition: str) -> None:
    products = {one["Id"] for one in asked(prip, filter=f"Attributes/any(a:{condition.format('a/')})")["value"]}
    expanded = asked(prip, expand=f"Attributes($filter={condition.format('')};$count=true)")["value"]
    assert products == {one["Id"] for one in expanded if one["Attributes@odata.count"]}
    assert len(products) > 0
    assert all(len(one["Attributes"]) == one["Attributes@odata.count"] for one in expanded)


def test_options_go_along_from_page_to_page(prip: httpx2.Client) -> None:
    expand = "Attributes($filter=ValueType eq 'Integer';$orderby=Name desc;$top=1;$select=Name),Quicklooks($top=0)"
    page = asked(prip, top="7", expand=expand)
    following = prip.get(page["@odata.nextLink"]).json()
    for product in page["value"] + following["value"]:
        assert [set(one) for one in product["Attributes"]] == [{"@odata.type", "Name"}]
        assert (product["Attributes"][0]["Name"], product["Quicklooks"]) == ("relativeOrbitNumber", [])


def test_what_has_no_declared_properties_is_paged_and_counted_only() -> None:
    some = read_expand("Reports($top=1;$count=true)", KNOWN, MAX_TOP)["Reports"]
    assert some.of("Reports", [{"x": 1}, {"x": 2}]) == {"Reports@odata.count": 2, "Reports": [{"x": 1}]}
    for option in ("$filter=x eq 1", "$orderby=x", "$select=x"):
        with pytest.raises(QueryError, match=r"is not supported of Reports; .*\$top"):
            read_expand(f"Reports({option})", KNOWN, MAX_TOP)
