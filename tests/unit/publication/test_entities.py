"""Entity sets over any table: one declaration, the whole language of questions, on both databases."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st

from s1pdgs.publication.errors import QueryError
from s1pdgs.publication.odata.entities import Edm, EntitySet, Navigation, Property, Shelf, find_page
from s1pdgs.publication.odata.options import read_options
from s1pdgs.publication.odata.route import Addition
from s1pdgs.publication.paging import read_token, write_token
from s1pdgs.publication.search import Order
from s1pdgs.publication.service import mount
from s1pdgs.storage.database import Database, Identifier, Micros
from s1pdgs.storage.objects import local_objects
from tests.databases import KINDS, new_database, plans_of
from tests.unit.publication.conftest import NOON, serving

tables = sa.MetaData()
ticket = sa.Table(
    "ticket",
    tables,
    sa.Column("id", Identifier, primary_key=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("made", Micros, nullable=False),
    sa.Column("done", Micros),
    sa.Column("remark", sa.Text),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
)
sa.Index("ix_ticket_made", ticket.c.made, ticket.c.id)
REMARKS = (None, "été", "b's", "a", None)


def _steps(connection: sa.Connection, rows: Sequence[Any]) -> list[list[dict[str, Any]]]:
    assert connection.scalar(sa.select(sa.func.count()).select_from(ticket)) == 12
    return [[{"Step": number} for number in range(row.id % 3)] for row in rows]


TICKETS = EntitySet(
    name="Tickets",
    source=ticket,
    properties=(
        Property("Id", Edm.GUID, ticket.c.uuid),
        Property("Status", Edm.ENUM, ticket.c.state, members=("queued", "in_progress", "completed")),
        Property("Time/Start", Edm.TIME, ticket.c.made),
        Property("Time/End", Edm.TIME, ticket.c.done, nullable=True),
        Property("Remark", Edm.STRING, ticket.c.remark, nullable=True),
        Property("Size", Edm.INTEGER, ticket.c.size),
        Property("Share", Edm.DOUBLE, ticket.c.share),
        Property("Urgent", Edm.BOOLEAN, ticket.c.urgent),
        Property("Options", Edm.JSON, show=lambda row: row.options),
    ),
    extra=(ticket.c.options, ticket.c.id),
    number=ticket.c.id,
    order=(Order("Time/Start"),),
    navigations=(
        Navigation("Steps", _steps),
        Navigation("Parent", lambda _, rows: [{"Name": "mother"} if row.id > 1 else None for row in rows]),
    ),
)


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-0000000000{number:02x}"


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Twelve tickets, the later ones in pairs of the same time."""
    with new_database(request.param, tmp_path_factory.mktemp("tickets")) as database:
        with database.write() as connection:
            tables.create_all(connection)
            for number in range(1, 13):
                made = NOON + timedelta(hours=number // 2, microseconds=7)
                connection.execute(ticket.insert().values(
                    id=number, uuid=guid(number), state=("queued", "in_progress", "completed")[number % 3], made=made,
                    done=made if number % 3 == 2 else None, remark=REMARKS[number % 5], size=number * 10**12,
                    share=number / 4, urgent=number % 2 == 0, options={"n": [number]},
                ))  # fmt: skip
        yield database


@pytest.fixture(scope="module")
def client(filled: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    app = FastAPI()
    store = local_objects(tmp_path_factory.mktemp("objects"))
    whole = Shelf(TICKETS, filled, "https://station.example/")
    mount(app, filled, store, additions=[Addition(["Tickets"], whole.add)])
    app_of_some = FastAPI()
    some = Shelf(TICKETS, filled, only=only_asked)
    mount(app_of_some, filled, store, additions=[Addition(["Tickets"], some.add)])
    app.mount("/some", app_of_some)
    with serving(app) as site, httpx2.Client(timeout=60.0, base_url=f"{site}/odata/v1") as opened:
        yield opened


def only_asked(request: Request) -> sa.ColumnElement[bool]:
    return ticket.c.urgent if request.headers.get("x-user") == "hurry" else sa.true()


def get(client: httpx2.Client, path: str, **options: str) -> Any:
    reply = client.get(path, params={f"${name}": value for name, value in options.items()})
    assert reply.status_code == 200, reply.text
    return reply.json()


def numbers(client: httpx2.Client, **options: str) -> list[int]:
    return [int(one["Id"][-2:], 16) for one in get(client, "/Tickets", **options)["value"]]


def refusal(client: httpx2.Client, status: int, path: str, **options: str) -> str:
    reply = client.get(path, params={f"${name}": value for name, value in options.items()})
    assert reply.status_code == status, reply.text
    return str(reply.json()["error"]["message"])


def test_an_entity_is_written_by_its_declaration(client: httpx2.Client) -> None:
    body = get(client, "/Tickets", top="2", count="true", filter="Size gt 1000000000000", expand="Steps,Parent")
    assert body["@odata.context"] == "$metadata#Tickets"
    assert body["@odata.count"] == 11
    assert body["value"][0] == {
        "Id": guid(2), "Status": "completed",
        "Time": {"Start": "2020-06-15T13:00:00.000007Z", "End": "2020-06-15T13:00:00.000007Z"}, "Remark": "b's",
        "Size": 2 * 10**12, "Share": 0.5, "Urgent": True, "Options": {"n": [2]},
        "Steps": [{"Step": 0}, {"Step": 1}], "Parent": {"Name": "mother"},
    }  # fmt: skip
    assert body["value"][1]["Time"]["End"] is None
    assert body["value"][1]["Urgent"] is False


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Id eq '{guid(10).upper()}'", [10]),
        (f"Id eq {guid(10)}", [10]),
        ("Status in ('queued')", [3, 6, 9, 12]),
        ("Status eq OData.CSC.TicketStatus'in_progress' and Urgent", [4, 10]),
        ("Time/End eq null", [1, 3, 4, 6, 7, 9, 10, 12]),
        ("Time/End ne null and Time/Start gt 2020-06-15T16:00:00Z", [8, 11]),
        ("Time/Start lt 2020-06-15T13:00:00.000007Z", [1]),
        ("hour(Time/Start) eq 13", [2, 3]),
        ("Remark eq 'b''s' or contains(Remark,'t')", [1, 2, 6, 7, 11, 12]),
        ("startswith(tolower(Remark),'A')", []),
        ("not (Remark eq 'a')", [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]),
        ("Remark ne 'a'", [1, 2, 4, 5, 6, 7, 9, 10, 11, 12]),
        ("Remark in ('a', null)", [3, 4, 5, 8, 9, 10]),
        ("matchesPattern(Remark,'^[ab]')", [2, 3, 7, 8, 12]),
        ("Share ge 2.75", [11, 12]),
        ("Urgent eq false and Size le 3000000000000", [1, 3]),
        ("Remark gt Status", [1, 6, 11]),
    ],
)
def test_filters_speak_the_language_of_products(client: httpx2.Client, text: str, found: list[int]) -> None:
    assert sorted(numbers(client, filter=text)) == found
    reply = client.get("/Tickets/$count", params={"$filter": text})
    assert (reply.text, reply.headers["content-type"].split(";")[0]) == (str(len(found)), "text/plain")


