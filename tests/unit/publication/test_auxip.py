"""An AUXIP station of the catalogue: products leave as they came, and another ground segment takes them up."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from attrs import frozen
from fastapi import FastAPI
from lxml import etree

from s1pdgs.bus.outbox import deliver
from s1pdgs.catalogue.lifecycle import sweep_garbage
from s1pdgs.catalogue.query import find
from s1pdgs.catalogue.retention import Form, Retention, Rule
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.publication.archive import zip_chunks
from s1pdgs.publication.auxiliary import claim, make_zip, offer, subscriber, withdraw
from s1pdgs.publication.auxip import PRODUCTS, Auxip
from s1pdgs.publication.lta.dating import Policy, walk
from s1pdgs.publication.lta.eviction import Evictor, evict_step
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.odata.entities import find_page
from s1pdgs.publication.odata.options import read_options
from s1pdgs.publication.tables import auxiliary_offer
from s1pdgs.stations.folder import ingest
from s1pdgs.stations.poller import download, open_source, poll
from s1pdgs.stations.profile import Profile
from s1pdgs.storage.database import Database
from tests.databases import new_database, plans_of
from tests.unit.publication.conftest import NOON, Segment, new_segment, serving, store_product

TYPES = [r"(AUX|MSK)_.*"]
ORBIT = "S1A_OPER_AUX_RESORB_OPOD_20260105T110702_V20260105T071044_20260105T102814.EOF"
INSTRUMENT = "S1A_AUX_INS_V20190228T092500_G20210104T141310.SAFE"
HEADER = """<?xml version="1.0"?>
<Earth_Explorer_File><Earth_Explorer_Header><Fixed_Header>
<File_Name>{stem}</File_Name><File_Description>Restituted Orbit File</File_Description><Notes></Notes>
<Mission>Sentinel-1A</Mission><File_Class>OPER</File_Class><File_Type>AUX_RESORB</File_Type>
<Validity_Period><Validity_Start>UTC=2026-01-05T07:10:44</Validity_Start>
<Validity_Stop>UTC=2026-01-05T10:28:14</Validity_Stop></Validity_Period><File_Version>0001</File_Version>
<Source><System>OPOD</System><Creator>OPOD</Creator><Creator_Version>0.0</Creator_Version>
<Creation_Date>UTC=2026-01-05T11:07:02</Creation_Date></Source></Fixed_Header><Variable_Header/>
</Earth_Explorer_Header><Data_Block type="xml"/></Earth_Explorer_File>
""".format(stem=ORBIT.removesuffix(".EOF"))


@frozen
class Station:
    """A ground segment whose auxiliary products are served."""

    segment: Segment
    client: httpx2.Client
    folder: Path

    def ingest(self, name: str, **files: bytes) -> None:
        """Take in a file called `name`, or a folder of files."""
        path = self.folder / name
        for part, content in (files or {"": HEADER.encode()}).items():
            member = path / part if part else path
            member.parent.mkdir(parents=True, exist_ok=True)
            member.write_bytes(content)
        parts = self.segment
        ingest(path, parts.database, parts.store, parts.outbox, self.folder / "work")

    def offer(self) -> None:
        """What the roles do, until nothing is left to do."""
        while deliver(self.segment.database, subscriber(TYPES, self.segment.clock)):
            pass
        while make_zip(self.segment.database, self.segment.store, self.segment.clock):
            self.segment.clock.advance(1.0)

    def get(self, path: str, **options: str) -> Any:
        reply = self.client.get(path, params={f"${name}": value for name, value in options.items()})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def names(self, **options: str) -> list[str]:
        return [one["Name"] for one in self.get("/Products", **options)["value"]]


@pytest.fixture
def station(database: Database, tmp_path: Path) -> Iterator[Station]:
    segment = new_segment(database, tmp_path)
    app = FastAPI()
    app.include_router(Auxip(database, segment.store).router())
    with serving(app) as site, httpx2.Client(timeout=60.0, base_url=f"{site}/auxip/odata/v1") as client:
        yield Station(segment, client, tmp_path / "dropped")


INSTRUMENT_FILES = {"manifest.safe": b"<XFDU/>", "data/s1a-aux-ins.xml": b"<auxiliaryInstrument/>" * 50}


def test_a_file_is_offered_as_it_came(station: Station) -> None:
    station.ingest(ORBIT)
    station.offer()
    (entry,) = station.get("/Products", expand="Attributes")["value"]
    content, published = HEADER.encode(), entry["PublicationDate"]
    attributes = {one["Name"]: one["Value"] for one in entry.pop("Attributes")}
    assert attributes["productType"] == "AUX_RESORB"
    assert attributes["beginningDateTime"] == "2026-01-05T07:10:44.000000Z"
    assert entry == {
        "Id": entry["Id"], "Name": ORBIT, "ContentType": "application/octet-stream", "ContentLength": len(content),
        "OriginDate": published, "PublicationDate": published, "EvictionDate": None,
        "Checksum": [
            {"Algorithm": "MD5", "Value": hashlib.md5(content).hexdigest(), "ChecksumDate": published},
            {"Algorithm": "SHA256", "Value": hashlib.sha256(content).hexdigest(), "ChecksumDate": published},
        ],
        "ContentDate": {"Start": "2026-01-05T07:10:44.000000Z", "End": "2026-01-05T10:28:14.000000Z"},
    }  # fmt: skip
    reply = station.client.get(f"/Products({entry['Id']})/$value", headers={"Range": "bytes=10-"})
    assert (reply.status_code, reply.content) == (206, content[10:])


def test_a_folder_is_offered_as_a_zip_when_that_is_made(station: Station) -> None:
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    deliver(station.segment.database, subscriber(TYPES, station.segment.clock))
    assert station.names() == []
    station.offer()
    (entry,) = station.get("/Products", filter=f"Name eq '{INSTRUMENT}.zip'")["value"]
    content = station.client.get(f"/Products({entry['Id']})/$value").content
    assert (len(content), hashlib.sha256(content).hexdigest()) == (
        entry["ContentLength"],
        entry["Checksum"][1]["Value"],
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {f"{INSTRUMENT}/{name}": data for name, data in INSTRUMENT_FILES.items()}


def test_clients_find_what_they_want(station: Station) -> None:
    station.ingest(ORBIT)
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.segment.register(store_product(station.segment.store, "S1A_IW_SLC__1SDV_X.SAFE", "IW_SLC__1S"))
    station.offer()
    both = [ORBIT, f"{INSTRUMENT}.zip"]
    assert station.names(orderby="PublicationDate asc", filter="PublicationDate gt 2026-01-01T00:00:00.000Z") == both
    for kind, found in (("AUX_RESORB", [ORBIT]), ("AUX_INS", both[1:]), ("IW_SLC__1S", [])):
        named = f"att/Name eq 'productType' and att/OData.CSC.StringAttribute/Value eq '{kind}'"
        assert station.names(filter=f"Attributes/OData.CSC.StringAttribute/any(att:{named})") == found
    assert station.names(filter="contains(Name,'AUX_INS') and ContentType eq 'application/zip'") == [both[1]]
    assert station.names(filter="ContentDate/Start lt 2020-01-01T00:00:00Z") == [both[1]]
    assert station.client.get("/Products/$count").text == "2"
    assert (
        station.client.get(station.get("/Products", top="1")["@odata.nextLink"]).json()["value"][0]["Name"] == both[1]
    )


def test_every_form_of_filter_that_real_stations_are_probed_with_is_answered(station: Station) -> None:
    """The forms of rs-testsuite's `odata_tests_auxip.sh` (peers.md, section 1.7)."""
    station.ingest(ORBIT)
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    orbit, both = {ORBIT}, {ORBIT, f"{INSTRUMENT}.zip"}
    octets = "ContentType eq 'application/octet-stream'"
    for form, found in {
        octets: orbit, "ContentType ne 'application/zip'": orbit, "PublicationDate ne 2026-03-01T00:00:00.000Z": both,
        "Name ne 'foo'": both, "PublicationDate gt 2026-01-01T00:00:00.000Z": both,
        "PublicationDate ge 2026-01-01T00:00:00.000Z": both, "PublicationDate lt 2026-01-01T00:00:00.000Z": set(),
        "PublicationDate le 2026-02-01T00:00:00.000Z": both, "ContentType in ('application/octet-stream','foo')": orbit,
        f"{octets} and PublicationDate lt 2027-01-01T00:00:00.000Z": orbit, f"{octets} or ContentType eq 'foo'": orbit,
        "not endswith(Name,'p')": orbit, "not(ContentType eq 'application/zip')": orbit,
        "not (ContentType eq 'application/zip')": orbit,
        f"{octets} and (contains(Name,'2026') or contains(Name,'3000'))": orbit,
        "concat(ContentType,'Z') eq 'application/octet-streamZ'": orbit, "contains(Name,'RESORB')": orbit,
        "endswith(Name,'p')": both - orbit, "indexof(ContentType,'p') eq 1": both, "length(ContentType) eq 24": orbit,
        "startswith(Name,'S1A')": both, "substring(ContentType,23) eq 'm'": orbit,
        "matchesPattern(ContentType,'^application/.*m$')": orbit,
        "tolower(ContentType) eq 'application/octet-stream'": orbit,
        "toupper(ContentType) eq 'APPLICATION/OCTET-STREAM'": orbit,
        "trim(ContentType) eq 'application/octet-stream'": orbit, "ContentLength gt 0": both,
    }.items():  # fmt: skip
        assert set(station.names(filter=form, orderby="PublicationDate desc")) == found, form


