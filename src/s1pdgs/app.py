"""The composition root: settings become adapters, adapters become roles, roles run until they are stopped."""

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from attrs import field, frozen

from s1pdgs.bus.outbox import Outbox, Subscriber, deliver
from s1pdgs.jobs.execute import Workshop
from s1pdgs.jobs.housekeeping import Keep
from s1pdgs.jobs.queue import BackOff, Claim
from s1pdgs.jobs.runners.local import LocalRunner
from s1pdgs.jobs.runners.runner import PYTHON, Runner
from s1pdgs.jobs.supervisor import Supervisor
from s1pdgs.model.time import SystemClock
from s1pdgs.settings import Notices, Settings, Source
from s1pdgs.stations.profile import Credentials, Profile
from s1pdgs.storage.bell import Bell
from s1pdgs.storage.database import Database, open_database
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.storage.schema import migrate
from s1pdgs.store import open_store
from s1pdgs.watch.traces import nothing, print_trace

if TYPE_CHECKING:
    from s1pdgs.bus.notices import Courier
    from s1pdgs.doors import Doors
    from s1pdgs.publication.subscriptions.model import Limits

logger = structlog.get_logger(__name__)

ROLES = ("stations", "triggers", "work", "publish", "housekeeping", "serve")
IDLE_S = 0.2
AFTER_ERROR_S = 2.0
HOUSEKEEPING_S = 60.0
COURIER_S = 1.0
SWEEP_EVERY = timedelta(seconds=5)


@frozen
class GroundSegment:
    """Everything a role needs. `config` is the settings file that child processes read again."""

    settings: Settings
    config: Path | None
    database: Database
    store: ObjectStore
    outbox: Outbox

    @property
    def work_root(self) -> Path:
        return self.settings.data_dir / "work"

    @property
    def identity(self) -> str:
        """The same for all processes on this database and folder, another for others: names tasks in clusters."""
        told = f"{self.settings.database.get_secret_value()} {self.settings.data_dir}"
        return f"s1pdgs-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


@frozen
class Role:
    """A loop: `step` does one piece of work and tells whether there was any. At the end `drain` lets what it holds go
    on, until the event is set, and `finish` is called once. News wakes those that are `waked`.
    """

    name: str
    step: Callable[[], bool]
    idle_s: float = IDLE_S
    drain: Callable[[threading.Event], None] = field(default=lambda _at_once: None)
    finish: Callable[[], None] = field(default=lambda: None)
    waked: bool = False


def open_ground_segment(settings: Settings, config: Path | None = None) -> GroundSegment:
    """Open the database, brought to the current schema, and the object store. `SettingsError` for one without keys."""
    folder = settings.data_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.database.get_secret_value(), folder)
    migrate(database)
    store = open_store(settings, folder)
    settings = settings.model_copy(update={"data_dir": folder})
    return GroundSegment(settings, config, database, store, Outbox(SystemClock()))


@contextmanager
def running(
    ground: GroundSegment, names: tuple[str, ...] = ROLES, at_once: threading.Event | None = None
) -> Iterator["Doors | None"]:
    """Run roles in threads of this process; at the end of the block they drain, until `at_once` is set, and stop. The
    doors, when they serve.
    """
    stop, at_once, bell = threading.Event(), at_once or threading.Event(), ground.database.bell
    with ExitStack() as stack:
        doors = stack.enter_context(_serving(ground)) if "serve" in names else None
        threads = [
            threading.Thread(target=keep_going, args=(role, stop, at_once, bell), name=role.name)
            for name in names
            for role in roles_of(ground, name)
        ]
        for thread in threads:
            thread.start()
        try:
            yield doors
        finally:
            stop.set()
            bell.ring()
            for thread in threads:
                thread.join()


def _serving(ground: GroundSegment) -> AbstractContextManager["Doors"]:
    from s1pdgs.doors import application, serving  # noqa: PLC0415

    serve = ground.settings.serve
    store = open_store(ground.settings, ground.settings.data_dir, hurried=True)
    app = application(ground.settings, ground.database, store, ground.outbox, ground.work_root / "jobs")
    return serving(app, serve.host, serve.port)


