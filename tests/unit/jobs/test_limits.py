"""Real programs that take too much of everything: the attempt ends with the limit, the use and the remedy, and nothing
of a program outlives it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs import cores
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.execute import Outcome, execute
from s1pdgs.jobs.measure import disk_bytes, largest_bytes, processes
from s1pdgs.jobs.spec import Limits, SpecPool, SpecTask
from s1pdgs.jobs.telling import as_lines, details_of
from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Database, open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.jobs.conftest import Watch, spec
from tests.unit.jobs.test_containers import GOOD as SCRIPT
from tests.unit.jobs.test_execute import GOOD, Bench


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """What programs may take has nothing to do with the kind of database."""
    opened = open_sqlite(tmp_path / "s1pdgs.db")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def bench(tmp_path: Path, database: Database, outbox: Outbox) -> Bench:
    return Bench(tmp_path, database, outbox)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(mark: str) -> list[int]:
    """Processes that have a mark in their command line."""
    found = []
    for pid in processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in words:
            found.append(pid)
    return found


def reason(bench: Bench, text: str, limits: Limits, **changes: object) -> str:
    assert bench.run(text, limits=limits, **changes) is Outcome.FAILED
    assert bench.job.state == JobState.READY
    return str(bench.job.reason)


def test_memory_that_is_taken_quickly_is_refused_and_told(bench: Bench) -> None:
    told = reason(bench, "held = [bytearray(50_000_000) for _ in range(1000)]", Limits(memory_mb=100))
    assert "memory limit: the job used " in told
    assert "more than its 100 MB; raise limits.memory_mb of chain demo" in told
    with bench.database.read() as connection:
        peak_mb = connection.scalar(sa.select(t.attempt.c.peak_mb))
    assert 100 < peak_mb < 800


FAMILY = """
    import os, time
    held = bytearray(80_000_000)
    for _ in range(3):
        if os.fork() == 0:
            mine = bytearray({each})
            time.sleep({pause})
            os._exit(0)
"""


def test_memory_of_all_processes_counts(bench: Bench) -> None:
    told = reason(bench, FAMILY.format(each=80_000_000, pause=1000) + "    os.wait()", Limits(memory_mb=200))
    assert "memory limit: the job used " in told


def test_memory_that_processes_share_counts_once(bench: Bench) -> None:
    text = FAMILY.format(each=1, pause=1) + "    for _ in range(3): os.wait()\n" + GOOD
    assert bench.run(text, limits=Limits(memory_mb=200)) is Outcome.DONE


def test_a_file_that_grows_too_fast_is_stopped_by_the_kernel(bench: Bench) -> None:
    text = "dd if=/dev/zero of=big bs=1M count=1000 2>/dev/null"
    pools = (SpecPool((SpecTask("DD", bench.program(text, shell="/bin/sh")),)),)
    assert execute(bench.workshop, bench.claim(spec(pools=pools, limits=Limits(disk_mb=5)))) is Outcome.FAILED
    assert "disk limit: " in str(bench.job.reason)
    assert "the job may hold 5 MB; raise limits.disk_mb of chain demo" in str(bench.job.reason)
    assert (bench.folder / "work" / "1" / "1" / "big").stat().st_size == 5 * 2**20


def test_many_small_files_count_too(bench: Bench) -> None:
    text = "for number in range(200): open(f'{number}', 'wb').write(b'x' * 50_000)"
    assert "the job may hold 5 MB; raise limits.disk_mb" in reason(bench, f"{GOOD}    {text}\n", Limits(disk_mb=5))


def test_time_of_the_job_and_of_a_task(bench: Bench) -> None:
    told = reason(bench, "import time; time.sleep(1000)", Limits(wall_s=0.3))
    assert told.startswith("time limit: the job ran for more than 0.3 s; raise limits.wall_s of chain demo or Max_Time")


def test_a_task_that_takes_too_long_fails_alone_when_it_is_not_critical(bench: Bench) -> None:
    slow = SpecTask("SLOW", bench.program("import time; time.sleep(1000)", "slow"), critical=False)
    pools = (SpecPool((slow, SpecTask("DEMO", bench.program(SCRIPT, shell="/bin/sh")))),)
    claim = bench.claim(spec(pools=pools, limits=Limits(task_wall_s=3.0)))
    assert execute(bench.workshop, claim) is Outcome.DONE
    assert "time limit: task SLOW ran for more than 3 s; raise limits.task_wall_s of chain demo" in bench.log()


def test_what_the_kernel_kills_is_told_as_such(bench: Bench) -> None:
    told = reason(bench, "import os; os.kill(os.getpid(), 9)", Limits())
    assert told.startswith("task DEMO failed with signal 9 (SIGKILL); the kernel kills so when the memory of the host")


def test_a_spinning_program_gets_the_processor_time_of_its_cores(bench: Bench) -> None:
    text = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
    told = reason(bench, text, Limits(wall_s=30))
    assert "task DEMO failed with signal 24 (SIGXCPU); CPU limit: it used more than the 30 s that 1 cores give" in told
    assert "raise limits.wall_s of chain demo or Number_of_CPUs of its task table" in told
    with bench.database.read() as connection:
        assert connection.scalar(sa.select(t.attempt.c.cpu_s)) > 0.5


def test_a_program_runs_within_its_limits_on_its_cores(bench: Bench) -> None:
    check = """
    import resource
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == 100
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 50 * 2**20
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == (2 * 300 + 512) * 2**20
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    assert len(os.sched_getaffinity(0)) == 1
    assert open("/proc/self/oom_score_adj").read() == "500\\n"
    """
    assert bench.run(GOOD + check, limits=Limits(wall_s=100, memory_mb=300, disk_mb=50)) is Outcome.DONE


def test_cores_are_taken_by_one_task_at_a_time_and_given_back(tmp_path: Path) -> None:
    folder, usable = tmp_path / "cores", sorted(os.sched_getaffinity(0))
    with cores.taken(1, folder=folder) as first:
        assert first == usable[:1]
        with cores.taken(len(usable), folder=folder) as all_of_them:
            assert all_of_them is None
        with cores.taken(len(usable) - 1, folder=folder) as second:
            assert second == usable[1:]
            with cores.taken(1, folder=folder) as nothing_is_free:
                assert nothing_is_free is None
    with cores.taken(1, folder=folder) as again:
        assert again == usable[:1]
    with cores.taken(1, len(usable) + 1, folder) as from_the_second_on:
        assert from_the_second_on == usable[1:2]


def test_a_fork_bomb_is_stopped_and_nothing_of_it_is_left(bench: Bench) -> None:
    text = """
    import os, sys, time
    for _ in range(6):
        os.fork()
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(1000)", "bomb-of-s1pdgs"])
    """
    told = reason(bench, text, Limits(processes=20))
    assert "process limit: the job runs " in told
    assert "more than its 20; raise limits.processes of chain demo" in told
    assert alive("bomb-of-s1pdgs") == []


DAEMON = """
    import os, subprocess, sys, time
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    sleep = f"{deaf}; print('up', flush=True); time.sleep(1000)"
    daemon = [sys.executable, "-c", sleep, "daemon-of-s1pdgs"]
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            child = subprocess.Popen(daemon, start_new_session=True, stdout=subprocess.PIPE)
            child.stdout.read(2)
            open("up", "w").close()
            child.wait()
        os._exit(0)
    while not os.path.exists("up"): time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("ending", "outcome"), [("", Outcome.DONE), ("    sys.exit(200)\n", Outcome.FAILED)], ids=["success", "failure"]
)
def test_a_daemon_ends_with_its_program(bench: Bench, ending: str, outcome: Outcome) -> None:
    assert bench.run(DAEMON + GOOD + ending) is outcome
    assert alive("daemon-of-s1pdgs") == []


