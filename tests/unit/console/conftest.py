"""A ground segment in the middle of its work: something stands in each of the seven stations of the walk."""

import shutil
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import frozen
from fastapi import FastAPI
from starlette.testclient import TestClient

from s1pdgs.access.operators import operator_gate
from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue.door import register
from s1pdgs.console.datatakes import data_take_pages
from s1pdgs.console.jobs import job_pages
from s1pdgs.console.web import mount
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.inbox import sessions as inbox
from s1pdgs.inbox.deliveries import announce_block, announce_session, block_key, location_of
from s1pdgs.inbox.files import due_files, fail_file, store_file
from s1pdgs.jobs import queue
from s1pdgs.jobs.execute import LOG_FILE
from s1pdgs.jobs.queue import Claim, Failure
from s1pdgs.jobs.spec import InputFile, JobSpec, SpecInput, SpecOutput, SpecPool, SpecTask
from s1pdgs.model.footprint import Footprint, LonLat
from s1pdgs.model.interval import Interval
from s1pdgs.model.product import AttributeValue, Product, StoredFile
from s1pdgs.model.session import Session, SessionFile
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.publication.publisher import publish_step, request
from s1pdgs.storage.database import Database, open_sqlite
from s1pdgs.storage.objects import LocalObjects, local_objects
from s1pdgs.triggers.chains import Chains
from s1pdgs.triggers.orders import Planner
from s1pdgs.triggers.tables import order as order_table
from tests.databases import new_sqlite
from tests.unit.conftest import ManualClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
SESSION = "S1A_20260105114204051312"
SLC = "S1A_S3_SLC__1SDV_20260105T104204_20260105T104229_051312_06309A_1C2D.SAFE"
GRD = "S1A_S3_GRDH_1SDV_20260105T104204_20260105T104229_051312_06309A_77AA.SAFE"
PACIFIC = "S1C_IW_GRDH_1SDV_20260105T061000_20260105T061025_001234_00270F_0D0E.SAFE"
SLICE = "S1A_S3_RAW__0SDV_20260105T104202_20260105T104231_051312_06309A_9F3E.SAFE"
SHIPPED = Chains.read()
SEGMENT = "S1A_S3_RAW__0SDV_20260105T104150_20260105T104300_051312_06309A_AB12.SAFE"
ORBIT = "S1A_OPER_AUX_RESORB_OPOD_20260105T112233_V20260105T073000_20260105T110000.EOF"
ADRIATIC: list[LonLat] = [(12.2, 45.9), (13.3, 45.75), (13.05, 44.85), (11.97, 45.0)]
DATELINE: list[LonLat] = [(178.6, -17.0), (-178.9, -17.4), (-179.4, -19.0), (178.0, -18.6)]


