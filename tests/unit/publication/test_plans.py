"""The commonest queries find their products along indexes on both databases, whatever their number."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from s1pdgs.publication.odata.filter import compile_filter
from s1pdgs.publication.predicate import ALWAYS
from s1pdgs.publication.search import Order, count, find, search
from s1pdgs.publication.stac_request import Asked
from tests.databases import plans_of
from tests.unit.publication.conftest import Segment

DAYS = "ContentDate/Start ge 2020-06-15 and ContentDate/Start lt 2020-06-27"
AREA = "OData.CSC.Intersects(area=geography'SRID=4326;POLYGON((11 44,11.5 44,11.5 46,11 46,11 44))')"
BY_START = (Order("ContentDate/Start"),)
NEWEST = (Order("PublicationDate", descending=True),)


def of(name: str, value: str, kind: str = "String") -> str:
    path = f"OData.CSC.{kind}Attribute"
    return f"Attributes/{path}/any(a:a/Name eq '{name}' and a/{path}/Value eq {value})"


SLC = of("productType", "'IW_SLC__1S'")
ORBIT = of("relativeOrbitNumber", "22", "Integer")


def asked(text: str, order: tuple[Order, ...] = (Order("PublicationDate"),)) -> Callable[[sa.Connection], object]:
    return lambda connection: search(connection, compile_filter(text), order)


def _behind(connection: sa.Connection) -> object:
    after = search(connection, ALWAYS, limit=1).after
    return search(connection, ALWAYS, after=after)


def _stac(connection: sa.Connection) -> object:
    one = Asked(["IW_SLC__1S"], datetime="2020-06-15T00:00:00Z/2020-06-20T00:00:00Z")
    return search(connection, one.predicate(), one.order())


BOTH = r" AND start>\? AND start<\?"
TIMES = "ix_product_(type_)?start"
Case = tuple[Callable[[sa.Connection], object], str, str]
CASES: dict[str, Case] = {
    "one by Id": (lambda connection: find(connection, "x"), r"uuid=\?", "uq_product_uuid"),
    "name": (asked("Name eq 'S1A_X.SAFE.zip'"), r"\(name=\?", "uq_product_name|ix_product_name"),
    "name prefix": (
        asked("startswith(Name,'S1A_IW_SLC__1SDV_202006')"),
        r"SEARCH product USING COVERING INDEX \w+ \(name>\? AND name<\?",
        "ix_product_name|uq_product_name",
    ),
    "newest publications": (
        asked("PublicationDate gt 2026-01-05", NEWEST),
        r"COVERING INDEX ix_product_published \(published_at>\?",
        "Index Only Scan (Backward )?using ix_product_published",
    ),
    "type and time": (
        asked(f"{SLC} and {DAYS}"),
        rf"COVERING INDEX ix_product_type_start \(type=\?{BOTH}",
        TIMES,
    ),
    "type and time, by start": (asked(f"{SLC} and {DAYS}", BY_START), rf"ix_product_type_start \(type=\?{BOTH}", TIMES),
    "area": (asked(AREA), "footprint_tree VIRTUAL TABLE INDEX 2:B0D1B2D3", "ix_publication_area"),
    "area and time": (
        asked(f"{AREA} and {DAYS}"),
        "footprint_tree VIRTUAL TABLE INDEX 2:B0D1B2D3D5B4",
        "Limit .*Nested Loop .*Sort .*ix_footprint_box_place.* st_intersects",  # until the page is full
    ),
    "type, relative orbit and time": (
        asked(f"{SLC} and {ORBIT} and {DAYS}"),
        rf"ix_product_relative_orbit \(relative_orbit=\? AND type=\?{BOTH}",
        f"ix_product_relative_orbit|{TIMES}",
    ),
    "orbit": (asked(of("orbitNumber", "33000", "Integer")), r"ix_product_orbit \(orbit=\?", "ix_product_orbit"),
    "data take": (
        asked(of("datatakeID", "100", "Integer")),
        r"ix_product_datatake_type \(datatake=\?",
        "ix_product_datatake_type",
    ),
    "count of a type and time": (
        lambda connection: count(connection, compile_filter(f"{SLC} and {DAYS}")),
        rf"COVERING INDEX ix_product_type_start \(type=\?{BOTH}",
        TIMES,
    ),
    "a page behind another": (
        _behind,
        r"COVERING INDEX ix_product_published \(published_at>\?\)",
        "Index Only Scan (Backward )?using ix_product_published",
    ),
    "STAC: collection and time": (_stac, rf"ix_product_type_start \(type=\?{BOTH}", TIMES),
}


@pytest.mark.usefixtures("areas")
@pytest.mark.parametrize("name", CASES)
def test_a_common_query_follows_an_index(shelf: Segment, name: str) -> None:
    act, on_sqlite, on_postgres = CASES[name]
    sqlite = shelf.database.engine.dialect.name == "sqlite"

    def ask(connection: sa.Connection) -> object:
        if not sqlite:  # which reads so few rows one after the other
            for setting in ("enable_seqscan", "enable_bitmapscan"):
                connection.exec_driver_sql(f"SET LOCAL {setting} = off")
        return act(connection)

    plan = plans_of(shelf.database, ask)[-1]
    assert re.search(on_sqlite if sqlite else on_postgres, plan), plan
    assert not re.search(r"SCAN (product|publication)\b(?! USING)|Seq Scan on (product|publication)\b", plan), plan
