"""Store and archive in buckets of a real server: what was archived and evicted is ordered and comes back, and users are
sent to the bucket for it.
"""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from attrs import evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.retention import Form, Retention
from s1pdgs.publication.lta.copying import Archive, archive_key
from s1pdgs.publication.lta.dating import Policy
from s1pdgs.publication.lta.eviction import Evictor, evict
from s1pdgs.publication.lta.restore import restore_step
from s1pdgs.publication.mending import Mender
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects.s3 import S3Objects
from tests.s3 import s3_store
from tests.unit.conftest import ManualClock
from tests.unit.publication.conftest import Segment
from tests.unit.publication.lta.conftest import ARCHIVED, L0, House
from tests.unit.publication.lta.test_door import door


@pytest.fixture
def house(database: Database) -> Iterator[House]:
    """A segment whose objects and archive are in buckets."""
    with s3_store() as store, s3_store() as copies:
        clock = ManualClock()
        segment = Segment(database, evolve(store, signed_for=timedelta(minutes=1)), Outbox(clock), clock)
        archive = Archive.of(copies, ARCHIVED)
        policy = Policy(Retention.read(), timedelta(days=3), archive)
        made = House(segment, policy, Evictor(database, segment.store, segment.outbox, archive, timedelta(hours=1)))
        made.settle()
        yield made


def archive_of(house: House) -> S3Objects:
    assert house.policy.archive is not None
    store = house.policy.archive.store
    assert isinstance(store, S3Objects)
    return store


def only(client: httpx2.Client) -> dict[str, Any]:
    (found,) = client.get("/Products").json()["value"]
    return dict(found)


def test_what_was_archived_and_evicted_comes_back_and_users_are_sent_to_the_bucket(
    house: House,
) -> None:
    product = house.make(L0)
    published = house.published(product)
    house.settle()
    assert archive_of(house).size(archive_key(product.name)) == published.size
    house.later(days=8)
    house.later(days=30)
    house.later(hours=2)
    assert house.store.list("published") == [published.quicklook]
    assert house.store.list(product.location) == []
    with door(house) as client:
        found = only(client)
        assert found["Online"] is False
        assert client.get(f"/Products({found['Id']})/$value").status_code == 410
        ordered = client.post(f"/Products({found['Id']})/OData.CSC.Order", json={"Priority": 80})
        assert (ordered.status_code, ordered.json()["Status"]) == (201, "queued")
        assert restore_step(house.restorer)
        assert client.get(f"/Orders({ordered.json()['Id']})").json()["Status"] == "completed"
        assert house.held(product).evicted_at is None, "the files of Level-0 come back too"
        reply = client.get(f"/Products({found['Id']})/$value")
        assert reply.status_code == 307
        content = httpx2.get(reply.headers["location"]).content
        assert hashlib.sha256(content).hexdigest() == published.sha256
    archive = archive_of(house)
    assert Mender(house.database, house.store, archive).examine(house.held(product).id, house.now()).findings == ()


def test_a_damaged_copy_in_a_bucket_is_found_and_made_again(house: House) -> None:
    product = house.make(L0)
    house.settle()
    archive = archive_of(house)
    archive.delete(archive_key(product.name))
    archive.put(archive_key(product.name), iter([b"rotten"]))
    house.segment.clock.advance(60.0)
    number = house.held(product).id
    (finding,) = Mender(house.database, house.store, archive).examine(number, house.now()).findings
    assert finding.reason.startswith("it has 6 bytes and should have ")
    house.settle()
    assert Mender(house.database, house.store, archive).examine(number, house.now()).findings == ()
    assert archive.size(archive_key(product.name)) is None
    assert set(evict(house.evictor, product.name, list(Form)).values()) == {None}
