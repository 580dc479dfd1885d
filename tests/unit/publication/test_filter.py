"""OData filters mean what they say: they equal an evaluation in Python, and literals are data only."""

import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s1pdgs.catalogue.door import attributes_from_json
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.publication.dialects import prepare_areas
from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.expressions import PROPERTIES
from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Order, Published, count, search
from s1pdgs.publication.sql import where
from s1pdgs.publication.tables import publication
from s1pdgs.storage.database import Database
from tests.databases import plan_of
from tests.unit.publication.conftest import NOON, Segment

Test = Callable[[Published], bool]
Case = tuple[str, Test]


def selected(segment: Segment, text: str) -> list[str]:
    with segment.database.read() as connection:
        return [found.name for found in search(connection, compile_filter(text)).products]


def everything(segment: Segment) -> list[Published]:
    with segment.database.read() as connection:
        return list(search(connection, ALWAYS).products)


def attribute(one: Published, name: str) -> Any:
    return attributes_from_json(one.attributes).get(name)


def any_of(kind: str, name: str, comparison: str) -> str:
    path = f"OData.CSC.{kind}Attribute"
    return f"Attributes/{path}/any(att:att/Name eq '{name}' and att/{path}/Value {comparison})"


def _every(one: Published) -> bool:
    return True


def _none(one: Published) -> bool:
    return False


