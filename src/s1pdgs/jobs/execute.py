"""One attempt at a job, from the claimed row to published products. The process that calls it does nothing else.

Publishing is one transaction after all outputs are stored and checksummed under the attempt: it ends the job, makes
the products exist and tells it. When the fence has moved on, it touches nothing and nothing was published.
"""

import logging
import threading
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from attrs import evolve, field, frozen

from s1pdgs.bus.outbox import Outbox
from s1pdgs.catalogue import door
from s1pdgs.formats.joborder import write_job_order
from s1pdgs.inbox.quarantine import set_aside
from s1pdgs.jobs import queue
from s1pdgs.jobs.aside import SetAside, ghost_aside, keep_received
from s1pdgs.jobs.containers import Containers, EngineError, find_engine
from s1pdgs.jobs.errors import AttemptFailed, Interrupted, LeaseLost
from s1pdgs.jobs.housekeeping import Keep, remove_dead_containers, sweep_workdirs
from s1pdgs.jobs.joblog import JobLog
from s1pdgs.jobs.judge import Verdict, judge
from s1pdgs.jobs.lease import begin, held_lease
from s1pdgs.jobs.limits import Meter, Supervision, record
from s1pdgs.jobs.outputs import Harvest, collect, ghost_prefix, prefix, store_ghosts, store_outputs
from s1pdgs.jobs.processes import Crew, run_pools
from s1pdgs.jobs.queue import BackOff, Claim, Failure
from s1pdgs.jobs.spec import JobSpec
from s1pdgs.jobs.traces import AttemptTraces
from s1pdgs.jobs.workdir import check_room, disk_failure, fetch_inputs, make_workdir, needed_bytes, remove_workdir
from s1pdgs.model.product import Product
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore, StorageError, put_file
from s1pdgs.storage.patience import patiently
from s1pdgs.watch.traces import Emit, nothing

logger = logging.getLogger(__name__)

LOG_FILE = "s1pdgs-job.log"
_MB = 1024 * 1024


class Outcome(StrEnum):
    """How an attempt ended for the process that ran it."""

    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    HANDED_BACK = "handed back"


@frozen
class Workshop:
    """Where attempts are made, and where their traces go. Containers are named after `ground`, which tells this ground
    segment from others on the same host.
    """

    database: Database
    store: ObjectStore
    outbox: Outbox
    work_root: Path
    lease: timedelta = queue.DEFAULT_LEASE
    back_off: BackOff = field(factory=BackOff)
    trace: Emit = nothing
    ground: str = "s1pdgs"
    container_command: tuple[str, ...] = ()
    keep: Keep = field(factory=Keep)
    pin_cores: bool = True


def execute(workshop: Workshop, claim: Claim, stop: threading.Event | None = None) -> Outcome:
    """Run a claimed attempt to its end, once. Setting `stop` ends it early and hands the job back.

    The working directory `<work_root>/<job>/<fence>` is removed after success and kept after failure, and after a
    success that is not whole.
    """
    with workshop.database.write() as connection:
        if not begin(connection, claim, workshop.outbox.clock.now(), workshop.lease):
            return Outcome.LOST
        spec = queue.spec_of(connection, claim.job)
    workdir = make_workdir(workshop.work_root, claim)
    log = JobLog(workdir / LOG_FILE, workshop.outbox.clock)
    traces = AttemptTraces(spec, claim, workshop.outbox.clock, workshop.trace)
    try:
        outcome, keeps = _run(_Attempt(workshop, claim, spec, workdir, log, traces, stop or threading.Event()))
    finally:
        log.close()
    if not keeps:
        remove_workdir(workdir)
    return outcome


@frozen
class _Attempt:
    workshop: Workshop
    claim: Claim
    spec: JobSpec
    workdir: Path
    log: JobLog
    traces: AttemptTraces
    stop: threading.Event
    meter: Meter = field(factory=Meter)