@pytest.mark.parametrize(
    "order",
    ["Time/Start", "Time/Start desc", "Time/End", "Time/End desc,Remark", "Remark,Size desc", "Remark desc",
     "Share desc", "Urgent", "Urgent desc,Status", "Id desc"],
)  # fmt: skip
def test_pages_of_any_order_hold_every_entity_once(client: httpx2.Client, order: str) -> None:
    whole = numbers(client, orderby=order)
    assert sorted(whole) == list(range(1, 13))
    read: list[int] = []
    link = "/Tickets?%24top=5&%24orderby=" + order.replace(" ", "%20")
    while link:
        body = client.get(link.replace("https://station.example/odata/v1", "")).json()
        read += [int(one["Id"][-2:], 16) for one in body["value"]]
        link = body.get("@odata.nextLink", "")
        assert not link or "%24skiptoken=" in link
    assert read == whole
    assert numbers(client, orderby=order, skip="5", top="5") == whole[5:10]


def test_nulls_come_first_in_rising_order_and_last_in_falling(client: httpx2.Client) -> None:
    assert numbers(client, orderby="Remark,Time/Start")[:5] == [4, 5, 9, 10, 3]
    assert set(numbers(client, orderby="Remark desc")[-4:]) == {4, 5, 9, 10}


def test_select_takes_whole_properties(client: httpx2.Client) -> None:
    (ticket_,) = get(client, "/Tickets", select="Time,Size", top="1")["value"]
    assert ticket_ == {"Time": {"Start": "2020-06-15T12:00:00.000007Z", "End": None}, "Size": 10**12}


def test_one_entity_and_its_navigations_have_addresses(client: httpx2.Client) -> None:
    for address in (f"/Tickets({guid(10)})", f"/Tickets('{guid(10).upper()}')"):
        entity = get(client, address, expand="Steps")
        assert entity["@odata.context"] == "$metadata#Tickets/$entity"
        assert (entity["Id"], entity["Steps"]) == (guid(10), [{"Step": 0}])
    assert get(client, f"/Tickets({guid(2)})/Steps")["value"] == [{"Step": 0}, {"Step": 1}]
    assert get(client, f"/Tickets({guid(2)})/Parent")["Name"] == "mother"
    assert "no Parent" in refusal(client, 404, f"/Tickets({guid(1)})/Parent")
    assert "nothing in Tickets" in refusal(client, 404, f"/Tickets({guid(99)})")
    assert {"name": "Tickets", "kind": "EntitySet", "url": "Tickets"} in get(client, "/")["value"]


