"""An attempt runs real programs, takes only what they declare, and publishes all of it or nothing."""

import hashlib
import stat
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from attrs import evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.query import find
from s1pdgs.formats.joborder import JobOrder, OrderInput, OrderTask
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.execute import Outcome, Workshop, execute
from s1pdgs.jobs.lease import begin, process_name
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import InputFile, JobSpec, Limits, SpecInput, SpecPool, SpecTask
from s1pdgs.model.job import JobState
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import LocalObjects, local_objects
from tests.unit.jobs.conftest import NOON, Watch, spec

PRODUCT = "S1A_S3_RAW__0SVV_20240105T101030_20240105T101102_051999_064888_1A2B.SAFE"
GOOD = f"""
    import os, pathlib, sys
    product = pathlib.Path("{PRODUCT}")
    (product / "annotation").mkdir(parents=True)
    (product / "manifest.safe").write_text(
        "<XFDU version='1'><startTime>2024-01-05T10:10:30.25</startTime><stopTime>2024-01-05T10:11:02.5</stopTime>"
        "<standAloneProductInformation><packetStoreID>40</packetStoreID></standAloneProductInformation></XFDU>")
    (product / "annotation" / "a.dat").write_bytes(b"abc")
    here = pathlib.Path.cwd()
    (here / f"{{here.name}}.LIST").write_text("{PRODUCT}\\nreport.txt\\n")
    print("2024-01-05T10:20:30.123456 host DEMO 1.0 [1]: [P] 42% half way")
"""


class Bench:
    """A workshop, and programs written for it."""

    def __init__(self, folder: Path, database: Database, outbox: Outbox) -> None:
        self.folder = folder
        self.store: LocalObjects = local_objects(folder / "objects")
        self.workshop = Workshop(database, self.store, outbox, folder / "work", lease=timedelta(seconds=60))
        self.database, self.outbox = database, outbox

    def program(self, text: str, name: str = "demo", shell: str = sys.executable) -> str:
        path = self.folder / name
        path.write_text(f"#!{shell}\n{textwrap.dedent(text)}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def claim(self, wanted: JobSpec) -> Claim:
        with self.database.write() as connection:
            queue.enqueue(connection, wanted, 1, NOON)
            claim = queue.claim(connection, self.outbox, "here:1", timedelta(seconds=60))
        assert claim is not None
        return claim

    def run(self, text: str, **changes: object) -> Outcome:
        pools = (SpecPool((SpecTask("DEMO", self.program(text)),)),)
        return execute(self.workshop, self.claim(spec(**{"pools": pools, **changes})))

    @property
    def job(self) -> sa.Row[tuple[object, ...]]:
        with self.database.read() as connection:
            return connection.execute(sa.select(t.job)).one()

    @property
    def events(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.scalars(sa.text("select type from event order by id")))

    def log(self, fence: int = 1) -> str:
        return b"".join(self.store.read(f"jobs/1/{fence}/log.txt")).decode()


@pytest.fixture
def bench(tmp_path: Path, database: Database, outbox: Outbox) -> Bench:
    return Bench(tmp_path, database, outbox)


def test_a_good_run_publishes_its_products_with_their_checksums(bench: Bench) -> None:
    assert bench.run(GOOD) is Outcome.DONE
    assert bench.events == ["JobStarted", "JobFinished", "ProductCatalogued"]
    with bench.database.read() as connection:
        held = find(connection, PRODUCT)
        assert connection.scalars(sa.select(t.job_output.c.product)).all() == [PRODUCT]
    assert held is not None
    product = held.product
    assert (product.location, product.t0, product.timeliness) == (f"jobs/1/1/{PRODUCT}", NOON, Timeliness.NRT)
    assert [(file.path, file.size) for file in product.files] == [("annotation/a.dat", 3), ("manifest.safe", 206)]
    assert product.files[0].sha256 == hashlib.sha256(b"abc").hexdigest()
    assert b"".join(bench.store.read(f"{product.location}/annotation/a.dat")) == b"abc"
    assert not (bench.folder / "work" / "1").exists()


def test_undeclared_outputs_are_noted_and_left(bench: Bench) -> None:
    bench.run(GOOD)
    assert "report.txt is of no declared output type" in bench.log()
    assert "[P] 42% half way" in bench.log()


def test_segments_tell_their_own_timeliness(bench: Bench) -> None:
    assert bench.run(GOOD, timeliness_of_content=True) is Outcome.DONE
    with bench.database.read() as connection:
        held = find(connection, PRODUCT)
    assert held is not None
    assert held.product.timeliness is Timeliness.PT


def test_a_warning_is_as_good_as_success(bench: Bench) -> None:
    assert bench.run(GOOD + "    sys.exit(5)\n") is Outcome.DONE
    with bench.database.read() as connection:
        assert connection.scalar(sa.select(t.attempt.c.exit_code)) == 5


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("sys.exit(200)", "task DEMO failed with exit code 200"),
        ("os.kill(os.getpid(), 11)", "task DEMO failed with signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), 40)", "task DEMO failed with signal 40 (real-time)"),
    ],
)
def test_a_failure_publishes_nothing_and_is_tried_again(bench: Bench, ending: str, told: str) -> None:
    assert bench.run(f"{GOOD}    print('last words', flush=True)\n    {ending}\n") is Outcome.FAILED
    job = bench.job
    assert (job.state, job.reason) == (JobState.READY, told)
    assert "last words" in job.log_tail
    assert "last words" in bench.log()
    assert bench.events == ["JobStarted"]
    assert bench.store.list("jobs") == ["jobs/1/1/log.txt"]
    assert (bench.folder / "work" / "1" / "1" / PRODUCT).is_dir()


