"""Production orders as users place them: over HTTP, to a product that they download, on both databases."""

import hashlib
import io
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus import tables as bus
from s1pdgs.bus.courier import Courier
from s1pdgs.catalogue.retention import Form, Retention
from s1pdgs.jobs import queue
from s1pdgs.jobs.queue import Failure
from s1pdgs.model.product import Product, StoredFile
from s1pdgs.publication.lta.dating import Policy
from s1pdgs.publication.lta.eviction import Evictor, evict
from s1pdgs.publication.lta.orders import Terms
from s1pdgs.publication.lta.restore import Restorer, restore_step
from s1pdgs.publication.on_demand.tables import demand
from s1pdgs.publication.publisher import request
from s1pdgs.triggers import tables as t
from s1pdgs.triggers.wanted import wish as wanted_wish
from s1pdgs.triggers.wanted.asked import asked_of
from tests.unit.publication.on_demand.conftest import House, body_of
from tests.unit.triggers.conftest import companion, raw_slice

OTHER = raw_slice(2, -2975, -2942)
FINE = [{"Name": "Dem", "Value": "fine"}]


def wishes(house: House) -> int:
    with house.database.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(t.wish)) or 0


def told(house: House, status: int, path: str, body: Any) -> str:
    code, answer = house.ask("POST", path, body)
    assert code == status, answer
    return str(answer["error"]["message"])


def test_an_order_becomes_a_product_to_download(house: House) -> None:
    usual = [{"Name": "Dem", "Value": "coarse"}]
    status, order = house.ask("POST", "/ProductionOrders", body_of(WorkflowOptions=usual))
    assert status == 201
    assert order == {
        "@odata.context": "$metadata#ProductionOrder/$entity", "Id": order["Id"], "Status": "queued",
        "StatusMessage": "job 1 is ready", "OrderOutputSize": None, "SubmissionDate": order["SubmissionDate"],
        "EstimatedDate": None, "CompletedDate": None, "EvictionDate": None, "Priority": 50,
        "InputProductReference": {"Reference": raw_slice().name, "ContentDate": None},
        "WorkflowId": "8daf39a0-f7f3-5a07-8992-4cebf85e95f8", "WorkflowName": "SM_GRDH_1S",
        "WorkflowOptions": usual, "NotificationEndpoint": None, "ProductId": None,
    }  # fmt: skip
    place = f"/ProductionOrder({order['Id']})"
    status, answer = house.ask("GET", f"{place}/Product")
    assert (status, answer["error"]["message"]) == (
        404,
        f"ProductionOrder({order['Id']}) has no Product: it is queued, job 1 is ready",
    )
    claim = house.mission.claim("l1-sm")
    house.settle()
    assert house.status(order["Id"]) == "in_progress"
    product = house.made(raw_slice())
    house.mission.work("l1-sm", product, claim=claim)
    house.settle()
    done = house.ask("GET", f"{place}?$expand=Product")[1]
    assert (done["Status"], done["StatusMessage"], done["ProductId"]) == ("completed", "", done["Product"]["Id"])
    assert done["Product"]["Name"] == f"{product.name}.zip"
    assert done["OrderOutputSize"] == done["Product"]["ContentLength"]
    assert house.ask("GET", f"{place}/Product")[1] == {
        "@odata.context": "$metadata#Products/$entity",
        **done["Product"],
    }
    zipped = house.client.get(f"/odata/v1{place}/Product/$value")
    assert hashlib.md5(zipped.content).hexdigest() == done["Product"]["Checksum"][0]["Value"]
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.read(f"{product.name}/manifest.safe") == product.name.encode() * 9
    part = house.client.get(f"/odata/v1{place}/Product/$value", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, zipped.content[:10])


def test_what_exists_is_not_made_again(small: House) -> None:
    first = small.order()
    small.work(raw_slice())
    small.settle()
    assert small.status(first) == "completed"
    status, second = small.ask("POST", "/ProductionOrder", body_of())
    assert (status, second["Status"]) == (201, "completed")
    assert second["ProductId"] == small.ask("GET", f"/ProductionOrder({first})")[1]["ProductId"]
    assert second["Id"] != first
    assert wishes(small) == 1
    assert small.mission.jobs("l1-sm") == [(1, "done")]