def keep_going(role: Role, stop: threading.Event, at_once: threading.Event, bell: Bell) -> None:
    """Step until stopped. An error ends the step, not the loop: it is logged and the loop rests a little."""
    log = logger.bind(role=role.name)
    while not stop.is_set():
        heard = bell.count
        try:
            worked = role.step()
        except Exception:
            log.exception("step failed")
            stop.wait(AFTER_ERROR_S)
            continue
        if worked:
            continue
        if role.waked:
            bell.wait(heard, role.idle_s)
        else:
            stop.wait(role.idle_s)
    try:
        role.drain(at_once)
    except Exception:
        log.exception("draining failed")
    role.finish()


def roles_of(ground: GroundSegment, name: str) -> list[Role]:
    """The loops of a role; each source has its own, so that a slow one holds up no other."""
    match name:
        case "stations":
            return [_source_role(ground, source) for source in ground.settings.sources]
        case "triggers":
            couriers = [_notice_role(ground, number) for number in range(ground.settings.notices.parallel)]
            return [_trigger_role(ground), *couriers]
        case "work":
            return [_work_role(ground)] if ground.settings.work.slots else []
        case "publish":
            return [_publish_role(ground), *_archive_roles(ground)]
        case "housekeeping":
            patrol = [_patrol_role(ground)] if ground.settings.store.patrol_days else []
            return [_housekeeping_role(ground), _retention_role(ground), *patrol]
        case _:
            return []


def _source_role(ground: GroundSegment, source: Source) -> Role:
    from s1pdgs.stations.poller import download, open_source, poll  # noqa: PLC0415

    opened = open_source(
        station_profile(source, ground.settings),
        ground.database,
        ground.store,
        ground.outbox,
        ground.work_root / "downloads",
    )

    def step() -> bool:
        return poll(opened) | download(opened)

    return Role(f"stations:{source.name}", step, finish=opened.close)


def station_profile(source: Source, settings: Settings) -> Profile:
    """A source's settings in the terms of the stations room."""
    secret = source.password.get_secret_value() if source.password else None
    client_secret = source.client_secret.get_secret_value() if source.client_secret else None
    return Profile(
        name=source.name,
        kind=source.kind,
        url=source.url,
        station=source.station,
        satellites=tuple(source.satellites),
        credentials=Credentials(source.token_url, source.username, secret, source.client_id, client_secret),
        poll_s=source.poll_s,
        parallel_downloads=source.parallel_downloads,
        page_size=source.page_size,
        overlap_s=source.overlap_s,
        max_attempts=source.max_attempts,
        give_up_after_s=settings.triggers.session_timeout_s,
    )


def _trigger_role(ground: GroundSegment) -> Role:
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.catalogue import accounts  # noqa: PLC0415
    from s1pdgs.publication import auxiliary  # noqa: PLC0415
    from s1pdgs.publication.on_demand import orders as demands  # noqa: PLC0415
    from s1pdgs.publication.subscriptions import consumer as subscriptions  # noqa: PLC0415
    from s1pdgs.triggers.campaigns import steps as campaign_steps  # noqa: PLC0415
    from s1pdgs.triggers.chains import SHIPPED, Chains  # noqa: PLC0415
    from s1pdgs.triggers.gates import MaskShelf  # noqa: PLC0415
    from s1pdgs.triggers.orders import Planner, sweep  # noqa: PLC0415
    from s1pdgs.triggers.wanted import wish as wanted_wish  # noqa: PLC0415

    chains = Chains.read(ground.settings.triggers.chains or SHIPPED)
    planner = Planner(chains, ground.outbox, MaskShelf(ground.store))
    terms = keeping.terms_of(ground.settings, keeping.archive_of(ground.settings))
    subscribers = [
        planner.subscriber(),
        _publication_subscriber(ground),
        accounts.subscriber(ground.store),
        subscriptions.subscriber(ground.outbox.clock, subscription_limits(ground)),
    ]
    serve = ground.settings.serve
    if serve.auxip:
        subscribers.append(auxiliary.subscriber(serve.auxip_types, ground.outbox.clock))
    swept_at = ground.outbox.clock.now()

    def step() -> bool:
        nonlocal swept_at
        delivered = [deliver(ground.database, subscriber) for subscriber in subscribers]
        now = ground.outbox.clock.now()
        if now >= swept_at + SWEEP_EVERY:
            swept_at = now
            with ground.database.write() as connection:
                sweep(planner, connection, now)
            with ground.database.write() as connection:
                wanted_wish.step(planner, connection)
            with ground.database.write() as connection:
                demands.advance(planner, connection, terms)
        return campaign_steps.step(planner, ground.database) or any(delivered)

    return Role("triggers", step, waked=True)