AREA = "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((11 44,11.5 44,11.5 46,11 46,11 44))')"
CASES: list[Case] = [
    ("startswith(Name,'S1A_IW')", lambda p: p.name.startswith("S1A_IW")),
    ("startswith(Name,'')", _every),
    ("endswith(Name,'.SAFE.zip')", _every),
    ("endswith(Name,'.SAFE')", _none),
    ("contains(Name,'_SLC_')", lambda p: "_SLC_" in p.name),
    ("contains(Name,'_slc_')", _none),
    ("contains(tolower(Name),'_slc_')", lambda p: "_SLC_" in p.name),
    ("not contains(Name,'SLC') and not(startswith(Name,'S1C'))", lambda p: "SLC" not in p.name and p.name[2] == "A"),
    ("length(Name) gt 5", _every),
    ("indexof(Name,'_') eq 3", _every),
    ("substring(Name,4,2) eq 'IW'", lambda p: p.name[4:6] == "IW"),
    ("substring(Name,4) eq 'IW'", _none),
    ("concat(ProductionType,'!') eq 'systematic_production!'", _every),
    ("toupper(ProductionType) eq 'SYSTEMATIC_PRODUCTION'", _every),
    ("trim(Name) eq Name", _every),
    (r"matchesPattern(Name,'^S1[AC]_IW_(SLC|GRDH)_')", lambda p: "_IW_" in p.name),
    ("matchesPattern(tolower(Name),'raw') eq false", lambda p: "RAW" not in p.name),
    (
        "Attributes/OData.CSC.StringAttribute/any(a:a/Name eq 'orbitDirection' and matchesPattern(a/Value,'^ASC'))",
        lambda p: attribute(p, "orbitDirection") == "ASCENDING",
    ),
    ("year(ContentDate/Start) eq 2020 and month(ContentDate/End) eq 6 and day(OriginDate) in (14,15)", _every),
    ("hour(ContentDate/Start) eq 13", lambda p: p.start.hour == 13),
    ("minute(ContentDate/Start) gt 20 and second(ContentDate/End) eq 25", lambda p: p.start.minute > 20),
    ("date(ContentDate/Start) eq 2020-06-15 and date(ContentDate/Start) lt ContentDate/End", _every),
    ("year(EvictionDate) eq 2020", _none),
    ("year(1969-12-31T23:59:59.5Z) eq 1969 and second(1969-12-31T23:59:59.5Z) eq 59", _every),
    ("OriginDate lt now() and OriginDate gt mindatetime() and OriginDate lt maxdatetime()", _every),
    ("OriginDate gt now() sub duration'PT1S'", _none),
    (
        "ContentDate/Start gt 2020-06-15T12:00:00Z add duration'PT30M'",
        lambda p: p.start > NOON + timedelta(minutes=30),
    ),
    (
        "Attributes/OData.CSC.DateTimeOffsetAttribute/any(a:minute(a/Value) eq 40)",
        lambda p: p.start.minute == 40,
    ),
    ("ContentDate/Start gt 2020-06-15T12:30:00.000Z", lambda p: p.start > NOON + timedelta(minutes=30)),
    (
        "ContentDate/Start ge 2020-06-15T14:30:00.000003+02:00",
        lambda p: p.start >= NOON + timedelta(minutes=30, microseconds=3),
    ),
    ("ContentDate/Start gt 2020-06-15 and ContentDate/End lt 2020-06-16", _every),
    ("ContentDate/End le 2020-06-15T12:00:25Z", lambda p: p.stop <= NOON + timedelta(seconds=25)),
    ("2020-06-15T12:30:00.000Z lt ContentDate/Start", lambda p: p.start > NOON + timedelta(minutes=30)),
    ("PublicationDate lt 2026-01-05T08:00:05Z", lambda p: p.published_at < datetime(2026, 1, 5, 8, 0, 5, tzinfo=UTC)),
    ("OriginDate gt 2020-06-15T13:45:00Z", lambda p: p.t0 > NOON + timedelta(minutes=105)),
    ("EvictionDate eq null", _every),
    ("EvictionDate ne null", _none),
    ("EvictionDate lt 2030-01-01T00:00:00Z", _none),
    ("not (EvictionDate lt 2030-01-01T00:00:00Z)", _every),
    ("EvictionDate ne 2030-01-01T00:00:00Z", _every),
    ("Name ne null", _every),
    ("Online", _every),
    ("Online eq false", _none),
    ("ContentLength gt 1000 and ContentLength lt 1e9", lambda p: 1000 < p.size < 1e9),
    ("ContentLength ge -5", _every),
    ("ContentLength add 10 mul 2 sub 20 eq ContentLength", _every),
    ("(ContentLength add 10) mul 2 gt 13000", lambda p: (p.size + 10) * 2 > 13000),
    ("ContentLength div 1000 eq 5", lambda p: p.size // 1000 == 5),
    ("ContentLength div 1000.0 gt 6.4925", lambda p: p.size / 1000 > 6.4925),
    ("ContentLength mod 2 eq 1", lambda p: p.size % 2 == 1),
    ("-7 div 2 eq -3 and -7 mod 2 eq -1 and Online", _every),
    ("ContentLength div 0 gt 0", _none),
    ("not (ContentLength mod 0 eq 1)", _every),
    ("ContentLength mul 1000000000000000000 mul 1000000000000000000 gt 1", _every),
    (any_of("Integer", "orbitNumber", "mod 2 eq 0"), lambda p: attribute(p, "orbitNumber") % 2 == 0),
    (
        any_of("Double", "startTimeFromAscendingNode", "div 2 gt 2000"),
        lambda p: attribute(p, "startTimeFromAscendingNode") / 2 > 2000,
    ),
    ("ContentType eq 'application/zip'", _every),
    ("Collection/Name eq 'SENTINEL-1'", _every),
    ("Collection/Name eq 'SENTINEL-2'", _none),
    ("ProductionType eq OData.CSC.ProductionType'systematic_production'", _every),
    ("ProductionType eq 'systematic production'", _every),
    ("ProductionType in ('on_demand_default','on-demand non-default')", _none),
    ("contains(Name,'SLC') eq false", lambda p: "SLC" not in p.name),
    (any_of("String", "operationalMode", "eq 'IW'"), lambda p: attribute(p, "operationalMode") == "IW"),
    (any_of("String", "operationalMode", "in('SM')"), lambda p: attribute(p, "operationalMode") == "SM"),
    (any_of("String", "orbitDirection", "ne 'ASCENDING'"), lambda p: attribute(p, "orbitDirection") == "DESCENDING"),
    (
        "not " + any_of("String", "orbitDirection", "eq 'ASCENDING'"),
        lambda p: attribute(p, "orbitDirection") != "ASCENDING",
    ),
    (any_of("Integer", "orbitNumber", "ge 33005"), lambda p: p.name and attribute(p, "orbitNumber") >= 33005),
    (any_of("Integer", "datatakeID", "eq 101"), lambda p: attribute(p, "datatakeID") == 101),
    (any_of("Integer", "missionDatatakeID", "eq 101"), lambda p: attribute(p, "datatakeID") == 101),
    (
        any_of("Double", "startTimeFromAscendingNode", "gt 3001.5"),
        lambda p: attribute(p, "startTimeFromAscendingNode") > 3001.5,
    ),
    (
        any_of("Double", "startTimeFromAscendingNode", "eq 1000.5"),
        lambda p: attribute(p, "startTimeFromAscendingNode") == 1000.5,
    ),
    (any_of("String", "productType", "eq 'IW_SLC__1S'"), lambda p: p.type == "IW_SLC__1S"),
    (any_of("String", "productType", "ne 'IW_SLC__1S'"), lambda p: p.type != "IW_SLC__1S"),
    (any_of("Boolean", "sliceProductFlag", "eq true"), lambda p: attribute(p, "sliceProductFlag")),
    (
        any_of("DateTimeOffset", "beginningDateTime", "le 2020-06-15T12:20:00.000002Z"),
        lambda p: p.start <= NOON + timedelta(minutes=20, microseconds=2),
    ),
    (any_of("String", "orbitNumber", "eq '33005'"), _none),
    ("Attributes/any(a:a/Name eq 'orbitNumber' and a/Value lt 33002)", lambda p: attribute(p, "orbitNumber") < 33002),
    ("Attributes/any(a:a/Name eq 'orbitDirection')", lambda p: attribute(p, "orbitDirection") is not None),
    ("Attributes/OData.CSC.BooleanAttribute/any()", _every),
    ("Attributes/OData.CSC.IntegerAttribute/all(x:x/Value lt 33004)", lambda p: attribute(p, "orbitNumber") < 33004),
    (
        "Attributes/OData.CSC.StringAttribute/any(anAttribute:startswith(anAttribute/Value,'DESC'))",
        lambda p: attribute(p, "orbitDirection") == "DESCENDING",
    ),
]
IN_AREAS: list[Case] = [
    (AREA, lambda p: p.ring[0][0] == 10.0),
    (f"not {AREA}", lambda p: p.ring[0][0] != 10.0),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_filter_selects_what_it_says(shelf: Segment, text: str, expected: Test) -> None:
    assert selected(shelf, text) == [one.name for one in everything(shelf) if expected(one)]


@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize(("text", "expected"), IN_AREAS, ids=[text for text, _ in IN_AREAS])
def test_a_filter_by_area_selects_what_it_says(shelf: Segment, text: str, expected: Test) -> None:
    assert selected(shelf, text) == [one.name for one in everything(shelf) if expected(one)]


def _both(one: Case, other: Case) -> Case:
    return f"({one[0]}) and ({other[0]})", lambda p: bool(one[1](p) and other[1](p))


def _one_of(one: Case, other: Case) -> Case:
    return f"({one[0]}) or ({other[0]})", lambda p: bool(one[1](p) or other[1](p))


def _not(one: Case) -> Case:
    return f"not ({one[0]})", lambda p: not one[1](p)


def composed(cases: list[Case]) -> st.SearchStrategy[Case]:
    return st.recursive(
        st.sampled_from(cases),
        lambda inner: st.one_of(
            st.builds(_both, inner, inner), st.builds(_one_of, inner, inner), st.builds(_not, inner)
        ),
        max_leaves=6,
    )


@pytest.mark.usefixtures("areas")
@settings(max_examples=70)
@given(case=composed([*CASES, *IN_AREAS]))
def test_composed_filters_equal_their_evaluation(shelf: Segment, case: Case) -> None:
    text, expected = case
    assert selected(shelf, text) == [one.name for one in everything(shelf) if expected(one)]


NASTY = [
    "' or 1 eq 1 or '",
    "'; drop table product; --",
    "%",
    "_",
    "\\",
    '"',
    "''",
    "\u2603",
    "\U0010ffff",
    "\ud7ff",
    "a\nb",
]
PLACES = [
    "Name eq {}",
    "Name ne {}",
    "Name in ({},{})",
    "contains(Name,{})",
    "startswith(Name,{})",
    "endswith(Name,{})",
    "contains(Id,{})",
    "Id eq {}",
    "tolower(Name) eq {}",
    "concat(Name,{}) eq {}",
    "indexof(Name,{}) eq 3",
    "Collection/Name eq {}",
    "ProductionType eq {}",
    "Name gt {}",
    "Attributes/OData.CSC.StringAttribute/any(a:a/Name eq {} and a/OData.CSC.StringAttribute/Value eq {})",
    "Attributes/OData.CSC.IntegerAttribute/any(a:a/Name eq {} and a/OData.CSC.IntegerAttribute/Value eq 1)",
]


@settings(max_examples=70)
@given(place=st.sampled_from(PLACES), literal=st.one_of(st.sampled_from(NASTY), st.text(max_size=20)))
@example(place=PLACES[0], literal="x' or Name ne 'y")
def test_literals_are_data_wherever_they_stand(shelf: Segment, place: str, literal: str) -> None:
    quoted = "'" + literal.replace("'", "''") + "'"
    text = place.replace("{}", quoted)
    try:
        found = selected(shelf, text)
    except QueryError as error:
        assert "\0" in literal or any("\ud800" <= c <= "\udfff" for c in literal), error  # noqa: PT017
        return
    matches: dict[str, Test] = {
        PLACES[0]: lambda p: p.archive_name == literal,
        PLACES[1]: lambda p: p.archive_name != literal,
        PLACES[3]: lambda p: literal in p.archive_name,
        PLACES[4]: lambda p: p.archive_name.startswith(literal),
        PLACES[5]: lambda p: p.archive_name.endswith(literal),
        PLACES[6]: lambda p: literal in p.uuid,
    }
    if place in matches:
        assert found == [one.name for one in everything(shelf) if matches[place](one)]
    with shelf.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(product_table)) == 12


WORDS = """Name eq 'a' ( ) and or not in , any all Attributes / : OData.CSC. 5 2020-01-01 2020-02-31 null true =
contains
- add geography'POINT(1 2)' 1e999 99999999999999999999 StringAttribute a Value ContentDate Start duration'P1D'
geo.intersects Footprint area Intersects 12:00:00 2020-01-01T25:00:00Z x \x00 é"""
words = st.sampled_from(WORDS.split())


@settings(max_examples=120)
@given(st.one_of(st.lists(words, max_size=14).map(" ".join), st.lists(words, max_size=10).map("".join), st.text()))
@example("OData.CSC.Intersects(area=geography'POINT(1 2)',location=Footprint,x=1)")
@example("Id in ((1,2),3)")
@example("(" * 3000)
@example("not " * 2000)
@example("a/" * 4000 + "a")
def test_garbage_is_refused_with_a_reason_and_nothing_worse(shelf: Segment, text: str) -> None:
    try:
        predicate = compile_filter(text)
    except QueryError as error:
        assert len(str(error)) > 10  # noqa: PT017
    else:
        with shelf.database.read() as connection:
            count(connection, predicate)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Nme eq 'x'", "no property 'Nme'; did you mean Name?"),
        ("contentdate/Start gt 2020-01-01", "did you mean ContentDate/Start"),
        ("zzz eq 1", "known are Id, Name"),
        ("Name eq 5", r"compares Name \(String\) with 5 \(Integer\); texts are written in single quotes"),
        ("ContentDate/Start gt '2020-01-01T00:00:00Z'", "times are written without quotes"),
        ("ContentDate/Start gt 2020-02-31", "'2020-02-31' is not a value"),
        ("ContentLength eq 99999999999999999999", "64 bits"),
        ("ContentLength eq 1e999", "too large"),
        ("Name", "Name is not a condition"),
        ("1 eq 1", "two literals"),
        ("length(Name)", r"length\(\) is not a condition"),
        ("length(ContentLength) eq 1", "length wants String"),
        ("lenth(Name) eq 1", "lenth"),
        ("matchesPattern(Name,'(a')", "a parenthesis is not closed"),
        ("matchesPattern(Name,Name)", "a pattern in quotes"),
        ("matchesPattern(Name) eq 'a'", "takes 2 arguments"),
        ("year(Name) eq 2020", "year wants DateTimeOffset, and Name is String"),
        ("now() sub duration'P99999999D' lt OriginDate", "leads to no time"),
        ("ContentLength add 'x' gt 7", "add takes numbers"),
        ("ContentDate/Start add 5 gt 7", "add takes numbers, or a time and a duration"),
        ("ContentDate/Start add duration'P1D' gt 2020-01-01", "only durations are added to times that are given"),
        ("ContentLength mod 1.5 eq 0", "mod takes whole numbers"),
        ("ContentLength mul 1e19 gt 7", "numbers up to 1e"),
        ("ContentLength" + " add 1" * 9 + " gt 7", "more than 8 calculations"),
        ("Attributes/any(a:a/Value add 1 eq 2)", "of a kind that no path names"),
        ("Name eq 'a", "not understood from"),
        ("Name eq", "not understood|too early"),
        ("", "is empty"),
        ("Name eq 'a' " + "or Name eq 'a' " * 600, "at most 8192"),
        ("not (" * 45 + "Online" + ")" * 45, "nested more than 40"),
        ("Files/any(f:f/Name eq 'a')", r"Files has no any\(\)"),
        ("Attributes/OData.CSC.TextAttribute/any(f:f/Name eq 'a')", "StringAttribute"),
        ("Attributes/OData.CSC.StringAttribute/any(a:a/Nam eq 'a')", "has Name and Value"),
        ("Attributes/OData.CSC.StringAttribute/any(a:Name eq 'a')", "only a/Name and a/Value"),
        ("Attributes/OData.CSC.StringAttribute/any(a:a/OData.CSC.IntegerAttribute/Value eq 1)", "in single quotes"),
        ("OData.CSC.Intersects(area=geography'SRID=3857;POINT(1 2)')", "only SRID=4326"),
        ("OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((1 2,3 4))')", "well-known text"),
        ("OData.CSC.Intersects(area=geography'SRID=4326;POINT(200 95)')", "not a longitude and a latitude"),
        ("OData.CSC.Intersects(area=geography'SRID=4326;POINT EMPTY')", "an empty Point"),
        ("OData.CSC.Intersects(area='POINT(1 2)')", "takes"),
        ("OData.CSC.Intersect(area=geography'SRID=4326;POINT(1 2)')", "OData.CSC.Intersects"),
    ],
)
def test_a_wrong_filter_is_told_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        compile_filter(text)


