"""The verdict of a run sees what is lost, doubled, damaged and left over."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.bus.tables import event
from s1pdgs.catalogue.tables import product
from s1pdgs.ground import GroundSegment, open_ground_segment, workshop_of
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.execute import Outcome, execute
from s1pdgs.publication.tables import publication
from s1pdgs.roles import roles_of
from s1pdgs.settings import load_settings
from s1pdgs.stations.folder import ingest
from s1pdgs.storage.objects import local_objects
from tests.chaos.mission import RESULT, write_cause, write_chains
from tests.chaos.stage import write_settings
from tests.chaos.verdict import judge


def worked(folder: Path) -> GroundSegment:
    """A ground segment that has made and published the product of one slice."""
    chains = write_chains(folder, seconds=0.0)
    config = write_settings(folder, chains=chains, database="sqlite", slots=1, scheduler=None)
    ground = open_ground_segment(load_settings(config, {}), config)
    ingest(write_cause(folder, 0), ground.database, ground.store, ground.outbox, ground.work_root / "ingest")
    roles = [*roles_of(ground, "triggers"), *roles_of(ground, "publish")]
    while any(role.step() for role in roles):
        pass
    with ground.database.write() as connection:
        claim = queue.claim(connection, ground.outbox, "here:1")
    assert claim is not None
    assert execute(workshop_of(ground), claim) is Outcome.DONE
    while any(role.step() for role in roles):
        pass
    return ground


def sql(statement: sa.Executable) -> Callable[[GroundSegment], object]:
    def change(ground: GroundSegment) -> None:
        with ground.database.write() as connection:
            connection.execute(statement)

    return change


def overwrite(top: str) -> Callable[[GroundSegment], object]:
    def change(ground: GroundSegment) -> None:
        store = local_objects(ground.settings.data_dir / "objects")
        (key,) = [key for key in store.list(top) if key.endswith(("measurement.tiff", ".zip"))]
        store.path(key).write_bytes(b"rubbish")

    return change


def test_a_good_run_has_no_faults(tmp_path: Path) -> None:
    ground = worked(tmp_path)
    verdict = judge(ground, 1)
    assert (verdict.published, verdict.lost, verdict.doubled, verdict.outcomes) == (1, [], [], {"done": 1})
    assert verdict.faults == []
    assert judge(ground, 2).lost == [1]
    ground.database.close()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (sql(product.update().where(product.c.type == RESULT).values(type="S3_GRDF_1S")), "slices [0] are lost"),
        (sql(product.update().values(type=RESULT)), "slices [0] have more than one product"),
        (sql(publication.delete()), "0 of 1 products are published"),
        (sql(jobs.attempt.update().values(outcome="lost", swept_at=jobs.attempt.c.started_at)), "0 of them done"),
        (sql(event.delete().where(event.c.type == "JobFinished")), "JobFinished was told of 0 things"),
        (lambda ground: ground.store.put("jobs/9/1/x", iter([b"x"])), "1 objects without owner: jobs/9/1/x"),
        (lambda ground: ground.store.delete("published"), "No such file"),
        (overwrite("jobs"), "is not what the catalogue says"),
        (overwrite("published"), "not a zip file"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, change: Callable[[GroundSegment], object], complaint: str) -> None:
    ground = worked(tmp_path)
    change(ground)
    assert complaint in "\n".join(judge(ground, 1).faults)
    ground.database.close()
