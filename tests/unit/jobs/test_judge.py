"""An output is news, a repetition of what is held, or a ghost."""

import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import held_names
from s1pdgs.catalogue.query import find
from s1pdgs.inbox.tables import quarantine
from s1pdgs.jobs import queue
from s1pdgs.jobs.execute import Outcome, execute
from s1pdgs.jobs.judge import is_measurement
from s1pdgs.jobs.spec import JobSpec, SpecOutput, SpecPool, SpecTask
from s1pdgs.storage.database import Database
from tests.unit.jobs.conftest import NOON, spec
from tests.unit.jobs.test_execute import Bench

MEASUREMENT = b"packets" * 10


@pytest.fixture
def bench(tmp_path: Path, database: Database, outbox: Outbox) -> Bench:
    return Bench(tmp_path, database, outbox)


def product(uid: str, start: str = "101030", stop: str = "101102", datatake: str = "064888", kind: str = "0S") -> str:
    return f"S1A_S3_RAW__{kind}DV_20240105T{start}_20240105T{stop}_051999_{datatake}_{uid}.SAFE"


def program(*made: tuple[str, bytes, int]) -> str:
    """A program that makes products of one measurement and a slice number each."""
    return textwrap.dedent(f"""
        import pathlib
        here = pathlib.Path.cwd()
        for name, data, number in {made!r}:
            start, stop = (f"2024-01-05T{{t[:2]}}:{{t[2:4]}}:{{t[4:]}}.5" for t in (name[26:32], name[42:48]))
            (here / name).mkdir()
            (here / name / "s1a-s3-raw-s-vv-001.dat").write_bytes(data)
            (here / name / "s1a-s3-raw-s-vv-001-annot.dat").write_bytes(name.encode())
            (here / name / "manifest.safe").write_text(
                f"<XFDU version='1'><startTime>{{start}}</startTime><stopTime>{{stop}}</stopTime>"
                f"<standAloneProductInformation><sliceNumber>{{number}}</sliceNumber>"
                f"</standAloneProductInformation></XFDU>")
        (here / "L0.LIST").write_text("\\n".join(name for name, _, _ in {made!r}))
    """)


def run(bench: Bench, order: int, *made: tuple[str, bytes, int], **changes: object) -> None:
    pools = (SpecPool((SpecTask("DEMO", bench.program(program(*made), f"demo{order}")),)),)
    wanted: JobSpec = spec(pools=pools, list_file="L0.LIST", **changes)
    with bench.database.write() as connection:
        queue.enqueue(connection, wanted, order, NOON)
        claim = queue.claim(connection, bench.outbox, "here:1", timedelta(seconds=60))
    assert claim is not None
    assert execute(bench.workshop, claim) is Outcome.DONE


def held(bench: Bench, *names: str) -> list[bool]:
    with bench.database.read() as connection:
        return [find(connection, name) is not None for name in names]


def test_what_holds_the_same_measurements_is_no_news(bench: Bench) -> None:
    first, second = product("0001"), product("0002")
    run(bench, 1, (first, MEASUREMENT, 1))
    run(bench, 2, (second, MEASUREMENT, 1))
    assert held(bench, first, second) == [True, False]
    log = b"".join(bench.store.read("jobs/2/1/log.txt")).decode()
    assert f"{second} is no news: it holds the measurements of {first}" in log
    assert bench.store.list("jobs/2/1") == ["jobs/2/1/log.txt"]
    assert bench.events.count("ProductCatalogued") == 1
    with bench.database.read() as connection:
        assert held_names(connection, [first, second, "nobody"]) == {first: first, second: first}


@pytest.mark.parametrize(
    ("other", "data", "number"),
    [
        (product("0002"), MEASUREMENT[::-1], 1),
        (product("0002"), MEASUREMENT + b"late", 1),
        (product("0002"), MEASUREMENT, 2),
        (product("0002", datatake="064889"), MEASUREMENT, 1),
        (product("0002", kind="0C"), MEASUREMENT, 1),
    ],
    ids=["other packets", "more packets", "another slice", "another data take", "another class"],
)
def test_anything_else_is_news(bench: Bench, other: str, data: bytes, number: int) -> None:
    wanted = (SpecOutput("SM_RAW__0S", "^.*S[1-6]_RAW__0[SC].*$", mandatory=True),)
    run(bench, 1, (product("0001"), MEASUREMENT, 1))
    run(bench, 2, (other, data, number), outputs=wanted)
    assert held(bench, other) == [True]