def _run(attempt: _Attempt) -> tuple[Outcome, bool]:
    """How the attempt ended, and whether its working directory is worth a look."""
    workshop, claim = attempt.workshop, attempt.claim
    attempt.traces.begin()
    try:
        made = _make_and_publish(attempt)
    except LeaseLost:
        logger.warning("job %d/%d: the lease was lost; nothing is published", claim.job, claim.fence)
        attempt.traces.failed("the lease was lost; nothing is published")
        workshop.store.delete(prefix(claim))
        workshop.store.delete(ghost_prefix(claim))
        return Outcome.LOST, False
    except Interrupted:
        attempt.traces.failed("the worker is asked to stop; the job is handed back")
        with workshop.database.write() as connection:
            if queue.hand_back(connection, claim, workshop.outbox.clock.now()):
                record(connection, claim, attempt.meter.used)
        return Outcome.HANDED_BACK, False
    except AttemptFailed as failure:
        return _fail(attempt, failure), True
    except OSError as error:
        return _fail(attempt, disk_failure(error, attempt.workdir)), True
    except Exception as error:
        logger.exception("job %d/%d: unexpected error", claim.job, claim.fence)
        return _fail(attempt, AttemptFailed(f"unexpected {type(error).__name__}: {error}")), True
    return Outcome.DONE, made.harvest.reserve is not None


def _make_and_publish(attempt: _Attempt) -> "_Produce":
    workshop = attempt.workshop
    clock, log = workshop.outbox.clock, attempt.log
    with held_lease(workshop.database, attempt.claim, clock, workshop.lease, lambda: log.progress) as lost:
        made = _produce(attempt, lost)
        _publish(attempt, made)
    return made


@frozen
class _Produce:
    """What an attempt made, all of it stored."""

    products: list[Product]
    harvest: Harvest
    verdict: Verdict
    exit_code: int


def _produce(attempt: _Attempt, lost: threading.Event) -> _Produce:
    def interrupt() -> None:
        if lost.is_set():
            raise LeaseLost
        if attempt.stop.is_set():
            raise Interrupted

    store, spec, workdir = attempt.workshop.store, attempt.spec, attempt.workdir
    _make_room(attempt)
    check_room(workdir, spec)
    fetch_inputs(store, spec, workdir)
    interrupt()
    order_file = workdir / f"JobOrder.{attempt.claim.job}.xml"
    write_job_order(order_file, spec.order.within(str(workdir)))
    supervision = Supervision(spec, workdir, interrupt, attempt.meter)
    first_core = attempt.claim.job if attempt.workshop.pin_cores else None
    crew = Crew(supervision, attempt.log, attempt.traces, _containers(attempt), first_core)
    exit_code = run_pools(spec, order_file, crew)
    harvest = collect(spec, workdir, attempt.log)
    verdict = patiently(lambda: _judged(attempt, harvest))
    interrupt()
    products = store_outputs(store, spec, attempt.claim, verdict.news)
    store_ghosts(store, attempt.claim, verdict.ghosts)
    return _Produce(products, harvest, verdict, exit_code)