def _notice_role(ground: GroundSegment, number: int) -> Role:
    from s1pdgs.bus.notices import send_due  # noqa: PLC0415
    from s1pdgs.publication.subscriptions.queue import push_step  # noqa: PLC0415

    courier, clock = courier_of(ground.settings.notices), ground.outbox.clock

    def step() -> bool:
        return push_step(ground.database, clock) | send_due(ground.database, courier, clock)

    return Role(f"notices:{number}", step, idle_s=COURIER_S)


def subscription_limits(ground: GroundSegment) -> "Limits":
    """The bounds of subscriptions that the settings want."""
    from s1pdgs.publication.subscriptions.model import Limits  # noqa: PLC0415

    return Limits(**ground.settings.subscriptions.model_dump())


def courier_of(notices: Notices) -> "Courier":
    """How and where the settings let notices go."""
    from s1pdgs.bus.notices import Courier  # noqa: PLC0415

    secret = None if notices.secret is None else notices.secret.get_secret_value().encode()
    backoff = timedelta(seconds=notices.backoff_s)
    return Courier(tuple(notices.hosts), notices.private_networks, secret, notices.max_attempts, backoff)


def _work_role(ground: GroundSegment) -> Role:
    work = ground.settings.work
    supervisor = Supervisor(
        ground.database,
        ground.outbox,
        work.slots,
        runner_of(ground),
        timedelta(seconds=work.lease_s),
        BackOff(timedelta(seconds=work.backoff_s)),
        work.waiting,
    )
    return Role(
        "work",
        supervisor.step,
        drain=partial(supervisor.drain, longest_s=work.drain_s),
        finish=supervisor.finish,
        waked=True,
    )


def runner_of(ground: GroundSegment) -> Runner:
    """Where the settings want attempts to run."""
    work = ground.settings.work
    match work.runner:
        case "dask":
            from s1pdgs.jobs.runners.dask import DaskRunner  # noqa: PLC0415

            return DaskRunner(
                work.dask_scheduler or "", lambda claim: execute_command(ground, claim, PYTHON), ground.identity
            )
        case "slurm":
            from s1pdgs.jobs.runners.slurm import SlurmRunner  # noqa: PLC0415

            logs = ground.work_root / "slurm"
            logs.mkdir(parents=True, exist_ok=True)
            return SlurmRunner(
                lambda claim: execute_command(ground, claim), ground.identity, str(logs), tuple(work.slurm_options)
            )
        case _:
            return LocalRunner(lambda claim: execute_command(ground, claim), ground.database.bell.ring)


def execute_command(ground: GroundSegment, claim: Claim, python: str = sys.executable) -> list[str]:
    """The command line that executes an attempt in a process of its own."""
    config = [] if ground.config is None else ["--config", str(ground.config.resolve())]
    return [python, "-m", "s1pdgs", *config, "execute", str(claim.job), str(claim.fence)]


def workshop_of(ground: GroundSegment) -> Workshop:
    """Where attempts of this host are made."""
    work = ground.settings.work
    return Workshop(
        ground.database,
        ground.store,
        ground.outbox,
        ground.work_root / "jobs",
        timedelta(seconds=work.lease_s),
        BackOff(timedelta(seconds=work.backoff_s)),
        print_trace if ground.settings.log == "json" else nothing,
        ground.identity,
        tuple(work.container_command),
        keep_of(ground),
        work.pin_cores,
    )


def keep_of(ground: GroundSegment) -> Keep:
    """Which working directories of attempts are kept."""
    work = ground.settings.work
    return Keep(work.keep_failed, timedelta(seconds=work.keep_failed_s), work.keep_free_mb)