def png(width: int = 48, height: int = 32) -> bytes:
    """A small grey image that browsers can show."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(
        b"\0" + bytes((90 + 3 * ((x * x + y * 7 * x // 3) % 53)) % 256 for x in range(width)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@frozen
class Stage:
    """The parts of a ground segment that the console shows."""

    database: Database
    store: LocalObjects
    clock: ManualClock
    outbox: Outbox
    work_root: Path

    def app(self, key: str | None = None, sources: dict[str, float] | None = None) -> FastAPI:
        app = FastAPI()
        mount(
            app, self.database, self.store, self.clock, operator_gate(key), work_root=self.work_root,
            sources={"svalbard": 20.0, "auxip": 60.0} if sources is None else sources,
            additions=(data_take_pages(SHIPPED), job_pages(Planner(SHIPPED, self.outbox))),
        )  # fmt: skip
        return app

    def client(self, key: str | None = None, host: str = "127.0.0.1") -> TestClient:
        """A browser on this host, at a page of the console."""
        return TestClient(
            self.app(key), base_url=f"http://{host}", client=("127.0.0.1", 40000), follow_redirects=False,
            headers={"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"},
        )  # fmt: skip

    def product(
        self,
        name: str,
        kind: str,
        *,
        ring: list[LonLat] | None = None,
        t0: datetime | None = None,
        timeliness: Timeliness | None = Timeliness.NRT,
        picture: bytes | None = None,
        attributes: dict[str, AttributeValue] | None = None,
        seconds: float = 25.0,
    ) -> Product:
        """Put a product into the store and the catalogue."""
        contents = {"manifest.safe": b"<xfdu/>" * 900, "measurement/data.tiff": name.encode() * 4000}
        if picture is not None:
            contents["preview/quick-look.png"] = picture
        files = []
        location = f"jobs/1/1/{name.replace('/', '_')}"
        for path, data in contents.items():
            sums = self.store.put(f"{location}/{path}", iter([data]))
            files.append(StoredFile(path, sums.size, sums.md5, sums.sha256))
        start = NOON - timedelta(minutes=78)
        made = Product(
            name=name, type=kind, satellite="S1A", validity=Interval(start, start + timedelta(seconds=seconds)),
            generation_time=NOON, location=location, files=tuple(files),
            t0=t0 or self.clock.now() - timedelta(minutes=2), timeliness=timeliness,
            footprint=None if ring is None else Footprint.from_points(ring),
            attributes={"productType": kind, "orbitNumber": 51312, **(attributes or {})},
        )  # fmt: skip
        with self.database.write() as connection:
            assert register(connection, self.outbox, made)
        return made

    def publish(self, *names: str) -> None:
        with self.database.write() as connection:
            for name in names:
                request(connection, name, self.clock.now())
        for _ in names:
            self.clock.advance(2.5)
            assert publish_step(self.database, self.store, self.outbox, self.clock)

    def job(
        self, order: int, chain: str, unit: str, *inputs: str, timeliness: Timeliness = Timeliness.NRT
    ) -> int:  # fmt: skip
        spec = JobSpec(
            chain=chain, unit=unit, satellite="S1A", order=JobOrder(chain.upper(), "1.0", ()),
            inputs=tuple(SpecInput(name, "ANY", (InputFile(f"x/{name}", name, 1, "0" * 64),)) for name in inputs),
            outputs=(SpecOutput("S3_RAW__0S", "^.*$", mandatory=True),),
            pools=(SpecPool((SpecTask("TASK", "/bin/true"),)),), t0=self.clock.now(), timeliness=timeliness,
        )  # fmt: skip
        with self.database.write() as connection:
            return queue.enqueue(connection, spec, order, self.clock.now())

    def claim(self) -> Claim:
        with self.database.write() as connection:
            taken = queue.claim(connection, self.outbox, "proc-host:4242", timedelta(hours=1))
        assert taken is not None
        return taken

    def finish(self, claim: Claim, *products: str, seconds: float = 47.0) -> None:
        self.clock.advance(seconds)
        key = f"jobs/{claim.job}/{claim.fence}/log.txt"
        self.store.put(key, iter([b"2026-01-05T12:00:01.000000 host AIO 1.0 [17]: [I] all good\n"]))
        with self.database.write() as connection:
            assert queue.finish(connection, self.outbox, claim, list(products), log=key)

    def fail(self, claim: Claim, reason: str, *, lasting: bool) -> None:
        self.clock.advance(4.0)
        with self.database.write() as connection:
            failure = Failure(reason, log_tail="the last line before the end", exit_code=130, lasting=lasting)
            assert queue.fail(connection, self.outbox, claim, failure) is not None

    def log_of(self, claim: Claim) -> Path:
        """The file that a running attempt writes."""
        folder = self.work_root / str(claim.job) / str(claim.fence)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / LOG_FILE


def new_stage(folder: Path) -> Stage:
    return stage_of(new_sqlite(folder), folder, NOON)


def stage_of(database: Database, folder: Path, now: datetime) -> Stage:
    clock = ManualClock(now)
    return Stage(database, local_objects(folder / "objects"), clock, Outbox(clock), folder / "work" / "jobs")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Stage]:
    """Nothing has happened yet."""
    made = new_stage(tmp_path)
    yield made
    made.database.close()


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    """The folder of a stage on which everything is on its way, to copy, and what its clock shows."""
    folder = tmp_path_factory.mktemp("busy")
    made = new_stage(folder)
    populate(made)
    made.database.close()
    return folder, made.clock.now()


@pytest.fixture
def stage(busy: tuple[Path, datetime], tmp_path: Path) -> Iterator[Stage]:
    """Everything is on its way."""
    folder, now = busy
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    made = stage_of(open_sqlite(tmp_path / "s1pdgs.db"), tmp_path, now)
    yield made
    made.database.close()


def populate(stage: Stage, picture: bytes | None = None) -> None:
    """Fill every station of the walk."""
    from s1pdgs.stations.cursor import advance, note_failure  # noqa: PLC0415
    from s1pdgs.stations.profile import Kind, Profile  # noqa: PLC0415

    image = png() if picture is None else picture
    stage.clock.moment = NOON - timedelta(minutes=10)
    receive(stage, SESSION, {1: (5, 9, True), 2: (3, 7, False)})
    receive(stage, "S1A_20260105093104051311", {1: (4, 4, True), 2: (4, 4, True)})
    with stage.database.write() as connection:
        assert inbox.complete(connection, stage.outbox, stage.store, "S1A_20260105093104051311")
        file = due_files(connection, "svalbard", stage.clock.now(), 1)[0]
        fail_file(connection, stage.outbox, file, "MD5 is not the announced one: 5 attempts", max_attempts=1)
        svalbard = Profile("svalbard", Kind.CADIP, "http://svalbard", station="SGS")
        advance(connection, svalbard, NOON, NOON - timedelta(seconds=4))
        refused = "http://auxip/odata/v1: connection refused; is the server running?"
        auxip = Profile("auxip", Kind.AUXIP, "http://auxip")
        note_failure(connection, auxip, refused, NOON - timedelta(seconds=9))

    stage.product(ORBIT, "AUX_RESORB", timeliness=None, seconds=12_600)
    stage.product(SEGMENT, "S3_RAW__0S", ring=ADRIATIC, seconds=70.0, attributes={"productConsolidation": "FULL"})
    stage.product(SLICE, "S3_RAW__0S", ring=ADRIATIC, seconds=29.0)
    stage.product(PACIFIC, "IW_GRDH_1S", ring=DATELINE, t0=NOON - timedelta(hours=5), picture=image)
    stage.product(SLC, "S3_SLC__1S", ring=ADRIATIC, picture=image, attributes={"sliceNumber": 1})
    stage.product(GRD, "S3_GRDH_1S", ring=ADRIATIC, picture=image)
    stage.publish(SLICE, PACIFIC, SLC)

    ready_later = stage.job(1, "l0-aio", "S1A_20260105093104051311", "S1A_20260105093104051311")
    assert ready_later == 1
    stage.finish(stage.claim(), SEGMENT)
    stage.job(2, "l0-asp", "datatake 06309A", SEGMENT, ORBIT)
    stage.finish(stage.claim(), SLICE, seconds=9.0)
    stage.job(3, "l1-sm", SLICE, SLICE, ORBIT)
    stage.finish(stage.claim(), SLC, seconds=205.0)
    stage.job(4, "l1-sm", "S1A_S6_RAW__0SDV_20260105T093104", SLICE)
    stage.fail(stage.claim(), "no AUX_CAL covers 2026-01-05T09:31:04Z; bring one in, then retry", lasting=True)
    stage.job(5, "l0-asp", "datatake 063099", SEGMENT)
    stage.fail(stage.claim(), "killed: used more than 8000 MB", lasting=False)
    dropped = stage.job(6, "l0-aio", "S1A_20260101000000051250")
    with stage.database.write() as connection:
        queue.drop(connection, dropped, "a test pass", stage.clock.now())
    stage.job(7, "l1-sm", "S1A_S3_RAW__0SDV_20260105T104227", SLICE, ORBIT)
    running = stage.claim()
    with stage.database.write() as connection:
        queue.renew(connection, running, stage.clock.now(), timedelta(hours=1), "62% azimuth focusing, swath S3 VV")
    stage.log_of(running).write_text("2026-01-05T12:00:01.0 host L1 1.0 [7]: [P] 62% azimuth focusing\n" * 3)
    stage.job(8, "l0-aio", "S1A_20260105114204051312", SESSION)
    await_inputs(stage)


def await_inputs(stage: Stage) -> None:
    with stage.database.write() as connection:
        connection.execute(
            order_table.insert().values(
                chain="l1-sm", unit="S1A_S3_RAW__0SDV_20260105T104252", trigger=SLICE, satellite="S1A", start=NOON,
                stop=NOON, timeliness="NRT", context={}, state="waiting", created_at=stage.clock.now(),
                reason="waits for AUX_RESORB or AUX_POEORB over 10:42:52 to 10:43:17 until 14:00",
                check_at=NOON + timedelta(hours=2),
            )
        )  # fmt: skip


def receive(stage: Stage, session: str, channels: dict[int, tuple[int, int, bool]]) -> None:
    """A session of which (stored, announced, final block seen) blocks of each channel are here."""
    now = stage.clock.now()
    begin = NOON - timedelta(minutes=18)
    announced = Session(session, "S1A", "SGS", len(channels), begin, begin, begin + timedelta(minutes=9), 51312)
    with stage.database.write() as connection:
        announce_session(connection, "svalbard", announced, now)
        for channel, (_stored, total, final) in channels.items():
            for block in range(1, total + 1):
                name = f"DCS_02_{session}_ch{channel}_DSDB_{block:05d}.raw"
                file = SessionFile(
                    f"{session}-{channel}-{block}", session, name, channel, block, final and block == total, begin, 9
                )
                announce_block(connection, "svalbard", file, now)
        for due in due_files(connection, "svalbard", now, 1000):
            entry = due.announcement
            wanted = channels.get(entry.channel or 0)
            if entry.session_id != session or wanted is None or (entry.block or 0) > wanted[0]:
                continue
            key = block_key(location_of(session), entry.channel or 0, entry.name)
            sums = stage.store.put(key, iter([entry.name.encode()]))
            store_file(connection, stage.outbox, entry, key, sums)
        inbox.is_ready(connection, session)