def _wide(text: str) -> str:
    return f"OData.CSC.Intersects(area=geography'SRID=4326;{text}')"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (_wide("POINT(11 46)"), {10.0}),
        (_wide("POINT(13 46)"), {12.5}),
        (_wide("POINT(12.2 46)"), set()),
        (_wide("POINT(180 -17)"), {179.0}),
        (_wide("POINT(-179.5 -17)"), {179.0}),
        (_wide("POINT(180.5 -17)"), {179.0}),
        (_wide("POINT(-178 -17)"), set()),
        (_wide("POLYGON((179.9 -17.5,-179.5 -17.5,-179.5 -17,179.9 -17,179.9 -17.5))"), {179.0}),
        (_wide("POLYGON((170 -20,-170 -20,-170 80,170 80,170 -20))"), {179.0}),
        (_wide("POLYGON((-170 -20,-170 80,-60 80,-60 -20,-170 -20))"), set()),
        (_wide("POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))"), {10.0, 179.0, -60.0, 12.5}),
        (_wide("POLYGON((0 -74,90 -74,180 -74,-90 -74,0 -74))"), {-60.0}),
        (_wide("LINESTRING(-65 -74,0 -74,13 46)"), {-60.0, 12.5}),
        (_wide("LINESTRING(170 -17,-170 -17)"), {179.0}),
        (_wide("POLYGON((9 44,15 44,15 48,9 48,9 44),(9.5 44.5,12.2 44.5,12.2 47.5,9.5 47.5,9.5 44.5))"), {12.5}),
        (_wide("MULTIPOINT((11 46),(13 46))"), {10.0, 12.5}),
        ("OData.CSC.Intersects(location=Footprint,area=geography'SRID=4326;POINT(11 46)')", {10.0}),
        ("geo.intersects(Footprint,geography'SRID=4326;POINT(11 46)')", {10.0}),
        ("geo.intersects(GeoFootprint, geography'POINT(11 46)') eq true", {10.0}),
        ("OData.CSC.Within(area=geography'SRID=4326;POLYGON((9 44,14 44,14 48,9 48,9 44))')", {10.0}),
        ("OData.CSC.Disjoint(area=geography'SRID=4326;POLYGON((9 44,14 44,14 48,9 48,9 44))')", {179.0, -60.0}),
    ],
)
@pytest.mark.usefixtures("areas")
def test_areas_are_places_on_a_globe(shelf: Segment, text: str, places: set[float]) -> None:
    wanted = [one.name for one in everything(shelf) if one.ring is not None and one.ring[0][0] in places]
    assert selected(shelf, text) == wanted


