"""Programs in real containers: the same contract, the limits kept by the engine, and no container left behind."""

import json
import signal
import stat
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.query import find
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.containers import LABEL, Engine, EngineError, find_engine, remove_dead, trouble_of
from s1pdgs.jobs.execute import Outcome, execute
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import Limits, SpecContainer, SpecPool, SpecTask
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.containers import IMAGE, engine_command
from tests.unit.jobs.conftest import spec
from tests.unit.jobs.test_execute import PRODUCT, Bench

PROGRAMS = "/programs"
GOOD = f"""
mkdir -p {PRODUCT}/annotation
echo "<XFDU version='1'><startTime>2024-01-05T10:10:30.25</startTime><stopTime>2024-01-05T10:11:02.5</stopTime>
<standAloneProductInformation><packetStoreID>40</packetStoreID></standAloneProductInformation></XFDU>" \
    >{PRODUCT}/manifest.safe
echo abc >{PRODUCT}/annotation/a.dat
echo {PRODUCT} >$(basename $PWD).LIST
echo "2024-01-05T10:20:30.123456 host DEMO 1.0 [1]: [P] 42% half way"
"""


class Yard(Bench):
    """A workshop whose jobs run in containers, and a folder of programs that these see."""

    def __init__(self, folder: Path, outbox: Outbox, command: tuple[str, ...]) -> None:
        database = open_sqlite(folder / "s1pdgs.db")
        migrate(database)
        super().__init__(folder, database, outbox)
        self.ground = f"test-{uuid.uuid4().hex[:12]}"
        self.workshop = evolve(self.workshop, ground=self.ground, container_command=command)
        self.engine = Engine(command)
        (folder / "programs").mkdir()

    def script(self, text: str) -> None:
        path = self.folder / "programs" / "demo"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def container(self, *options: str, image: str = IMAGE) -> SpecContainer:
        return SpecContainer(image, (f"--volume={self.folder / 'programs'}:{PROGRAMS}:ro", *options))

    def claim_of(self, text: str, *options: str, image: str = IMAGE, **changes: object) -> Claim:
        self.script(text)
        pools = (SpecPool((SpecTask("DEMO", f"{PROGRAMS}/demo"),)),)
        changes = {"pools": pools, "container": self.container(*options, image=image), **changes}
        return self.claim(spec(**changes))

    def outcome(self, text: str, *options: str, image: str = IMAGE, **changes: object) -> Outcome:
        return execute(self.workshop, self.claim_of(text, *options, image=image, **changes))

    def execute_command(self) -> list[str]:
        """Executes the first attempt at the first job in a process of its own."""
        return [sys.executable, "-c", EXECUTE, str(self.folder), self.ground, json.dumps(self.engine.command)]

    def left(self) -> list[str]:
        """Containers that exist."""
        return self.engine.ask("ps", "--all", f"--filter=label={LABEL}={self.ground}", "--format={{.Names}}").split()

    def running(self) -> list[str]:
        return self.engine.ask("ps", f"--filter=label={LABEL}={self.ground}", "--format={{.Names}}").split()


@pytest.fixture
def yard(tmp_path: Path, outbox: Outbox) -> Iterator[Yard]:
    yard = Yard(tmp_path, outbox, engine_command())
    yield yard
    for name in yard.left():
        yard.engine.remove(name)
    yard.database.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_in_a_container_makes_products_like_any_other(yard: Yard) -> None:
    check = f"""
    [ "$(ls /sys/class/net)" = lo ] || exit 201
    [ "$PWD" = {yard.folder}/work/1/1 ] && [ -f "$1" ] || exit 202
    [ "$OMP_NUM_THREADS" = 1 ] || exit 203
    [ ! -e {yard.folder}/objects ] || exit 204
    grep -q "CapEff:.0000000000000000" /proc/self/status || exit 205
    """
    assert yard.outcome(check + GOOD) is Outcome.DONE
    with yard.database.read() as connection:
        assert find(connection, PRODUCT) is not None
        used = connection.execute(sa.select(t.attempt.c.exit_code, t.attempt.c.cpu_s)).one()
    assert (used.exit_code, used.cpu_s > 0) == (0, True)
    assert "[P] 42% half way" in yard.log()
    assert yard.left() == []


@pytest.mark.parametrize(("code", "outcome"), [(126, Outcome.DONE), (200, Outcome.FAILED)])
def test_exit_codes_mean_the_same(yard: Yard, code: int, outcome: Outcome) -> None:
    assert yard.outcome(f"{GOOD}\nexit {code}") is outcome
    with yard.database.read() as connection:
        assert connection.scalar(sa.select(t.attempt.c.exit_code)) == code
    assert yard.left() == []


def test_an_image_that_is_not_there_is_told_and_is_no_warning(yard: Yard) -> None:
    assert yard.outcome(GOOD, "--pull=never", image="nobody/has-this:1") is Outcome.FAILED
    assert "task DEMO: no container of image nobody/has-this:1 was made: " in str(yard.job.reason)
    assert yard.job.state == JobState.READY