def test_what_was_evicted_is_not_offered_and_leaves_no_zip(station: Station) -> None:
    station.ingest(ORBIT)
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    key = station.get("/Products")["value"][0]["Id"]
    with station.segment.database.write() as connection:
        connection.execute(product_table.update().values(evicted_at=NOON))
    assert station.names() == []
    assert station.client.get(f"/Products({key})/$value").status_code == 404
    assert list(station.segment.store.list("auxip"))
    assert withdraw(station.segment.database, station.segment.store) == 2
    assert not list(station.segment.store.list("auxip"))
    with station.segment.database.read() as connection:
        assert connection.scalars(sa.select(auxiliary_offer.c.name)).all() == []


@pytest.mark.parametrize("withdrawn", [True, False])
@pytest.mark.parametrize(("name", "files"), [(ORBIT, {}), (INSTRUMENT, "files")])
def test_what_was_evicted_and_came_in_again_is_offered_again(
    station: Station, name: str, files: Any, *, withdrawn: bool
) -> None:
    contents = INSTRUMENT_FILES if files else {}
    segment = station.segment
    station.ingest(name, **contents)
    station.offer()
    (first,) = station.get("/Products")["value"]
    bytes_of_first = station.client.get(f"/Products({first['Id']})/$value").content
    segment.clock.advance(3600.0)
    evict_now(segment)
    if withdrawn:
        assert withdraw(segment.database, segment.store) == 1
    segment.clock.advance(60.0)
    station.ingest(name, **contents)
    station.offer()
    (again,) = station.get("/Products")["value"]
    assert (again["Id"], again["Name"], again["Checksum"][0]["Value"]) == (
        first["Id"], first["Name"], first["Checksum"][0]["Value"],
    )  # fmt: skip
    segment.clock.advance(7200.0)
    assert withdraw(segment.database, segment.store) == 0
    sweep_garbage(segment.database, segment.store, segment.clock.now())
    reply = station.client.get(f"/Products({again['Id']})/$value")
    assert (reply.status_code, reply.content) == (200, bytes_of_first), "what is removed late harms nothing"


