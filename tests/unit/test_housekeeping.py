"""The housekeeping role, as `s1pdgs run` composes it."""

from pathlib import Path

from s1pdgs.ground import open_ground_segment
from s1pdgs.jobs.containers import LABEL, Engine
from s1pdgs.roles import roles_of
from s1pdgs.settings import Settings, Triggers, Work
from tests.containers import IMAGE, engine_command

CHAIN = f"""
[[chain]]
name = "demo"
unit = "slice"
types = ["S3_RAW__0S"]
task_table = "SM_RAW__0_SLC__1_GRDH_1.xml"
container = "{IMAGE}"
"""


def test_containers_and_working_directories_of_dead_attempts_go(tmp_path: Path) -> None:
    engine = Engine(engine_command())
    chains = tmp_path / "chains.toml"
    chains.write_text(CHAIN)
    work = Work(container_command=list(engine.command), keep_failed=0)
    settings = Settings(data_dir=tmp_path / "data", work=work, triggers=Triggers(chains=chains))
    ground = open_ground_segment(settings)
    name = f"{ground.identity}-7-2-0"
    engine.ask("create", f"--name={name}", f"--label={LABEL}={ground.identity}", IMAGE, "/bin/true")
    left = ground.work_root / "jobs" / "7" / "2"
    left.mkdir(parents=True)
    role = roles_of(ground, "housekeeping")[0]
    assert role.step() is False
    assert name not in engine.ask("ps", "--all", "--format={{.Names}}").split()
    assert not left.exists()
    ground.database.close()


def test_a_host_without_an_engine_keeps_house_all_the_same(tmp_path: Path) -> None:
    chains = tmp_path / "chains.toml"
    chains.write_text(CHAIN)
    work = Work(container_command=["lost-podman"], keep_failed=0)
    ground = open_ground_segment(Settings(data_dir=tmp_path, work=work, triggers=Triggers(chains=chains)))
    left = ground.work_root / "jobs" / "7" / "2"
    left.mkdir(parents=True)
    role = roles_of(ground, "housekeeping")[0]
    assert role.step() is False
    assert not left.exists()
    ground.database.close()
