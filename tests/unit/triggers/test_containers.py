"""A chain may run its programs in containers and limit them; both reach the job."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from s1pdgs.jobs import tables as jobs
from s1pdgs.jobs.queue import spec_of
from s1pdgs.jobs.spec import SpecContainer
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from s1pdgs.triggers.chains import SHIPPED, ChainError, Chains
from s1pdgs.triggers.tasktable.command import command
from tests.unit.triggers.conftest import CALIBRATION, mission_on, raw_slice

CHAIN = """
[[chain]]
name = "demo"
unit = "slice"
types = ["S3_RAW__0S"]
task_table = "table.xml"
container = "registry.example/focus:3.9"
container_options = ["--network=host", "--gpus=all"]
limits = { wall_s = 7200, task_wall_s = 600, processes = 50, memory_mb = 4096, disk_mb = 9000 }
"""


def chains(folder: Path, text: str) -> Path:
    table = (SHIPPED.parent / "tasktables" / "SM_RAW__0_SLC__1_GRDH_1.xml").read_text(encoding="utf-8")
    table = table.replace("</Detached>", "</Detached><Killing_Signal>2</Killing_Signal>")
    table = table.replace('<Max_Time units="sec">0', '<Max_Time units="sec">5400')
    (folder / "tasktables").mkdir()
    (folder / "tasktables" / "table.xml").write_text(table)
    path = folder / "chains.toml"
    path.write_text(text)
    return path


def test_container_limits_and_signal_reach_the_job(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "s1pdgs.db")
    migrate(database)
    mission = mission_on(database, Chains.read(chains(tmp_path, CHAIN)))
    mission.receive(*CALIBRATION, raw_slice())
    with database.read() as connection:
        spec = spec_of(connection, connection.scalars(sa.select(jobs.job.c.id)).one())
    assert spec.container == SpecContainer("registry.example/focus:3.9", ("--network=host", "--gpus=all"))
    limits = spec.limits
    assert (limits.wall_s, limits.task_wall_s, limits.processes) == (5400, 600, 50)
    assert (limits.memory_mb, limits.disk_mb, limits.free_mb) == (4096, 9000, 2048)
    assert [pool.killing_signal for pool in spec.pools] == [2]
    database.close()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("--gpus=all", "gpus", "'gpus' is not an option --NAME or --NAME=VALUE"),
        ("--gpus=all", "--name=mine", "'--name=mine' is not an option"),
        ("--gpus=all", "--rm", "or one that s1pdgs gives itself"),
        ("registry.example/focus:3.9", "two words", "container: String should match pattern"),
        ("registry.example/focus:3.9", "--privileged", "container: String should match pattern"),
    ],
)
def test_options_that_would_break_the_contract_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ChainError, match="chain demo: container") as refused:
        Chains.read(chains(tmp_path, CHAIN.replace(old, new)))
    assert told in str(refused.value)


def test_the_check_tells_that_no_engine_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    table = str(SHIPPED.parent / "tasktables" / "TaskTable.AIOP.xml")
    ran = CliRunner().invoke(command, ["check", "--json", "--container", "focus:3.9", table])
    assert "neither podman nor docker is on the PATH; install one" in ran.output
    assert ran.exit_code == 0
    monkeypatch.setenv("S1PDGS_WORK__CONTAINER_COMMAND", '["lost-podman", "--log-level=debug"]')
    ran = CliRunner().invoke(command, ["check", "--json", "--container", "focus:3.9", table])
    assert "work.container_command: lost-podman is not on the PATH of this host" in ran.output