def test_an_assembled_product_is_news_though_it_equals_its_only_segment(bench: Bench) -> None:
    segment, assembled, again = product("0001"), product("0002"), product("0003")
    run(bench, 1, (segment, MEASUREMENT, 0), chain="l0-aio")
    run(bench, 2, (assembled, MEASUREMENT, 0), chain="l0-asp")
    run(bench, 3, (again, MEASUREMENT, 0), chain="l0-asp")
    assert held(bench, segment, assembled, again) == [True, True, False]


def test_what_a_campaign_makes_stands_beside_what_others_make(bench: Bench) -> None:
    first, again, later = product("0001"), product("0002"), product("0003")
    run(bench, 1, (again, MEASUREMENT, 1), campaign="again", timeliness_of_content=True)
    run(bench, 2, (first, MEASUREMENT, 1))
    run(bench, 3, (later, MEASUREMENT, 1), campaign="again")
    assert held(bench, first, again, later) == [True, True, True]
    with bench.database.read() as connection:
        told = [find(connection, name).product.attributes for name in (first, again)]  # type: ignore[union-attr]
    assert "campaign" not in told[0]
    assert (told[1]["campaign"], told[1]["timeliness"]) == ("again", "Reprocessing")


def test_of_a_round_only_the_slices_that_gained_packets_are_catalogued(bench: Bench) -> None:
    old = [(product(f"000{n}", start=f"10103{n}", stop=f"10110{n}"), MEASUREMENT, n) for n in (1, 2, 3)]
    new = [(name.replace("_000", "_100"), data, n) for name, data, n in old]
    new[1] = (new[1][0], MEASUREMENT + b"late", 2)
    run(bench, 1, *old)
    run(bench, 2, *new)
    assert held(bench, *(name for name, _, _ in new)) == [False, True, False]


def test_a_ghost_is_kept_and_told_but_not_catalogued(bench: Bench) -> None:
    ghost, real = product("0001", stop="101032"), product("0002")
    run(bench, 1, (ghost, MEASUREMENT, 1), (real, MEASUREMENT, 2), ghosts={"SM": 3.0})
    assert held(bench, ghost, real) == [False, True]
    kept = f"ghosts/1/1/{ghost}"
    assert len(bench.store.list(kept)) == 3
    with bench.database.read() as connection:
        row = connection.execute(sa.select(quarantine)).one()
    assert (row.name, row.location) == (ghost, kept)
    assert row.reason.startswith("a ghost: it lasts 2.000 s")
    assert bench.events.count("FileQuarantined") == 1


def test_thresholds_are_of_modes_and_of_measurements(bench: Bench) -> None:
    short = product("0001", stop="101032")
    run(bench, 1, (short, MEASUREMENT, 1), ghosts={"IW": 3.0})
    assert held(bench, short) == [True]
    run(
        bench,
        2,
        (product("0002", stop="101032", kind="0C"), MEASUREMENT, 1),
        ghosts={"SM": 3.0},
        outputs=(SpecOutput("SM_RAW__0C", "^.*S[1-6]_RAW__0C.*$", mandatory=True),),
    )
    assert held(bench, product("0002", stop="101032", kind="0C")) == [True]


def test_a_report_that_nobody_can_read_is_left_and_one_of_ours_is_a_product(bench: Bench) -> None:
    wanted = (
        SpecOutput("SM_RAW__0S", "^.*S[1-6]_RAW__0S.*$", mandatory=True),
        SpecOutput("REP_ACQNR", "^.*REP_ACQNR.*$", mandatory=False),
    )
    text = program((product("0001"), MEASUREMENT, 1)) + textwrap.dedent("""
        (here / "S1A_OPER_REP_ACQNR_of_somebody.txt").write_text("all fine")
        with (here / "L0.LIST").open("a") as stream:
            stream.write("\\nS1A_OPER_REP_ACQNR_of_somebody.txt")
    """)
    pools = (SpecPool((SpecTask("DEMO", bench.program(text)),)),)
    claim = bench.claim(spec(pools=pools, list_file="L0.LIST", outputs=wanted))
    assert execute(bench.workshop, claim) is Outcome.DONE
    assert "is not a valid product" in bench.log()
    assert held(bench, product("0001")) == [True]


def test_measurement_files_are_known_by_their_names() -> None:
    stem = "measurement/s1a-s3-raw-s-vv-20240105t101030-20240105t101102-051999-064888"
    assert [is_measurement(f"{stem}{tail}") for tail in (".dat", "-annot.dat", "-index.dat")] == [True, False, False]
    assert not is_measurement("manifest.safe")


def test_without_thresholds_there_are_no_ghosts(bench: Bench) -> None:
    run(bench, 1, (product("0001", stop="101030"), MEASUREMENT, 1))
    assert held(bench, product("0001", stop="101030")) == [True]