def test_who_may_see_some_entities_only_sees_no_others(client: httpx2.Client) -> None:
    hurried = {"x-user": "hurry"}
    address = f"{client.base_url}".replace("/odata/v1/", "/some/odata/v1")
    assert client.get(f"{address}/Tickets", headers=hurried).json()["value"][0]["Id"] == guid(2)
    assert client.get(f"{address}/Tickets/$count", headers=hurried).text == "6"
    for path in ("", "/Steps"):
        assert client.get(f"{address}/Tickets({guid(3)}){path}", headers=hurried).status_code == 404
        assert client.get(f"{address}/Tickets({guid(3)}){path}").status_code == 200


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"filter": "State eq 'queued'"}, "did you mean Status"),
        ({"filter": "Status eq 'inprogress'"}, "did you mean in_progress"),
        ({"filter": "Status in ('queued','done')"}, "is never 'done'"),
        ({"filter": "Options eq 'x'"}, "there is no property 'Options'"),
        ({"filter": "Size eq 'x'"}, "compares Size (Integer)"),
        ({"filter": "Time/Start eq '2020-06-15'"}, "without quotes"),
        ({"filter": "Attributes/any(a:a/Name eq 'x')"}, "has no any()"),
        ({"filter": "OData.CSC.Intersects(area=geography'SRID=4326;POINT(1 1)')"}, "footprints"),
        ({"filter": "Time/End add 1 gt Size"}, "duration"),
        ({"orderby": "Options"}, "there is no property 'Options'"),
        ({"orderby": "Size upwards"}, "asc or desc"),
        ({"select": "Start"}, "there is no 'Start'"),
        ({"expand": "Stepps"}, "did you mean Steps"),
        ({"skiptoken": "bm90IG91cnM"}, "not one that this service gave"),
        ({"top": "-1"}, "not a whole number"),
    ],
)
def test_what_is_wrong_is_said(client: httpx2.Client, options: dict[str, str], advice: str) -> None:
    assert advice in refusal(client, 400, "/Tickets", **options)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Tickets(%00)", 400),
        ("/Tickets(%ff%fe)", 404),
        ("/Tickets(..%2F..%2Fetc%2Fpasswd)", 404),
        ("/Tickets('x'' or 1 eq 1')", 404),
        ("/Tickets()/Steps", 404),
        (f"/Tickets({'9' * 5000})", 404),
        ("/Tickets?$filter=Remark%20eq%20%27%00%27", 400),
        (f"/Tickets?$filter=Remark%20eq%20%27{'x' * 9000}%27", 400),
        (f"/Tickets?$filter={'(' * 60}Urgent{')' * 60}", 200),
        ("/Tickets?$filter=Remark%20eq%20%27%27%27;%20drop%20table%20ticket;--%27", 200),
        (f"/Tickets?$filter=Size%20eq%20{'9' * 60}", 400),
        ("/Tickets?$skip=99999999999", 400),
        ("/Tickets?$top=1&$top=2", 400),
    ],
)
def test_hostile_questions_are_answered_precisely(client: httpx2.Client, path: str, status: int) -> None:
    reply = client.get(path)
    assert reply.status_code == status, reply.text
    assert client.get("/Tickets/$count").text == "12"


def test_a_page_begins_at_the_index_of_its_order(filled: Database) -> None:
    token = find_page_token(filled)
    options = read_options([("$top", "3"), ("$skiptoken", token)], offer=TICKETS.offer)

    def act(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        assert len(find_page(connection, TICKETS, options).rows) == 3

    (plan,) = plans_of(filled, act)
    assert "ix_ticket_made" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def find_page_token(database: Database) -> str:
    with database.read() as connection:
        return str(find_page(connection, TICKETS, read_options([("$top", "4")], offer=TICKETS.offer)).after)


@given(values=st.lists(st.one_of(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
                                 st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))))  # fmt: skip
def test_tokens_come_back_as_they_went(values: list[Any]) -> None:
    assert read_token(write_token(values), [type(value) for value in values]) == values


@settings(max_examples=50)
@given(token=st.text(max_size=60))
def test_foreign_tokens_are_refused(token: str) -> None:
    with pytest.raises(QueryError, match="token of the next page"):
        read_token(token, [str, int])