def test_a_new_version_of_what_was_evicted_takes_its_place_in_the_offer(station: Station) -> None:
    segment = station.segment
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    (old,) = station.get("/Products")["value"]
    evict_now(segment)
    segment.clock.advance(3600.0)
    station.ingest(INSTRUMENT, **{**INSTRUMENT_FILES, "data/s1a-aux-ins.xml": b"<auxiliaryInstrument/>" * 60})
    station.offer()
    (new,) = station.get("/Products")["value"]
    assert new["ContentLength"] > old["ContentLength"]
    assert new["PublicationDate"] > old["PublicationDate"]
    reply = station.client.get(f"/Products({new['Id']})/$value")
    assert hashlib.md5(reply.content).hexdigest() == new["Checksum"][0]["Value"]


@pytest.mark.parametrize("files_too", [False, True])
def test_a_damaged_zip_is_made_again_of_files_that_are_well(station: Station, *, files_too: bool) -> None:
    segment = station.segment
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    (before,) = station.get("/Products")["value"]
    (key,) = segment.store.list("auxip")
    segment.store.path(key).write_bytes(b"rotten")
    if files_too:
        segment.store.path(f"ingested/{INSTRUMENT}/manifest.safe").write_bytes(b"rotten")
    segment.clock.advance(60.0)
    found = Mender(segment.database, segment.store).examine(1, segment.clock.now())
    assert len(found.findings) == 1 + files_too
    station.offer()
    (after,) = station.get("/Products")["value"]
    assert after["Checksum"][0]["Value"] == before["Checksum"][0]["Value"]
    content = station.client.get(f"/Products({after['Id']})/$value").content
    assert (hashlib.md5(content).hexdigest() == after["Checksum"][0]["Value"]) is not files_too


def evict_now(segment: Segment) -> None:
    """The files of all products go, as their rule has it."""
    rules = Policy(Retention((Rule(of=Form.FILES, days=0),)), timedelta(0))
    while walk(segment.database, rules, segment.clock.now()):
        pass
    assert evict_step(Evictor(segment.database, segment.store, segment.outbox))