boxes = st.tuples(st.floats(-180, 180), st.floats(-89, 80), st.floats(0.01, 170), st.floats(0.01, 9))


@pytest.mark.usefixtures("areas")
@settings(max_examples=50)
@given(boxes)
def test_boxes_of_any_place_find_what_they_touch(shelf: Segment, area: tuple[float, float, float, float]) -> None:
    west, south, width, height = area

    def wrapped(longitude: float) -> float:
        return longitude - 360.0 if longitude > 180.0 else longitude

    east = wrapped(west + width)
    middle = wrapped(west + width / 2)
    ring = [
        (west, south),
        (middle, south),
        (east, south),
        (east, south + height),
        (middle, south + height),
        (west, south + height),
        (west, south),
    ]
    text = ",".join(f"{x:.9f} {y:.9f}" for x, y in ring)

    def touches(one: Published) -> bool:
        assert one.ring is not None
        left, bottom = one.ring[0]
        turns = [left + 360.0 * k for k in (-1, 0, 1)]
        return (
            any(t <= west + width and t + 2 >= west for t in turns) and bottom <= south + height and bottom + 2 >= south
        )

    edges = [
        abs((one.ring or [[0, 0]])[0][0] + d + 360 * k - x)
        for one in everything(shelf)
        for d in (0, 2)
        for k in (-1, 0, 1)
        for x in (west, west + width)
    ]
    if min(edges) > 1e-6:
        wanted = [one.name for one in everything(shelf) if touches(one)]
        assert selected(shelf, f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({text}))')") == wanted