def test_what_is_held_and_was_kept_inside_is_published_for_an_order(small: House) -> None:
    small.mission.receive(small.made(raw_slice()))
    order = small.order()
    assert small.ask("GET", f"/ProductionOrder({order})")[1]["StatusMessage"] == "is being published"
    small.settle()
    assert small.status(order) == "completed"


def test_other_options_are_another_product(house: House) -> None:
    usual = house.order()
    fine = house.order(WorkflowOptions=FINE)
    finer = house.order(WorkflowOptions=FINE)
    message = f"waits for its turn: {raw_slice().name} is made with other options just now"
    assert house.ask("GET", f"/ProductionOrder({fine})")[1]["StatusMessage"] == message
    made = house.work(raw_slice(), "AAAA")
    house.settle()
    house.settle()
    assert dict(house.mission.spec("l1-sm").order.parameters)["Dem"] == "fine"
    assert house.mission.jobs("l1-sm") == [(1, "done"), (2, "ready")]
    better = house.work(raw_slice(), "BBBB")
    house.settle()
    names = [house.ask("GET", f"/ProductionOrder({order})/Product")[1]["Name"] for order in (usual, fine, finer)]
    assert names == [f"{made.name}.zip", f"{better.name}.zip", f"{better.name}.zip"]
    assert house.mission.jobs("l1-sm") == [(1, "done"), (2, "done")]