def test_one_who_dies_while_zips_are_removed_leaves_garbage_and_no_dead_offer(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    database, store = station.segment.database, station.segment.store
    with database.write() as connection:
        connection.execute(product_table.update().values(evicted_at=NOON))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(store), "delete", die)
        with pytest.raises(KeyboardInterrupt):
            withdraw(database, store)
    assert station.names() == []
    assert [key.rpartition("/")[2] for key in store.list("auxip")] == [f"{INSTRUMENT}.zip"]
    sweep_garbage(database, store, NOON)
    assert not list(store.list("auxip"))


def test_a_zip_that_cannot_be_made_is_tried_again_later(station: Station) -> None:
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    key = f"ingested/{INSTRUMENT}/manifest.safe"
    kept = b"".join(station.segment.store.read(key))
    station.segment.store.delete(key)
    station.segment.store.put(key, iter([b"other"]))
    station.offer()
    with station.segment.database.read() as connection:
        assert "catalogued are" in connection.scalars(sa.select(auxiliary_offer.c.reason)).one()
    station.segment.store.delete(key)
    station.segment.store.put(key, iter([kept]))
    station.offer()
    assert station.names() == []
    station.segment.clock.advance(60.0)
    station.offer()
    assert station.names() == [f"{INSTRUMENT}.zip"]


def test_a_zip_is_made_by_one_maker_and_by_another_when_that_one_fell_silent(station: Station) -> None:
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    segment = station.segment
    deliver(segment.database, subscriber(TYPES, segment.clock))
    with segment.database.write() as connection:
        held = find(connection, INSTRUMENT)
        assert held is not None
        assert not offer(connection, held, segment.clock.now())
    claimed = claim(segment.database, segment.clock.now())
    assert claimed is not None
    segment.store.put(claimed[0].location, zip_chunks(segment.store, held.product, deflated=()))
    assert not make_zip(segment.database, segment.store, segment.clock)
    segment.clock.advance(121.0)
    assert make_zip(segment.database, segment.store, segment.clock)
    assert station.names() == [f"{INSTRUMENT}.zip"]


def test_the_service_tells_what_it_is(station: Station) -> None:
    assert [one["name"] for one in station.get("/")["value"]] == ["Products"]
    model = etree.fromstring(station.client.get("/$metadata").content)
    namespace = {"m": "http://docs.oasis-open.org/odata/ns/edm"}
    described = model.xpath("//m:EntityType[@Name='Product']/m:Property/@Name", namespaces=namespace)
    assert described == list(dict.fromkeys(one.name.partition("/")[0] for one in PRODUCTS.properties))


def test_another_ground_segment_takes_them_up(station: Station, tmp_path: Path) -> None:
    station.ingest(ORBIT)
    station.ingest(INSTRUMENT, **INSTRUMENT_FILES)
    station.offer()
    (tmp_path / "downstream").mkdir()
    with new_database("sqlite", tmp_path / "downstream") as database:
        segment = new_segment(database, tmp_path / "downstream")
        profile = Profile(name="upstream", kind="auxip", url=str(station.client.base_url))  # type: ignore[arg-type]
        source = open_source(profile, database, segment.store, segment.outbox, tmp_path / "work")
        poll(source)
        while download(source):
            pass
        source.close()
        for name in (ORBIT, INSTRUMENT):
            with database.read() as here, station.segment.database.read() as there:
                mine, theirs = find(here, name), find(there, name)
            assert mine is not None
            assert theirs is not None
            assert mine.product.files == theirs.product.files
            assert mine.product.attributes == theirs.product.attributes


NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
MANY_PRODUCTS = f"""INSERT INTO product (id, uuid, name, type, satellite, start, stop, generated, location, size, t0,
 attributes, catalogued_at) {NUMBERS}
 SELECT i, 'p' || i, 'p' || i, 'AUX_RESORB', 'S1A', i, i, i, 'x', 1, i, '{{}}', i FROM n"""
MANY_OFFERS = f"""INSERT INTO auxiliary_offer (product_id, name, location, published_at, attempts, retry_at) {NUMBERS}
 SELECT i, 'p' || i, 'x', i, 0, i FROM n"""


def test_a_poll_runs_along_the_index_of_publication(database: Database) -> None:
    with database.write() as connection:
        for statement in (MANY_PRODUCTS, MANY_OFFERS):
            connection.execute(sa.text(statement))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")
    text = "PublicationDate gt 2026-01-01T00:00:00Z"
    options = read_options([("$filter", text), ("$top", "10")], offer=PRODUCTS.offer)
    (plan,) = plans_of(database, lambda connection: find_page(connection, PRODUCTS, options))
    assert "ix_auxiliary_offer_published_at" in plan
