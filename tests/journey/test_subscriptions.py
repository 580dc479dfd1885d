"""Subscribers are told everything in order however often the ground segment is killed: at least once by push, and by
pull until they acknowledge.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from s1pdgs.bus.tables import event, notice
from s1pdgs.ground import open_ground_segment
from s1pdgs.settings import load_settings
from s1pdgs.stations import folder as inbox
from s1pdgs.storage.database import open_sqlite
from tests.chaos.mission import write_cause
from tests.journey.ground import Ground
from tests.journey.receiver import receiver

pytestmark = pytest.mark.journey

UNTOLD = ("stations", "work", "housekeeping")
"""Roles that no subscriber needs."""


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    (tmp_path / "s1pdgs.toml").write_text(
        f"data_dir = {json.dumps(str(tmp_path / 'data'))}\nlog = 'json'\n[serve]\nport = 0\n"
        "[notices]\nbackoff_s = 0.2\n[publication]\nlease_s = 2.0\nbackoff_s = 0.2\n"
    )
    made = Ground(tmp_path, tmp_path / "data", open_sqlite(tmp_path / "data" / "s1pdgs.db"))
    yield made
    made.clear()


def receive(ground: Ground, *numbers: int) -> None:
    """Take in products that will be published, whether the ground segment runs or not."""
    path = ground.folder / "s1pdgs.toml"
    opened = open_ground_segment(load_settings(path, {}), path)
    for number in numbers:
        cause = write_cause(ground.folder, number)
        inbox.ingest(cause, opened.database, opened.store, opened.outbox, ground.folder / "in")
    opened.database.close()


def published(ground: Ground) -> list[str]:
    """The products of the news, in its order."""
    query = sa.select(event.c.payload).where(event.c.type == "ProductPublished").order_by(event.c.id)
    return [f"{row.payload['product']}.zip" for row in ground.rows(query)]


def subscribe(ground: Ground, **words: Any) -> str:
    answer = httpx2.post(f"{ground.url}/odata/v1/Subscriptions", json=words, timeout=30.0)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["Id"])


class Partner:
    """Notes what it is told, by `AckId`; the third notification kills the ground segment, which gets no answer."""

    def __init__(self, ground: Ground) -> None:
        self.ground, self.told, self.killed = ground, list[tuple[int, str]](), threading.Event()

    def take(self, _path: str, body: dict[str, Any]) -> bool:
        self.told.append((int(body["AckId"]), body["ProductName"]))
        if len(self.told) == 3:
            self.ground.kill()
            self.killed.set()
            return False
        return True

    @property
    def names(self) -> list[str]:
        """What it was told, each once."""
        return list(dict.fromkeys(name for _, name in self.told))


def test_push_repeats_what_was_not_answered_before_what_is_newer(ground: Ground) -> None:
    ground.start(*UNTOLD)
    partner = Partner(ground)
    with receiver(partner.take) as address:
        subscribe(ground, SubscriptionType="push", NotificationEndpoint=f"{address}/told")
        receive(ground, *range(5))
        assert partner.killed.wait(120.0), ground.story()
        receive(ground, *range(5, 7))
        with ground.database.write() as connection:  # the lease of the one that died runs out
            pending = notice.update().where(notice.c.state == "pending")
            assert connection.execute(pending.values(due_at=notice.c.created_at)).rowcount == 1
        ground.start(*UNTOLD)
        ground.wait(lambda: len(partner.names) >= 6, "most are told")
        ground.kill()
        receive(ground, 7)
        ground.start(*UNTOLD)
        ground.wait(lambda: len(partner.names) == 8 and len(published(ground)) == 8, "all are told")
        ground.stop()
    numbers = [number for number, _ in partner.told]
    assert numbers == sorted(numbers)
    assert numbers[2] == numbers[3]
    assert partner.names == published(ground)


def test_pull_shows_the_same_again_until_it_is_acknowledged(ground: Ground) -> None:
    ground.start(*UNTOLD)
    subscription = subscribe(ground, SubscriptionType="pull")

    def read() -> list[dict[str, Any]]:
        answer = httpx2.get(f"{ground.url}/odata/v1/Subscriptions({subscription})/Read?$top=3", timeout=30.0)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def acknowledge(number: str) -> dict[str, int]:
        place = f"{ground.url}/odata/v1/Subscriptions({subscription})/Ack"
        return dict(httpx2.post(place, params={"$ackid": number}, timeout=30.0).json())

    receive(ground, *range(4))
    ground.wait(lambda: len(read()) == 3, "three are in the queue")
    seen = read()
    ground.kill()
    receive(ground, 4)
    ground.start(*UNTOLD)
    assert read() == seen
    assert acknowledge(seen[-1]["AckId"])["AckMessagesNum"] == 3
    ground.kill()
    ground.start(*UNTOLD)
    assert acknowledge(seen[-1]["AckId"])["AckMessagesNum"] == 0
    ground.wait(lambda: len(read()) == 2, "the others are in the queue")
    rest = read()
    assert acknowledge(rest[-1]["AckId"])["CurrentQueueLength"] == 0
    assert [one["ProductName"] for one in (*seen, *rest)] == published(ground)
    ground.stop()
