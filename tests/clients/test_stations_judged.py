"""Our CADIP and AUXIP, asked by the client that RS-Python asks real stations with."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from s1pdgs.publication.auxip import Auxip
from s1pdgs.publication.cadip import Cadip
from tests.clients.conftest import Judge
from tests.databases import new_database
from tests.unit.publication import test_auxip, test_cadip
from tests.unit.publication.conftest import new_segment, serving


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of both stations, with a session of three blocks and an orbit file."""
    folder = tmp_path_factory.mktemp("stations")
    with new_database("sqlite", folder) as database:
        segment = new_segment(database, folder)
        cadip = test_cadip.Station(segment, None)
        cadip.announce(
            test_cadip.PASS, *(blocks := [test_cadip.block(number, final=number == 3) for number in (1, 2, 3)])
        )
        cadip.receive(*blocks)
        auxip = test_auxip.Station(segment, None, folder / "dropped")
        auxip.ingest(test_auxip.ORBIT)
        auxip.offer()
        app = FastAPI()
        app.include_router(Cadip(database, segment.store).router())
        app.include_router(Auxip(database, segment.store).router())
        with serving(app) as address:
            yield address


def test_eodag_asks_our_stations_as_it_asks_real_ones(judge: Judge, tmp_path: Path) -> None:
    found = judge("eodag_station_judge.py", str(tmp_path), test_cadip.ID)
    blocks = [test_cadip.block(number) for number in (1, 2, 3)]
    assert (found["sessions"]["matched"], found["sessions"]["every"]) == (1, [test_cadip.ID])
    assert (found["files"]["matched"], found["files"]["every"]) == (3, [block.name for block in blocks])
    (fetched,) = [block for block in blocks if block.name == found["files"]["first"]]
    assert found["files"]["sha256"] == [hashlib.sha256(test_cadip.bytes_of(fetched)).hexdigest()]
    assert (found["auxiliary"]["matched"], found["auxiliary"]["every"]) == (1, [test_auxip.ORBIT])
    assert found["auxiliary"]["sha256"] == [hashlib.sha256(test_auxip.HEADER.encode()).hexdigest()]