def test_a_program_that_the_image_lacks_parks_the_job(yard: Yard) -> None:
    pools = (SpecPool((SpecTask("DEMO", "/opt/nothing"),)),)
    assert yard.outcome(GOOD, pools=pools) is Outcome.FAILED
    assert f"program /opt/nothing cannot be run in image {IMAGE}: " in str(yard.job.reason)
    assert yard.job.state == JobState.PARKED
    assert yard.left() == []


def test_memory_is_limited_by_the_engine(yard: Yard) -> None:
    assert yard.outcome("x=$(head -c 400000000 /dev/zero | tr '\\0' x)", limits=Limits(memory_mb=64)) is Outcome.FAILED
    assert "memory limit: " in str(yard.job.reason)
    assert "raise limits.memory_mb of chain demo" in str(yard.job.reason)
    assert yard.left() == []


def test_a_file_that_grows_too_fast_is_stopped(yard: Yard) -> None:
    limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
    assert yard.outcome("head -c 100000000 /dev/zero >big", *limits, limits=Limits(disk_mb=5)) is Outcome.FAILED
    assert "the job may hold 5 MB; raise limits.disk_mb of chain demo" in str(yard.job.reason)
    assert (yard.folder / "work" / "1" / "1" / "big").stat().st_size == 5 * 2**20


DEAF = "trap '' TERM; echo up; touch up; sleep 1000 & setsid sleep 1000 & while :; do sleep 1; done"


def test_a_stopped_attempt_leaves_no_container(yard: Yard) -> None:
    claim, stop = yard.claim_of(DEAF), threading.Event()
    waits = threading.Thread(target=lambda: (until((yard.folder / "work/1/1/up").exists), stop.set()))
    waits.start()
    assert execute(yard.workshop, claim, stop) is Outcome.HANDED_BACK
    waits.join()
    assert yard.left() == []


EXECUTE = """
import json, signal, sys, threading
from pathlib import Path
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.execute import Workshop, execute
from s1pdgs.jobs.queue import Claim
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.objects import local_objects

folder, ground, command = Path(sys.argv[1]), sys.argv[2], tuple(json.loads(sys.argv[3]))
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
database, objects = open_sqlite(folder / "s1pdgs.db"), local_objects(folder / "objects")
workshop = Workshop(database, objects, Outbox(SystemClock()), folder / "work", ground=ground, container_command=command)
execute(workshop, Claim(1, 1), stop)
"""


def test_a_killed_executing_process_leaves_no_container(yard: Yard) -> None:
    yard.claim_of(DEAF)
    executing = subprocess.Popen(yard.execute_command())
    until((yard.folder / "work/1/1/up").exists)
    executing.send_signal(signal.SIGKILL)
    executing.wait()
    until(lambda: yard.left() == [])


def test_containers_of_dead_attempts_are_removed_and_those_of_living_ones_and_strangers_stay(yard: Yard) -> None:
    stranger = f"{yard.ground}x"
    for name, ground in ((f"{yard.ground}-1-1-0", yard.ground), (f"{yard.ground}-2-1-0", yard.ground)):
        yard.engine.ask("run", "--detach", f"--name={name}", f"--label={LABEL}={ground}", "--network=none", IMAGE,
                        "/bin/sleep", "1000")  # fmt: skip
    yard.engine.ask("create", f"--name={stranger}-1-1-0", f"--label={LABEL}={stranger}", IMAGE, "/bin/true")
    assert remove_dead(yard.engine, yard.ground, lambda claim: claim == Claim(2, 1)) == [f"{yard.ground}-1-1-0"]
    assert yard.running() == [f"{yard.ground}-2-1-0"]
    assert f"{stranger}-1-1-0" in yard.engine.ask("ps", "--all", "--format={{.Names}}").split()
    yard.engine.remove(f"{stranger}-1-1-0")


def test_the_next_attempt_removes_what_a_dead_one_left(yard: Yard) -> None:
    name = f"{yard.ground}-77-3-0"
    yard.engine.ask("create", f"--name={name}", f"--label={LABEL}={yard.ground}", IMAGE, "/bin/true")
    assert yard.outcome(GOOD) is Outcome.DONE
    assert yard.left() == []


def test_what_is_missing_on_this_host_is_told_with_the_remedy(yard: Yard) -> None:
    command = yard.engine.command
    assert trouble_of(command, IMAGE) is None
    assert trouble_of(command, "nobody/has-this:1") == (
        "image nobody/has-this:1 is not on this host; `podman pull nobody/has-this:1` brings it"
    )


def test_without_an_engine_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"neither podman nor docker is on the PATH; .* work\.container_command"):
        find_engine()
    assert trouble_of(["lost-podman"]) == "work.container_command: lost-podman is not on the PATH of this host"
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    assert find_engine() == Engine((str(tmp_path / "docker"),))
    assert trouble_of([]) == "docker: Cannot connect to the daemon"


def test_a_job_that_wants_an_engine_waits_for_one(tmp_path: Path, outbox: Outbox) -> None:
    yard = Yard(tmp_path, outbox, ("lost-podman",))
    assert yard.outcome(GOOD) is Outcome.FAILED
    assert str(yard.job.reason).startswith("the job runs in containers: work.container_command: lost-podman is not on")
    assert yard.job.state == JobState.READY
    yard.database.close()
