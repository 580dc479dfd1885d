"""An attempt traces itself and each of its programs, from begin to end."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from s1pdgs.bus.outbox import Outbox
from s1pdgs.jobs.execute import Outcome, execute
from s1pdgs.jobs.spec import Limits, SpecOutput, SpecPool, SpecTask
from s1pdgs.storage.database import open_sqlite
from s1pdgs.storage.schema import migrate
from tests.unit.jobs.conftest import SPEC, spec
from tests.unit.jobs.test_execute import GOOD, PRODUCT, Bench


@pytest.fixture
def traces() -> list[Any]:
    return []


@pytest.fixture
def bench(tmp_path: Path, outbox: Outbox, traces: list[Any]) -> Iterator[Bench]:
    database = open_sqlite(tmp_path / "s1pdgs.db")
    migrate(database)
    bench = Bench(tmp_path, database, outbox)
    bench.workshop = evolve(bench.workshop, trace=traces.append)
    yield bench
    database.close()


def test_a_good_attempt_and_its_programs(bench: Bench, traces: list[Any]) -> None:
    tasks = (
        SpecTask("CARELESS", bench.program("import sys; sys.exit(255)", "careless"), critical=False),
        SpecTask("DEMO", bench.program(GOOD + "    sys.exit(3)")),
    )
    wanted = (*SPEC.outputs, SpecOutput("SM_RAW__0C", "RAW__0C", mandatory=True))
    claim = bench.claim(spec(pools=(SpecPool(tasks),), outputs=wanted))
    assert execute(bench.workshop, claim) is Outcome.DONE
    events = [(told["task"]["name"], told["task"]["event"], told["task"].get("status")) for told in traces]
    assert events[:3] == [("JobProcessing", "BEGIN", None), *[("ProcessingTask", "BEGIN", None)] * 2]
    assert sorted(events[3:5]) == [("ProcessingTask", "END", "NOK"), ("ProcessingTask", "END", "OK")]
    assert events[5:] == [("JobProcessing", "END", "OK")]
    uid = traces[0]["task"]["uid"]
    assert [told["task"].get("child_of_task") for told in traces] == [None, uid, uid, uid, uid, None]
    by_name = {
        told["task"]["input"].get("task_name_string"): told["task"] for told in traces if "status" in told["task"]
    }
    assert (by_name["CARELESS"]["error_code"], by_name["DEMO"]["error_code"]) == (255, 3)
    assert by_name[None]["output"] == {"filename_string": PRODUCT, "t0_pdgs_date": "2024-01-05T12:00:00.000000Z"}
    assert by_name[None]["missing_output"][0]["product_metadata_custom_object"] == {"product_type_string": "SM_RAW__0C"}
    assert {told["header"]["rs_chain_name"] for told in traces} == {"demo"}


def test_a_failed_attempt(bench: Bench, traces: list[Any]) -> None:
    assert bench.run("import sys; sys.exit(200)") is Outcome.FAILED
    assert [(told["task"].get("status"), told["task"].get("error_code")) for told in traces[2:]] == [("NOK", 200)] * 2
    assert traces[3]["message"]["content"] == "task DEMO failed with exit code 200"
    assert len(traces[3]["task"]["missing_output"]) == 1


def test_an_attempt_that_takes_too_long(bench: Bench, traces: list[Any]) -> None:
    assert bench.run("import time; time.sleep(1000)", limits=Limits(wall_s=0.2)) is Outcome.FAILED
    assert [told["task"].get("status") for told in traces] == [None, None, "TIMEOUT", "TIMEOUT"]
