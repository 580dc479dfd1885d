"""One ground segment feeds another by CADIP and AUXIP, and both die on the way: they end with the same products."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.inbox.tables import cursor, quarantine, received_file
from s1pdgs.simulator.station.faults import Faults, FileFault
from s1pdgs.storage.database import open_sqlite
from tests.journey.conftest import MakeGround
from tests.journey.damage import level_0_chains
from tests.journey.ground import Ground, station
from tests.journey.outcome import assert_packets_are_those_sent, contents_of, products_of

pytestmark = pytest.mark.journey

SLICE = "S3_RAW__0A"
_SETTINGS = """data_dir = {data}
log = "json"
[serve]
port = 0
[work]
slots = 2
lease_s = 5.0
[triggers]
chains = {chains}
[[sources]]
name = "upstream"
kind = "cadip"
url = "{url}/cadip/odata/v1"
poll_s = 0.3
overlap_s = 86400.0
[[sources]]
name = "upstream-auxiliary"
kind = "auxip"
url = "{url}/auxip/odata/v1"
poll_s = 0.3
overlap_s = 86400.0
"""


@contextmanager
def fed_by(url: str, folder: Path, chains: Path) -> Iterator[Ground]:
    """A ground segment that knows no station but another ground segment."""
    folder.mkdir()
    text = _SETTINGS.format(data=json.dumps(str(folder / "data")), chains=json.dumps(str(chains)), url=url)
    (folder / "s1pdgs.toml").write_text(text)
    ground = Ground(folder, folder / "data", open_sqlite(folder / "data" / "s1pdgs.db"))
    try:
        yield ground
    finally:
        ground.clear()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_missed(ground: Ground) -> bool:
    """Whether a poll has failed since the last one that did not."""
    return bool(ground.rows(sa.select(cursor).where(cursor.c.error.is_not(None), cursor.c.source == "upstream")))


def test_a_killed_feeder_and_its_killed_client_lose_and_double_nothing(
    tiny: Path, tmp_path: Path, make_ground: MakeGround
) -> None:
    chains, port = level_0_chains(tmp_path / "chains"), free_port()
    blocks = [file["name"] for file in json.loads((tiny / "session.json").read_text())["files"]]
    held_back = {name: FileFault(missing=True) for name in blocks[1::2]}
    with (
        station(tiny, faults=Faults(files=held_back)) as source,
        fed_by(f"http://127.0.0.1:{port}", tmp_path / "second", chains) as second,
    ):
        first = make_ground(source, chains=chains, serve__port=port, serve__cadip=True, serve__auxip=True)
        first.start()
        second.start()
        second.wait(lambda: second.stored_blocks() > 0, "the second has a block")
        first.kill()
        second.wait(lambda: is_missed(second), "the second misses the first")
        held_back.clear()
        first.start()
        second.wait(lambda: second.stored_blocks() > len(blocks) // 2, "the second has more than half of them")
        second.kill()
        second.start()
        first.wait_settled(SLICE)
        second.wait_settled(SLICE)
        first.wait(lambda: len(first.products()) == len(second.products()), "both hold as many products")
        second.stop()
        first.stop()
    assert products_of(second) == products_of(first)
    assert contents_of(second) == contents_of(first) != {}
    assert_packets_are_those_sent(second, tiny)
    for ground in (first, second):
        assert ground.stored_blocks() == len(blocks)
        assert {row.state for row in ground.rows(sa.select(received_file))} == {"stored"}
        assert ground.rows(sa.select(quarantine)) == []
        assert [session.state for session in ground.sessions()] == ["complete"]
        names = [row.name for row in ground.products()]
        assert len(names) == len(set(names))