def test_a_time_makes_all_slices_that_begin_within_it(small: House) -> None:
    small.mission.receive(OTHER)
    begin, end = raw_slice().validity.start, OTHER.validity.stop
    dates = {"Start": f"{begin:%Y-%m-%dT%H:%M:%SZ}", "End": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    order = small.order(InputProductReference={"ContentDate": dates})
    assert small.mission.jobs("l1-sm") == [(1, "ready"), (1, "ready")]
    made = []
    for _ in range(2):
        claim = small.mission.claim("l1-sm")
        with small.database.read() as connection:
            unit = queue.spec_of(connection, claim.job).unit
        made.append(small.made(raw_slice() if unit == raw_slice().name else OTHER))
        small.mission.work("l1-sm", made[-1], claim=claim)
    small.settle()
    answer = small.ask("GET", f"/ProductionOrder({order})")[1]
    assert (answer["Status"], answer["ProductId"] is None) == ("completed", False)
    assert answer["InputProductReference"] == {
        "Reference": None,
        "ContentDate": {"Start": f"{begin:%Y-%m-%dT%H:%M:%S}.000000Z", "End": f"{end:%Y-%m-%dT%H:%M:%S}.000000Z"},
    }
    products = small.ask("GET", f"/ProductionOrder({order})/Products")[1]["value"]
    assert [product["Name"] for product in products] == [f"{product.name}.zip" for product in made]
    status, answer = small.ask("GET", f"/ProductionOrder({order})/Product")
    assert (status, answer["error"]["message"]) == (
        409,
        f"2 products came of it: see ProductionOrder({order})/Products",
    )


def test_a_product_is_named_with_or_without_its_endings(small: House) -> None:
    stem = raw_slice().name.removesuffix(".SAFE")
    for name in (stem, f"{stem}.SAFE", f"{stem}.SAFE.zip", f"{stem}.zip"):
        order = small.order(reference=name)
        told = small.ask("GET", f"/ProductionOrder({order})")[1]["InputProductReference"]
        assert told["Reference"] == raw_slice().name


def test_a_cancelled_order_takes_along_what_only_it_caused(small: House) -> None:
    order, other = small.order(), small.order()
    status, answer = small.ask("POST", f"/ProductionOrder({order})/OData.CSC.Cancel")
    assert (status, answer["Status"]) == (200, "cancelled")
    assert small.mission.jobs("l1-sm") == [(1, "ready")], "the other order wants it"
    assert told(small, 409, f"/ProductionOrders({order})/OData.CSC.Cancel", None).startswith(
        f"order {order} is cancelled; "
    )
    small.ask("POST", f"/ProductionOrders({other})/OData.CSC.Cancel")
    small.settle()
    assert small.mission.jobs("l1-sm") == [(1, "dropped")]
    assert small.status(order) == small.status(other) == "cancelled"


def test_one_that_waits_for_another_is_cancelled_too(small: House) -> None:
    small.order()
    waits = small.order(WorkflowOptions=FINE)
    assert small.ask("POST", f"/ProductionOrder({waits})/OData.CSC.Cancel")[1]["Status"] == "cancelled"
    small.settle()
    assert wishes(small) == 1


def test_a_job_that_fails_for_good_fails_its_order_and_says_why(small: House) -> None:
    order = small.order()
    claim = small.mission.claim("l1-sm")
    with small.database.write() as connection:
        queue.fail(connection, small.mission.planner.outbox, claim, Failure("no memory", lasting=True))
    small.settle()
    answer = small.ask("GET", f"/ProductionOrder({order})")[1]
    assert (answer["Status"], answer["StatusMessage"]) == (
        "failed",
        f"{raw_slice().name}: job 1 is parked: no memory",
    )


def test_a_product_that_cannot_be_published_fails_the_order(small: House) -> None:
    order = small.order()
    made = small.made(raw_slice())
    small.mission.work("l1-sm", evolve(made, files=(evolve(made.files[0], sha256="0" * 64),)))
    for _ in range(6):
        small.mission.watch.turn(300)
        small.settle()
    answer = small.ask("GET", f"/ProductionOrder({order})")[1]
    assert answer["Status"] == "failed"
    assert f"{made.name} could not be published: " in answer["StatusMessage"]


def test_how_soon_jobs_of_the_chain_were_done_tells_when_the_next_will_be(small: House) -> None:
    small.mission.receive(OTHER)
    small.order()
    claim = small.mission.claim("l1-sm")
    small.mission.watch.turn(600)
    small.mission.work("l1-sm", small.made(raw_slice()), claim=claim)
    answer = small.ask("POST", "/ProductionOrders", body_of(OTHER.name))[1]
    assert answer["EstimatedDate"].replace("T13:20", "T13:10") == answer["SubmissionDate"]


def test_the_priority_is_for_the_jobs(small: House) -> None:
    for number, (priority, of_job) in enumerate([(1, 10), (50, 24), (100, 40)], start=1):
        order = small.order(Priority=priority)
        with small.database.read() as connection:
            assert queue.priority_of(connection, number) == of_job
        small.ask("POST", f"/ProductionOrder({order})/OData.CSC.Cancel")


def test_an_order_never_makes_another_less_urgent(small: House) -> None:
    small.mission.receive(OTHER)
    small.order(Priority=90)
    small.order(Priority=10)
    with small.database.read() as connection:
        assert queue.priority_of(connection, 1) == 36


def test_all_ways_to_order_do(small: House) -> None:
    for path in ("/ProductionOrders", "/ProductionOrder", "/ProductionOrder/OData.CSC.Order"):
        answer = small.client.post(f"/odata/v1{path}", json=body_of())
        assert answer.status_code == 201
        assert answer.headers["Location"] == f"http://testserver/odata/v1/ProductionOrder({answer.json()['Id']})"


def test_the_same_request_makes_two_orders_unless_it_says_that_it_is_one(small: House) -> None:
    assert small.order() != small.order()
    key = {"Repeatability-Request-ID": "7f1c2a52"}
    _, first = small.ask("POST", "/ProductionOrders", body_of(), **key)
    small.mission.watch.turn(100)
    assert small.ask("POST", "/ProductionOrders", body_of(), **key) == (201, first)
    status, answer = small.ask("POST", "/ProductionOrders", body_of(Priority=7), **key)
    assert (status, answer["error"]["message"]) == (
        409,
        "Repeatability-Request-ID 7f1c2a52 belongs to another request",
    )
    assert small.ask("GET", "/ProductionOrders?$count=true&$top=0")[1]["@odata.count"] == 3


def test_orders_are_listed_filtered_and_paged(house: House) -> None:
    first = house.order(Priority=7)
    house.mission.watch.turn(1)
    second = house.order(WorkflowName="SM_SLC__1S")
    house.ask("POST", f"/ProductionOrder({first})/OData.CSC.Cancel")
    page = house.ask("GET", "/ProductionOrders?$orderby=SubmissionDate desc&$top=1&$select=Id")[1]
    assert page["value"] == [{"Id": second}]
    assert "%24skiptoken" in page["@odata.nextLink"]
    following = house.client.get(page["@odata.nextLink"]).json()
    assert following["value"] == [{"Id": first}]
    for asked, wanted in [
        ("Status eq 'cancelled'", [first]),
        ("Status in ('queued','in_progress') and Priority ge 50", [second]),
        (f"startswith(InputProductReference/Reference,'{raw_slice().name[:20]}')", [first, second]),
        ("WorkflowName eq 'SM_SLC__1S'", [second]),
        (f"Id eq {first.upper()}", [first]),
        ("CompletedDate gt 2026-01-01", []),
        ("SubmissionDate lt 2030-01-01", [first, second]),
    ]:
        found = house.ask("GET", f"/ProductionOrder?$filter={asked}")[1]["value"]
        assert [one["Id"] for one in found] == wanted, asked
    assert house.client.get("/odata/v1/ProductionOrders/$count?$filter=Priority eq 7").text == "1"
    status, answer = house.ask("GET", "/ProductionOrders?$filter=Status eq 'done'")
    assert (status, "Status is never 'done'" in answer["error"]["message"]) == (400, True)


def test_workflows_are_what_the_chains_make(house: House) -> None:
    found = house.ask("GET", "/Workflows?$orderby=Name")[1]["value"]
    assert [one["Name"] for one in found] == [
        "EW_GRDM_1S", "EW_SLC__1S", "IW_GRDH_1S", "IW_SLC__1S", "SM_GRDH_1S", "SM_SLC__1S", "WV_SLC__1S",
    ]  # fmt: skip
    (iw,) = house.ask("GET", "/Workflows?$filter=contains(OutputProductType,'IW_GRDH_1S')")[1]["value"]
    assert iw == {
        "Id": "e6781002-3a7a-53ba-8d69-087ca0c4a0ea", "Name": "IW_GRDH_1S", "DisplayName": "IW_GRDH_1S by l1-iw",
        "Description": "IW_RAW__0_SLC__1_GRDH_1 1.0 makes IW_GRDH_1S of IW_RAW__0S, SESSION", "WorkflowVersion": "1.0",
        "InputProductType": "IW_RAW__0S,SESSION", "OutputProductType": "IW_GRDH_1S",
        "InputProductTypes": ["IW_RAW__0S", "SESSION"], "OutputProductTypes": ["IW_GRDH_1S"],
        "WorkflowOptions": [
            {"Name": "Application_LUT", "Description": "parameter Application_LUT of the processor", "Type": "string",
             "Default": "IW_Default", "Value": []},
            {"Name": "Dem", "Description": "parameter Dem of the processor", "Type": "string", "Default": "coarse",
             "Value": []},
        ],
    }  # fmt: skip
    assert house.ask("GET", f"/Workflows({iw['Id']})")[1]["Name"] == "IW_GRDH_1S"
    assert house.ask("GET", "/Workflows(1)")[0] == 404


@pytest.mark.parametrize(
    ("status", "words", "message"),
    [
        (404, {"reference": "S1A_IW_RAW__0SDV"}, "there is no product 'S1A_IW_RAW__0SDV' here to make it of"),
        (404, {"WorkflowName": "IW_OCN__2S"}, "there is no workflow of Name 'IW_OCN__2S'; the entity set Workflows"),
        (404, {"WorkflowId": "8daf39a0"}, "there is no workflow of Id '8daf39a0' and Name 'SM_GRDH_1S'"),
        (400, {"WorkflowName": None}, "WorkflowId or WorkflowName is missing"),
        (400, {"WorkflowName": "IW_GRDH_1S"}, "is a S3_RAW__0S; workflow IW_GRDH_1S takes IW_RAW__0S, SESSION"),
        (
            400,
            {"WorkflowOptions": [{"Name": "DEM", "Value": "x"}]},
            "has no option 'DEM'; known are Application_LUT",
        ),
        (400, {"WorkflowOptions": [{"Name": "Dem", "Value": 5}]}, "option Dem is a string, not 5"),
        (400, {"WorkflowOptions": [{"Name": "Dem", "Value": "a\nb"}]}, "option Dem is longer than 200 characters, or"),
        (400, {"WorkflowOptions": [*FINE, *FINE]}, "option Dem is given twice"),
        (400, {"Priority": 0}, "Priority: Input should be greater than or equal to 1"),
        (400, {"Priority": 101}, "Priority: Input should be less than or equal to 100"),
        (400, {"Priority": "high"}, "Priority: Input should be a valid integer"),
        (400, {"Status": "completed"}, "Status: there is no such property to give"),
        (400, {"InputProductReference": {}}, "a product, a time or both are wanted to make it of"),
        (400, {"InputProductReference": "x"}, "InputProductReference: Input should be"),
        (
            400,
            {"InputProductReference": {"ContentDate": {"Start": "2020-06-16", "End": "2020-06-15"}}},
            "the time ends before it begins",
        ),
        (
            400,
            {"InputProductReference": {"ContentDate": {"Start": "2019-06-15", "End": "2019-06-16"}}},
            "nothing held of it leads to SM_GRDH_1S",
        ),
        (
            400,
            {"InputProductReference": {"ContentDate": {"Start": "noon", "End": "2020-06-15"}}},
            "InputProductReference/ContentDate/Start: 'noon' is no time",
        ),
        (400, {"NotificationEndpoint": "https://example.org/"}, "notices to example.org are not allowed"),
        (400, {"NotificationEndpoint": "http://localhost/", "NotificationEpUsername": "u"}, "go together"),
    ],
)
def test_mistakes_are_told_and_nothing_is_placed(
    lasting: House, status: int, words: dict[str, Any], message: str
) -> None:
    assert message in told(lasting, status, "/ProductionOrders", body_of(**words))
    assert lasting.ask("GET", "/ProductionOrders")[1]["value"] == []
    assert wishes(lasting) == 0


def test_a_product_that_was_sensed_at_another_time_is_refused(lasting: House) -> None:
    wanted = {"Reference": raw_slice().name, "ContentDate": {"Start": "2020-06-14", "End": "2020-06-15T00:00:00Z"}}
    message = told(lasting, 400, "/ProductionOrders", body_of(InputProductReference=wanted))
    assert message == f"{raw_slice().name} was not sensed at the time that is told"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"WorkflowName": "\\ud800"}', b"1" * 1_100_000])