def test_filters_leave_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile_filter(
            "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((170 -20,170 80,-170 80,-170 -20,170 -20))')"
        )


def test_a_postgresql_without_postgis_says_what_it_lacks(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite needs no extension")
    with database.write() as connection:
        connection.exec_driver_sql("DROP EXTENSION IF EXISTS postgis CASCADE")
    with database.read() as connection:
        assert search(connection, compile_filter("Online")).products == ()
        with pytest.raises(QueryError, match="without PostGIS and cannot search by area"):
            count(connection, compile_filter(f"Online or not {AREA}"))


def test_selective_filters_use_indexes(shelf: Segment) -> None:
    plans = {
        "Name eq 'S1A_X.SAFE.zip'": "uq_product_name|ix_product_name|sqlite_autoindex_product",
        "startswith(Name,'S1A_IW_GRDH_1SDV_20200615')": "uq_product_name|ix_product_name|sqlite_autoindex_product",
        "Id eq 7d8e0000-aaaa-bbbb-cccc-000000000000": "uq_product_uuid|sqlite_autoindex_product",
        any_of("String", "productType", "eq 'IW_SLC__1S'"): "ix_product_type_start",
        any_of("Integer", "datatakeID", "eq 5"): "ix_product_datatake_type",
        any_of("Integer", "missionDatatakeID", "eq 5"): "ix_product_datatake_type",
        "ContentDate/Start gt 2020-01-01 and ContentDate/Start lt 2020-01-02": "ix_product_start",
    }
    for text, index in plans.items():
        query = sa.select(product_table.c.id).where(where(compile_filter(text)))
        sql = query.compile(shelf.database.engine, compile_kwargs={"literal_binds": True})
        plan = plan_of(shelf.database, str(sql))
        assert re.search(rf"(SEARCH \w+ USING (COVERING )?INDEX |Index[\w ]* using |Index Scan on )({index})", plan), (
            plan
        )


@pytest.mark.usefixtures("areas")
def test_searches_by_area_use_an_index(shelf: Segment) -> None:
    joined = product_table.join(publication, publication.c.product_id == product_table.c.id)
    query = sa.select(product_table.c.id).select_from(joined).where(where(compile_filter(AREA)))
    with shelf.database.read() as connection:
        prepare_areas(connection)
    sql = query.compile(shelf.database.engine, compile_kwargs={"literal_binds": True})
    plan = plan_of(shelf.database, str(sql))
    sqlite = shelf.database.engine.dialect.name == "sqlite"
    whole = "SEARCH publication USING INTEGER PRIMARY KEY" if sqlite else "Index Scan"
    assert re.search(
        f"{whole}.*{'SCAN footprint_tree VIRTUAL TABLE INDEX 2:' if sqlite else 'ix_publication_area'}", plan
    ), plan


@pytest.mark.parametrize("field", PROPERTIES)
@pytest.mark.parametrize("descending", [False, True])
def test_pages_of_any_order_hold_each_product_once(shelf: Segment, field: str, descending: bool) -> None:
    whole = everything(shelf)
    with shelf.database.read() as connection:
        order = (Order(field, descending),)
        at_once = [one.name for one in search(connection, ALWAYS, order).products]
        seen: list[str] = []
        after = None
        while True:
            page = search(connection, ALWAYS, order, limit=5, after=after)
            seen += [one.name for one in page.products]
            after = page.after
            if after is None:
                break
        by_skip = [
            one.name for skip in (0, 5, 10) for one in search(connection, ALWAYS, order, limit=5, skip=skip).products
        ]
    assert seen == at_once == by_skip
    assert sorted(seen) == sorted(one.name for one in whole)


@pytest.mark.parametrize(
    "token", ["", "x", "W10", "WzEsMl0", "W251bGwsMV0", "WyJhIiwxXQ", "é", "WzFlOTk5LDFd", "W1tbW1tb"]
)
def test_a_made_up_token_is_refused(shelf: Segment, token: str) -> None:
    with shelf.database.read() as connection:
        try:
            search(connection, ALWAYS, (Order("Name"),), after=token)
        except QueryError as error:
            assert "token" in str(error)  # noqa: PT017
        else:
            assert token == "WyJhIiwxXQ"  # ["a",1] is well-formed