def _housekeeping_role(ground: GroundSegment) -> Role:
    from s1pdgs.bus import notices  # noqa: PLC0415
    from s1pdgs.jobs.containers import EngineError, find_engine  # noqa: PLC0415
    from s1pdgs.jobs.housekeeping import remove_dead_containers, sweep_attempts, sweep_workdirs  # noqa: PLC0415
    from s1pdgs.publication.auxiliary import withdraw  # noqa: PLC0415
    from s1pdgs.publication.subscriptions.pruning import prune  # noqa: PLC0415
    from s1pdgs.triggers.chains import SHIPPED, Chains  # noqa: PLC0415

    chains = Chains.read(ground.settings.triggers.chains or SHIPPED)
    in_containers = any(route.chain.container is not None for route in chains.routes)
    limits, keep_notices = subscription_limits(ground), timedelta(seconds=ground.settings.notices.keep_s)

    def step() -> bool:
        sweep_workdirs(ground.database, ground.work_root / "jobs", keep_of(ground), ground.outbox.clock.now())
        sweep_attempts(ground.database, ground.store, ground.outbox.clock.now())
        ground.store.remove_abandoned()
        withdraw(ground.database, ground.store)
        prune(ground.database, limits, ground.outbox.clock.now())
        notices.prune(ground.database, ground.outbox.clock.now() - keep_notices)
        if in_containers:
            with suppress(EngineError):  # this host may execute none; those that do look for themselves too
                engine = find_engine(ground.settings.work.container_command)
                remove_dead_containers(ground.database, engine, ground.identity)
        return False

    return Role("housekeeping", step, idle_s=HOUSEKEEPING_S)


def _patrol_role(ground: GroundSegment) -> Role:
    from s1pdgs.publication.patrol import Patrol  # noqa: PLC0415

    days = timedelta(days=ground.settings.store.patrol_days)
    patrol = Patrol(ground.database, ground.store, ground.outbox.clock, days)
    return Role("patrol", patrol.step, idle_s=HOUSEKEEPING_S)


def _publish_role(ground: GroundSegment) -> Role:
    from s1pdgs.publication.auxiliary import make_zip  # noqa: PLC0415
    from s1pdgs.publication.publisher import Patience, publish_step  # noqa: PLC0415

    wanted = ground.settings.publication
    patience = Patience(wanted.max_attempts, wanted.backoff_s, wanted.lease_s)

    def step() -> bool:
        database, store, clock = ground.database, ground.store, ground.outbox.clock
        published = publish_step(database, store, ground.outbox, clock, patience, deflated=wanted.deflated)
        return make_zip(database, store, clock) or published

    return Role("publish", step, waked=True)


def _archive_roles(ground: GroundSegment) -> list[Role]:
    """One that brings back what was ordered, and where there is an archive one that copies into it."""
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.publication.lta.copying import copy_step  # noqa: PLC0415
    from s1pdgs.publication.lta.restore import restore_step  # noqa: PLC0415

    settings, database, store, outbox = ground.settings, ground.database, ground.store, ground.outbox
    restorer, archive = keeping.restorer_of(settings, database, store, outbox), keeping.archive_of(settings)
    idle_s, patience = SWEEP_EVERY.total_seconds(), keeping.patience_of(settings)
    roles = [Role("restore", lambda: restore_step(restorer), idle_s=idle_s)]
    if archive is not None:
        copy = partial(copy_step, database, store, archive, outbox.clock, patience)
        roles.append(Role("archive", copy, idle_s=idle_s))
    return roles


def _retention_role(ground: GroundSegment) -> Role:
    from s1pdgs import keeping  # noqa: PLC0415

    evictor = keeping.evictor_of(ground.settings, ground.database, ground.store, ground.outbox)
    policy = keeping.policy_of(ground.settings, evictor.archive)
    return Role("retention", lambda: keeping.keep(evictor, policy), idle_s=HOUSEKEEPING_S)


def _publication_subscriber(ground: GroundSegment) -> Subscriber:
    from s1pdgs.publication.publisher import Selection, subscriber  # noqa: PLC0415

    wanted = ground.settings.publication
    return subscriber(Selection.of(wanted.types, wanted.internal), ground.outbox.clock)
