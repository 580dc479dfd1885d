"""The queue of jobs: claims and completions a second, with many ended jobs in the table, and how soon work begins.

Workers are processes with connections of their own, as supervisors and attempts are; each claims a job in one durable
transaction and ends it in another, with nothing between. Work begins when the first line of the program runs, counted
from the commit that catalogued its input, with the real triggers and work roles on this host.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from tests.chaos.mission import write_cause, write_chains

from benchmarks.databases import LABELS, advance, database_named, settle
from benchmarks.harness import CONTESTANTS, KINDS, ROOT, Options, Result, scratch
from s1pdgs.app import running
from s1pdgs.catalogue.query import find
from s1pdgs.formats.joborder import JobOrder
from s1pdgs.ground import GroundSegment, open_ground_segment
from s1pdgs.jobs import queue
from s1pdgs.jobs import tables as t
from s1pdgs.jobs.spec import JobSpec, SpecPool, SpecTask
from s1pdgs.model.job import JobState
from s1pdgs.model.time import SystemClock, parse_utc
from s1pdgs.model.timeliness import Timeliness
from s1pdgs.settings import load_settings
from s1pdgs.stations import folder as inlet
from s1pdgs.storage.database import Database

WORKERS = (1, 4, 8)
EACH = 300
"""Jobs that all workers of a run share."""
INPUTS = 30
"""Products whose work is waited for, one after the other."""
_EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
_OTHER_ORDERS = 1 << 40
_LOOK_S = 0.05


def run(options: Options) -> list[Result]:
    """Rates on both databases with an empty and a full queue, then the latency on SQLite."""
    command = f'make bench ARGS="jobs --jobs {options.jobs}"'
    results: list[Result] = []
    for kind in KINDS:
        try:
            with database_named(kind, "jobs") as database:
                results += _rates(database, 0, command)
                if not options.jobs:
                    continue
                _fill(database, options.jobs)
                settle(database)
                results += _rates(database, options.jobs, command)
        except LookupError as reason:
            print(f"{LABELS[kind]} is not measured: {reason}")
    return results + _latency(command)


def _rates(database: Database, ended: int, command: str) -> Iterator[Result]:
    label = LABELS[database.engine.dialect.name]
    for workers in WORKERS:
        _enqueue(database, EACH)
        rate = _work(database, workers)
        told = f"{label}, {workers} workers, {ended / 1e6:g} M ended jobs: jobs claimed and completed"
        yield Result(told, rate, "jobs/s", command)


def _enqueue(database: Database, number: int) -> None:
    with database.write() as connection:
        last = connection.scalar(sa.select(sa.func.max(t.job.c.order_id))) or 0
        for order in range(last + 1, last + 1 + number):
            queue.enqueue(connection, _spec(order), order, SystemClock().now())


def _spec(number: int) -> JobSpec:
    order = JobOrder(processor_name="BENCH", version="1.0", tasks=())
    return JobSpec(
        chain="bench", unit=f"unit {number}", satellite="S1A", order=order, inputs=(), outputs=(),
        pools=(SpecPool((SpecTask("BENCH", "/bin/true"),)),), t0=_EPOCH, timeliness=Timeliness.NRT,
    )  # fmt: skip


def _work(database: Database, workers: int) -> float:
    """Jobs a second from the first claim to the last end, over all workers."""
    url = database.engine.url
    where = str(url.database) if url.drivername == "sqlite" else str(url.set(drivername="postgresql"))
    command = [sys.executable, str(CONTESTANTS / "claim_jobs.py"), where]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it is connected
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate()[0]) for process in processes]
    done = sum(each["done"] for each in found)
    if done != EACH:
        raise SystemExit(f"{EACH} jobs were in the queue and {done} were done")
    return float(done / (max(each["end_s"] for each in found) - min(each["begin_s"] for each in found)))


def _fill(database: Database, number: int) -> None:
    """Ended jobs with an attempt each, as copies of one that was done."""
    with database.write() as connection:
        done = connection.execute(sa.select(t.job).where(t.job.c.state == JobState.DONE).limit(1)).one()
        first = (connection.scalar(sa.select(sa.func.max(t.job.c.id))) or 0) + 1
        numbers = sa.select(sa.literal(first).label("n")).cte("numbers", recursive=True)
        numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < first + number - 1))
        attempt = {"fence": 1, "owner": "bench", "started_at": _EPOCH, "ended_at": _EPOCH, "outcome": "done"}
        for table, own, row in (
            (
                t.job,
                {
                    "id": numbers.c.n,
                    "order_id": sa.cast(numbers.c.n, sa.BigInteger) + sa.literal(_OTHER_ORDERS, sa.BigInteger),
                },
                done._asdict(),
            ),
            (t.attempt, {"job_id": numbers.c.n}, attempt),
        ):
            columns = [column for column in table.c if column.name in own or row.get(column.name) is not None]
            values = [
                own[column.name] if column.name in own else sa.literal(row[column.name], column.type)
                for column in columns
            ]
            connection.execute(table.insert().from_select(columns, sa.select(*values)))
        advance(connection, t.job)


def _latency(command: str) -> list[Result]:
    """From the catalogued input to the first line of its program, one after the other on an idle ground segment."""
    with TemporaryDirectory(dir=scratch()) as place:
        folder = Path(place)
        chains = write_chains(folder, 0.0)
        config = folder / "s1pdgs.toml"
        config.write_text(f'data_dir = "{folder}/data"\n[triggers]\nchains = "{chains}"\n')
        ground = open_ground_segment(load_settings(config, {}), config)
        with running(ground, ("triggers", "work")):
            waits = [_one_input(ground, write_cause(folder, number)) for number in range(INPUTS)]
        ground.database.close()
    claimed, begun = zip(*waits[1:], strict=True)
    return [
        Result(f"SQLite: from the catalogued input to {what}", statistics.median(each), "ms", command, p99=max(each))
        for what, each in (("its claimed job", claimed), ("the program's first line", begun))
    ]


def _one_input(ground: GroundSegment, path: Path) -> tuple[float, float]:
    """Milliseconds until the job was claimed, and until its program began."""
    name = inlet.ingest(path, ground.database, ground.store, ground.outbox, ground.work_root / "ingest")
    of_it = sa.select(t.job.c.id).join(t.job_input).where(t.job_input.c.product == name, t.job.c.state == JobState.DONE)
    while (job := _asked(ground, of_it)) is None:
        time.sleep(_LOOK_S)
    made = _asked(ground, sa.select(t.job_output.c.product).where(t.job_output.c.job_id == job))
    claimed_at = _asked(ground, sa.select(t.attempt.c.started_at).where(t.attempt.c.job_id == job))
    with ground.database.read() as connection:
        cause, result = find(connection, name), find(connection, made)
    assert cause is not None
    assert result is not None
    manifest = b"".join(ground.store.read(f"{result.product.location}/manifest.safe")).decode()
    begun_at = parse_utc(manifest.partition("processing start='")[2].partition("'")[0])
    return _ms(claimed_at - cause.catalogued_at), _ms(begun_at - cause.catalogued_at)


def _asked(ground: GroundSegment, query: sa.Select[Any]) -> Any:
    with ground.database.read() as connection:
        return connection.scalar(query)


def _ms(span: timedelta) -> float:
    return span.total_seconds() * 1e3