def test_a_failure_that_is_not_critical_is_a_warning(bench: Bench) -> None:
    tasks = (
        SpecTask("CARELESS", bench.program("import sys; sys.exit(255)", "careless"), critical=False),
        SpecTask("DEMO", bench.program(GOOD)),
    )
    assert execute(bench.workshop, bench.claim(spec(pools=(SpecPool(tasks),)))) is Outcome.DONE
    assert "CARELESS failed with exit code 255; it is not critical" in bench.log()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pass", "1.LIST is missing: the processor named no outputs"),
        ("open('1.LIST', 'w').close()", "mandatory output SM_RAW__0S is not in 1.LIST"),
        (f"open('1.LIST', 'w').write('{PRODUCT}')", f"1.LIST names {PRODUCT}, which is not in the working directory"),
        (
            f"import os\nos.mkdir('{PRODUCT}')\nopen('1.LIST', 'w').write('{PRODUCT}')",
            "is not a valid product: ",
        ),
        (GOOD + "    os.symlink('/etc/passwd', product / 'passwd')\n", "holds a symbolic link passwd"),
    ],
)
def test_outputs_that_are_not_what_was_promised_fail_the_attempt(bench: Bench, text: str, told: str) -> None:
    assert bench.run(text) is Outcome.FAILED
    assert told in str(bench.job.reason)
    assert bench.job.state == JobState.READY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"open('1.LIST', 'w').write('../{PRODUCT}')", "leaves the working directory"),
        (
            f"import os\nos.symlink('/etc', '{PRODUCT}')\nopen('1.LIST', 'w').write('{PRODUCT}')",
            "leads outside the working directory",
        ),
    ],
)
def test_a_list_that_leads_outside_is_parked(bench: Bench, text: str, told: str) -> None:
    assert bench.run(text) is Outcome.FAILED
    assert told in str(bench.job.reason)
    assert bench.job.state == JobState.PARKED
    assert bench.events == ["JobStarted", "JobParked"]


def test_a_missing_program_is_parked_with_the_remedy(bench: Bench) -> None:
    pools = (SpecPool((SpecTask("DEMO", "s1pdgs-no-such-program"),)),)
    assert execute(bench.workshop, bench.claim(spec(pools=pools))) is Outcome.FAILED
    assert bench.job.state == JobState.PARKED
    assert "s1pdgs-no-such-program is not installed here" in str(bench.job.reason)


def test_a_full_disk_is_told_before_anything_starts(bench: Bench) -> None:
    assert bench.run(GOOD, limits=Limits(free_mb=10**9)) is Outcome.FAILED
    assert f"disk full: {bench.folder / 'work'} has " in str(bench.job.reason)
    assert "the job needs 1000000000 MB" in str(bench.job.reason)


ORBIT = InputFile("auxiliary/orbit.EOF/orbit.EOF", "orbit.EOF", 5, hashlib.sha256(b"orbit").hexdigest())
BLOCK = InputFile("sessions/s/ch_1/block.raw", "ch01/block.raw", 5, hashlib.sha256(b"block").hexdigest())
INPUTS = (SpecInput("orbit.EOF", "AUX_RESORB", (ORBIT,)), SpecInput("s", "SESSION", (BLOCK,)))


def test_inputs_and_job_order_are_in_their_places(bench: Bench) -> None:
    bench.store.put(ORBIT.key, iter([b"orbit"]))
    bench.store.put(BLOCK.key, iter([b"block"]))
    order = JobOrder("DEMO", "1.0", (OrderTask("T", "1", (OrderInput("AUX_RES", "Physical", ("orbit.EOF",)),)),))
    check = """
    assert pathlib.Path("ch01/block.raw").read_bytes() == b"block"
    assert sys.argv[1] == str(here / "JobOrder.1.xml")
    assert f"{here}/orbit.EOF" in pathlib.Path(sys.argv[1]).read_text()
    assert (here / "orbit.EOF").read_bytes() == b"orbit"
    assert os.environ["PATH"].startswith(os.path.dirname(sys.executable))
    """
    assert bench.run(GOOD + check, inputs=INPUTS, order=order) is Outcome.DONE