def test_a_stopped_attempt_takes_daemons_and_the_deaf_along(bench: Bench) -> None:
    deaf = f"{DAEMON}    import signal\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(1000)\n"
    claim = bench.claim(spec(pools=(SpecPool((SpecTask("DEMO", bench.program(deaf)),), killing_signal=2),)))
    stop = threading.Event()
    waits = threading.Thread(target=lambda: (until(lambda: alive("daemon-of-s1pdgs") != []), stop.set()))
    waits.start()
    assert execute(bench.workshop, claim, stop) is Outcome.HANDED_BACK
    waits.join()
    assert alive("daemon-of-s1pdgs") == []


EXECUTE = """
import sys
from datetime import timedelta
from pathlib import Path
from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.execute import Workshop, execute
from s1pdgs.jobs.queue import Claim
from s1pdgs.model.time import SystemClock
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.objects import local_objects

folder = Path(sys.argv[1])
database = open_sqlite(folder / "s1pdgs.db")
execute(Workshop(database, local_objects(folder / "objects"), Outbox(SystemClock()), folder / "work"), Claim(1, 1))
"""


def test_nothing_is_left_when_the_executing_process_is_killed(bench: Bench) -> None:
    bench.claim(spec(pools=(SpecPool((SpecTask("DEMO", bench.program(f"{DAEMON}    time.sleep(1000)\n")),)),)))
    executing = subprocess.Popen([sys.executable, "-c", EXECUTE, str(bench.folder)])
    until(lambda: alive("daemon-of-s1pdgs") != [])
    executing.send_signal(signal.SIGKILL)
    executing.wait()
    until(lambda: alive("daemon-of-s1pdgs") == [])


def test_what_an_attempt_used_is_kept_and_told(bench: Bench, watch: Watch) -> None:
    busy = """
    import time
    held = bytearray(60_000_000)
    pathlib.Path("scratch").write_bytes(b"x" * 3_000_000)
    while time.process_time() < 0.5: pass
    """
    assert bench.run(GOOD + busy) is Outcome.DONE
    with bench.database.read() as connection:
        used = connection.execute(sa.select(t.attempt.c.cpu_s, t.attempt.c.peak_mb, t.attempt.c.disk_mb)).one()
    assert 0.5 <= used.cpu_s < 10
    assert 60 <= used.peak_mb < 200
    assert used.disk_mb == 3
    with bench.database.read() as connection:
        told = "\n".join(as_lines(details_of(connection, 1, watch.now())))
    assert f", exit code 0, used {used.cpu_s:.1f} s CPU, {used.peak_mb} MB memory, 3 MB disk" in told
    assert f"used {used.cpu_s:.1f} s CPU, {used.peak_mb} MB memory, 3 MB disk" in bench.log()


def test_folders_are_measured_as_the_disk_holds_them(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 10_000)
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(1_000_000)
    assert disk_bytes(tmp_path) == 12_288
    assert largest_bytes(tmp_path) == 1_000_000
    assert disk_bytes(tmp_path / "nowhere") == 0
