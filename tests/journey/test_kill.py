"""Whenever the whole ground segment is killed, a restart ends with the same products: none lost, none double."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.jobs.tables import job
from s1pdgs.simulator.station.server import RunningStation
from tests.journey.conftest import MakeGround
from tests.journey.ground import Ground, station
from tests.journey.outcome import (
    EVERYTHING,
    assert_each_once,
    assert_packets_are_those_sent,
    contents_of,
    products_of,
)

pytestmark = pytest.mark.journey


def downloading(ground: Ground) -> bool:
    return 0 < ground.stored_blocks() < 7


def session_complete(ground: Ground) -> bool:
    found = ground.session()
    return found is not None and found.state == "complete"


def running(chain: str) -> Callable[[Ground], bool]:
    return lambda ground: ground.is_running(chain)


def focusing(ground: Ground) -> bool:
    found = ground.jobs().get("l1-sm")
    return found is not None and found.state == "running" and bool(found.progress)


def to_be_published(ground: Ground) -> bool:
    return len(ground.publications()) == 6


def a_zip_is_being_written(ground: Ground) -> bool:
    return any((ground.data_dir / "objects" / "published").glob(".part-*"))


STEPS: dict[str, Callable[[Ground], bool]] = {
    "blocks are downloaded": downloading,
    "the session is complete": session_complete,
    "AIO runs": running("l0-aio"),
    "ASP runs": running("l0-asp"),
    "L1 focuses": focusing,
    "everything is to be published": to_be_published,
}


def test_a_kill_in_every_step_changes_nothing(small: Path, make_ground: MakeGround) -> None:
    with station(small) as source:
        undisturbed = make_ground(source)
        undisturbed.start()
        undisturbed.wait_settled(*EVERYTHING)
        undisturbed.stop()
    with station(small, interval_s=0.3) as source:
        ground = make_ground(source)
        for step, reached in STEPS.items():
            ground.start("publish")
            ground.wait(lambda reached=reached: reached(ground), step)
            ground.kill()
        ground.start()
        ground.wait(lambda: a_zip_is_being_written(ground), "a zip is being written", look_s=0.001)
        ground.kill()
        assert a_zip_is_being_written(ground)
        ground.start()
        ground.wait_settled(*EVERYTHING)
        ground.stop()
    assert products_of(ground) == products_of(undisturbed)
    assert contents_of(ground) == contents_of(undisturbed)
    assert_each_once(ground)
    assert_packets_are_those_sent(ground, small)
    fences = {row.chain: row.fence for row in ground.rows(sa.select(job))}
    assert all(fence > 1 for fence in fences.values()), fences


def test_a_second_run_on_the_same_data_makes_and_publishes_nothing(small: Path, make_ground: MakeGround) -> None:
    def standing(ground: Ground) -> list[object]:
        counts = ("event", "product", "job", "publication", "production_order", "quarantine")
        return [ground.rows(sa.text(f"select count(*) from {table}"))[0][0] for table in counts]  # type: ignore[arg-type]

    with station(small) as source:
        ground = make_ground(source)
        ground.start()
        ground.wait_settled(*EVERYTHING)
        ground.stop()
    before = standing(ground)
    with station(small) as source:
        again = make_ground(source, data_dir=ground.data_dir)
        again.start()
        for entity in ("Sessions", "Products"):
            again.wait(lambda entity=entity: _asked(source, entity) >= 2, f"{entity} were polled again")
        again.stop()
    assert standing(again) == before


def _asked(source: RunningStation, entity: str) -> int:
    return sum(f"/{entity}" in request for request in source.station.requests)