def test_damaged_and_missing_inputs_are_named(bench: Bench) -> None:
    bench.store.put(ORBIT.key, iter([b"Orbit"]))
    assert bench.run(GOOD, inputs=INPUTS[:1]) is Outcome.FAILED
    assert f"input orbit.EOF: object {ORBIT.key} is damaged" in str(bench.job.reason)
    assert bench.job.state == JobState.READY


def test_a_missing_input_is_parked(bench: Bench) -> None:
    assert bench.run(GOOD, inputs=INPUTS[1:]) is Outcome.FAILED
    assert f"input s: object {BLOCK.key} is not in the store" in str(bench.job.reason)
    assert bench.job.state == JobState.PARKED


def test_an_input_never_lands_outside(bench: Bench) -> None:
    bench.store.put(ORBIT.key, iter([b"orbit"]))
    hostile = (SpecInput("orbit.EOF", "AUX_RESORB", (evolve(ORBIT, place="../../escaped"),)),)
    assert bench.run(GOOD, inputs=hostile) is Outcome.FAILED
    assert not (bench.folder / "work" / "escaped").exists()
    assert bench.job.state == JobState.PARKED


def test_a_zombie_publishes_nothing(bench: Bench, watch: Watch) -> None:
    """The lease passes to another attempt while the processor runs, unnoticed until the end."""
    go = bench.folder / "go"
    text = f"{GOOD}    import time\n    while not pathlib.Path('{go}').exists(): time.sleep(0.02)\n"
    zombie = bench.claim(spec(pools=(SpecPool((SpecTask("DEMO", bench.program(text)),)),)))
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(execute(bench.workshop, zombie)))
    thread.start()
    while not (bench.folder / "work" / "1" / "1" / "1.LIST").exists():
        time.sleep(0.02)
    watch.turn(61)
    with bench.database.write() as connection:
        heir = queue.claim(connection, bench.outbox, "there:2", timedelta(hours=1))
    assert heir == Claim(1, 2)
    go.touch()
    thread.join()
    assert outcomes == [Outcome.LOST]
    assert bench.store.list("jobs") == []
    with bench.database.read() as connection:
        assert find(connection, PRODUCT) is None
    assert execute(bench.workshop, heir) is Outcome.DONE
    with bench.database.read() as connection:
        held = find(connection, PRODUCT)
    assert held is not None
    assert held.product.location == f"jobs/1/2/{PRODUCT}"


def test_an_attempt_whose_fence_has_moved_does_not_start(bench: Bench) -> None:
    old = bench.claim(spec())
    with bench.database.write() as connection:
        queue.hand_back(connection, old, NOON)
    assert execute(bench.workshop, old) is Outcome.LOST
    assert not (bench.folder / "work").exists()


def test_an_attempt_that_another_process_has_begun_does_not_start(bench: Bench) -> None:
    claim = bench.claim(spec())
    with bench.database.write() as connection:
        assert begin(connection, claim, NOON, timedelta(seconds=60))
    assert bench.job.owner == f"here:1 at {process_name()}"
    assert execute(bench.workshop, claim) is Outcome.LOST
    assert not (bench.folder / "work").exists()
    assert bench.job.state == JobState.RUNNING


def test_a_stopped_worker_hands_its_job_back(bench: Bench) -> None:
    claim = bench.claim(spec(pools=(SpecPool((SpecTask("DEMO", bench.program("import time; time.sleep(1000)")),)),)))
    stop = threading.Event()
    stop.set()
    assert execute(bench.workshop, claim, stop) is Outcome.HANDED_BACK
    assert (bench.job.state, bench.job.reason) == (JobState.READY, None)


def test_a_product_that_exists_already_is_not_told_twice(bench: Bench) -> None:
    assert bench.run(GOOD) is Outcome.DONE
    with bench.database.write() as connection:
        queue.enqueue(connection, spec(pools=(SpecPool((SpecTask("D", str(bench.folder / "demo")),)),)), 2, NOON)
        claim = queue.claim(connection, bench.outbox, "here:1", timedelta(seconds=60))
    text = GOOD.replace('f"{here.name}.LIST"', '"1.LIST"')
    bench.program(text)
    assert claim is not None
    assert execute(bench.workshop, claim) is Outcome.DONE
    assert bench.events.count("ProductCatalogued") == 1