def _make_room(attempt: _Attempt) -> None:
    """What is kept of earlier attempts on this disk goes when it is time, or when this one needs the room."""
    workshop, need_mb = attempt.workshop, -(-needed_bytes(attempt.spec) // _MB)
    keep = evolve(workshop.keep, free_mb=max(workshop.keep.free_mb, need_mb))
    sweep_workdirs(workshop.database, workshop.work_root, keep, workshop.outbox.clock.now())


def _judged(attempt: _Attempt, harvest: Harvest) -> Verdict:
    with attempt.workshop.database.read() as connection:
        return judge(connection, attempt.spec, harvest.outputs)


def _containers(attempt: _Attempt) -> Containers | None:
    """What makes containers, when the job wants some; those that dead attempts left on this host go first."""
    if attempt.spec.container is None:
        return None
    workshop = attempt.workshop
    try:
        engine = find_engine(workshop.container_command)
        remove_dead_containers(workshop.database, engine, workshop.ground)
    except EngineError as error:
        raise AttemptFailed(f"the job runs in containers: {error}") from error
    return Containers(engine, workshop.ground, attempt.claim, attempt.workdir)


def _publish(attempt: _Attempt, made: _Produce) -> None:
    workshop, claim, verdict = attempt.workshop, attempt.claim, made.verdict
    aside = keep_received(workshop.store, claim, attempt.workdir, attempt.log)
    aside += [ghost_aside(claim, ghost) for ghost in verdict.ghosts]
    _note(attempt, made)
    log_key = _store_log(attempt)
    names = [*(product.name for product in made.products), *verdict.same.values()]
    patiently(lambda: _commit(attempt, made, names, aside, log_key))
    attempt.traces.done(names, made.exit_code, made.harvest.missing)


def _commit(attempt: _Attempt, made: _Produce, names: list[str], aside: list[SetAside], log_key: str | None) -> None:
    """The one transaction that publishes; done again after a commit whose answer was lost, it changes nothing."""
    workshop, claim, verdict = attempt.workshop, attempt.claim, made.verdict
    with workshop.database.write() as connection:
        reserve = made.harvest.reserve
        if not queue.finish(
            connection, workshop.outbox, claim, names, log=log_key, exit_code=made.exit_code, reason=reserve
        ):
            if queue.is_done_by(connection, claim):
                return
            raise LeaseLost
        record(connection, claim, attempt.meter.used)
        for kept in aside:
            if kept.reason is not None:
                source = f"job-{claim.job}-{claim.fence}"
                set_aside(
                    connection,
                    workshop.outbox,
                    source=source,
                    remote_id=kept.name,
                    name=kept.name,
                    reason=kept.reason,
                    location=kept.key,
                )
        for path, held in verdict.same.items():
            door.note_same(connection, path.name, held)
        for product in made.products:
            if not door.register(connection, workshop.outbox, product):
                logger.warning("job %d/%d: %s is in the catalogue already", claim.job, claim.fence, product.name)


def _note(attempt: _Attempt, made: _Produce) -> None:
    log, used = attempt.log, attempt.meter.used
    for path, held in made.verdict.same.items():
        log.note(f"{path.name} is no news: it holds the measurements of {held}, which the catalogue has")
    for ghost in made.verdict.ghosts:
        log.note(f"{ghost.path.name} is a ghost of {ghost.description.validity.duration.total_seconds():.3f} s")
    if made.harvest.reserve is not None:
        log.note(made.harvest.reserve)
    log.note(f"used {used}")
    log.note(f"{len(made.products)} products stored")


def _fail(attempt: _Attempt, failure: AttemptFailed) -> Outcome:
    attempt.log.note(f"used {attempt.meter.used}")
    attempt.log.note(f"failed: {failure.reason}")
    attempt.traces.failed(failure.reason, failure.exit_code, late=failure.late)
    told = Failure(
        failure.reason,
        attempt.log.tail,
        _store_log(attempt),
        exit_code=failure.exit_code,
        lasting=failure.lasting,
    )
    return patiently(lambda: _commit_failure(attempt, told))


def _commit_failure(attempt: _Attempt, told: Failure) -> Outcome:
    workshop = attempt.workshop
    with workshop.database.write() as connection:
        state = queue.fail(connection, workshop.outbox, attempt.claim, told, workshop.back_off)
        if state is not None:
            record(connection, attempt.claim, attempt.meter.used)
    return Outcome.LOST if state is None else Outcome.FAILED


def _store_log(attempt: _Attempt) -> str | None:
    claim, key = attempt.claim, f"{prefix(attempt.claim)}/log.txt"
    if not attempt.log.is_intact:
        logger.warning("job %d/%d: a program has replaced the log, which is not stored", claim.job, claim.fence)
        return None
    try:
        put_file(attempt.workshop.store, attempt.log.path, key)
    except StorageError as error:
        logger.warning("job %d/%d: the log could not be stored: %s", claim.job, claim.fence, error)
        return None
    return key