def test_a_body_that_is_no_order_is_refused(lasting: House, body: bytes) -> None:
    answer = lasting.client.post("/odata/v1/ProductionOrders", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"


def test_ordering_asks_for_the_key_and_looking_does_not(small: House) -> None:
    order = small.order()
    for path in ("s", "/OData.CSC.Order", f"({order})/OData.CSC.Cancel"):
        answer = small.stranger.post(f"/odata/v1/ProductionOrder{path}", json=body_of())
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")
    assert small.stranger.get(f"/odata/v1/ProductionOrder({order})").json()["Status"] == "queued"
    assert small.stranger.get("/odata/v1/ProductionOrder(none)").status_code == 404


def test_a_password_is_in_no_answer_no_list_and_no_notice(small: House) -> None:
    words = {"NotificationEpUsername": "partner", "NotificationEpPassword": "hush-hush"}
    answer = small.client.post(
        "/odata/v1/ProductionOrders", json=body_of(NotificationEndpoint="http://localhost:9/told", **words)
    )
    listed = small.client.get("/odata/v1/ProductionOrders")
    small.ask("POST", f"/ProductionOrder({answer.json()['Id']})/OData.CSC.Cancel")
    with small.database.read() as connection:
        payloads = connection.scalars(sa.select(bus.notice.c.payload)).all()
        stored = connection.execute(sa.select(demand)).all()
    assert [payload["Status"] for payload in payloads] == ["cancelled"]
    for text in (answer.text, listed.text, str(payloads), str(stored)):
        assert "hush" not in text
        assert "partner" not in text
    assert answer.json()["NotificationEndpoint"] == "http://localhost:9/told"
    wrong = small.client.post("/odata/v1/ProductionOrders", json=body_of(NotificationEndpoint=7, **words))
    assert "hush" not in wrong.text


def test_products_tell_how_they_were_made(house: House) -> None:
    house.mission.receive(OTHER, house.made(OTHER, "CCCC"))
    orders = {
        "on_demand_default": house.order(),
        "on_demand_non_default": house.order(WorkflowOptions=FINE),
        "systematic_production": house.order(reference=OTHER.name),
    }
    for uid in ("AAAA", "BBBB"):
        house.work(raw_slice(), uid)
        house.settle()
        house.settle()
    for kind, order in orders.items():
        product = house.ask("GET", f"/ProductionOrder({order})/Product")[1]
        assert product["ProductionType"] == kind
        listed = house.ask("GET", f"/Products?$filter=ProductionType eq '{kind}'")[1]["value"]
        assert [one["Id"] for one in listed] == [product["Id"]]


def test_what_is_offline_is_brought_back_and_not_made_again(small: House) -> None:
    first = small.order()
    made = small.work(raw_slice())
    small.settle()
    evictor = Evictor(small.database, small.store, small.mission.planner.outbox, None)
    assert evict(evictor, made.name, [Form.FILES]) == {Form.FILES: None}
    assert small.status(small.order()) == "completed", "its zip is online"
    assert evict(evictor, made.name, [Form.ZIP]) == {Form.ZIP: None}
    again = small.order()
    assert small.mission.jobs("l1-sm") == [(1, "done"), (2, "ready")], "nothing of it was kept"
    small.work(raw_slice(), "BBBB")
    small.settle()
    assert evict(evictor, made.name.replace("AAAA", "BBBB"), [Form.ZIP]) == {Form.ZIP: None}
    back = small.order()
    assert small.ask("GET", f"/ProductionOrder({back})")[1]["StatusMessage"] == "is being brought back"
    small.settle()
    policy = Policy(Retention.read(), timedelta(days=3), None)
    assert restore_step(Restorer(small.database, small.store, small.mission.planner.outbox, Terms(), policy))
    small.settle()
    assert small.status(back) == "completed"
    assert small.mission.jobs("l1-sm") == [(1, "done"), (2, "done")]
    download = small.client.get(f"/odata/v1/ProductionOrder({back})/Product/$value")
    assert download.content[:2] == b"PK"
    assert small.client.get(f"/odata/v1/ProductionOrder({first})/Product/$value").status_code == 410
    assert small.status(again) == "completed"


def stored(house: House, of: Product) -> Product:
    """A Level-0 product with its file in the store, published."""
    location, data = f"jobs/9/1/{of.name}", of.name.encode() * 9
    sums = house.store.put(f"{location}/manifest.safe", iter([data]))
    files = (StoredFile("manifest.safe", sums.size, sums.md5, sums.sha256),)
    product = evolve(of, location=location, files=files)
    house.mission.receive(product)
    with house.database.write() as connection:
        request(connection, product.name, house.mission.watch.now())
    house.settle()
    return product


def test_what_it_is_made_of_is_brought_back_when_that_is_offline(small: House) -> None:
    level_0 = [stored(small, product) for product in (OTHER, companion("N", -2990, -2942))]
    evictor = Evictor(small.database, small.store, small.mission.planner.outbox, None)
    for product in level_0:
        assert evict(evictor, product.name, [Form.FILES]) == {Form.FILES: None}
    order = small.order(reference=OTHER.name)
    place = f"/ProductionOrder({order})"
    said = small.ask("GET", place)[1]
    assert (said["Status"], said["StatusMessage"]) == (
        "queued", f"waits for {OTHER.name}, which is being brought back",
    )  # fmt: skip
    small.settle()
    assert small.status(order) == "queued"
    assert small.mission.jobs("l1-sm") == []
    policy = Policy(Retention.read(), timedelta(days=3), None)
    restorer = Restorer(small.database, small.store, small.mission.planner.outbox, Terms(), policy)
    assert [restore_step(restorer) for _ in range(3)] == [True, True, False]
    small.settle()
    assert small.mission.jobs("l1-sm") == [(1, "ready")]
    small.work(OTHER)
    small.settle()
    assert small.status(order) == "completed"


def test_what_cannot_be_brought_back_to_be_made_of_is_told(small: House) -> None:
    product = stored(small, OTHER)
    evictor = Evictor(small.database, small.store, small.mission.planner.outbox, None)
    assert evict(evictor, product.name, list(Form)) == dict.fromkeys(Form)
    message = told(small, 400, "/ProductionOrders", body_of(OTHER.name))
    assert message == f"{OTHER.name} was evicted and has no copy in the archive; it can be made again on demand"
    assert small.ask("GET", "/ProductionOrders")[1]["value"] == []


def test_what_an_operator_orders_with_parameters_is_for_all(small: House) -> None:
    asked = asked_of({"type": "SM_GRDH_1S", "for": raw_slice().name, "parameters": {"Dem": "fine"}})
    with small.database.write() as connection:
        wanted_wish.place(small.mission.planner, connection, asked, Courier())
    usual, fine = small.order(), small.order(WorkflowOptions=FINE)
    made = small.work(raw_slice())
    small.settle()
    small.settle()
    assert small.ask("GET", f"/ProductionOrder({usual})/Product")[1]["Name"] == f"{made.name}.zip"
    assert small.status(fine) == "queued"
    assert small.mission.spec("l1-sm").apart
