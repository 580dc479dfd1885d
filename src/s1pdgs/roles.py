"""The roles of a ground segment: loops that each do one kind of work."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from attrs import field, frozen

from s1pdgs.bus.outbox import Subscriber, deliver
from s1pdgs.ground import GroundSegment, courier_of, keep_of, limits_of, runner_of, station_profile
from s1pdgs.jobs.queue import BackOff
from s1pdgs.jobs.supervisor import Supervisor
from s1pdgs.settings import Source

ROLES = ("stations", "triggers", "work", "publish", "housekeeping", "serve")
IDLE_S = 0.2
HOUSEKEEPING_S = 60.0
COURIER_S = 1.0
SWEEP_EVERY = timedelta(seconds=5)


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
        subscriptions.subscriber(ground.outbox.clock, limits_of(ground.settings.subscriptions)),
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
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.bus.notices import send_due  # noqa: PLC0415
    from s1pdgs.publication.subscriptions.queue import push_step  # noqa: PLC0415

    courier, clock = courier_of(ground.settings.notices), ground.outbox.clock
    terms = keeping.terms_of(ground.settings, keeping.archive_of(ground.settings))

    def step() -> bool:
        return push_step(ground.database, clock, terms) | send_due(ground.database, courier, clock)

    return Role(f"notices:{number}", step, idle_s=COURIER_S)


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


def _housekeeping_role(ground: GroundSegment) -> Role:
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.bus import notices  # noqa: PLC0415
    from s1pdgs.jobs.containers import EngineError, find_engine  # noqa: PLC0415
    from s1pdgs.jobs.housekeeping import remove_dead_containers, sweep_attempts, sweep_workdirs  # noqa: PLC0415
    from s1pdgs.publication.auxiliary import withdraw  # noqa: PLC0415
    from s1pdgs.publication.subscriptions.pruning import prune  # noqa: PLC0415
    from s1pdgs.triggers.chains import SHIPPED, Chains  # noqa: PLC0415

    chains = Chains.read(ground.settings.triggers.chains or SHIPPED)
    in_containers = any(route.chain.container is not None for route in chains.routes)
    limits, keep_notices = limits_of(ground.settings.subscriptions), timedelta(seconds=ground.settings.notices.keep_s)

    def step() -> bool:
        sweep_workdirs(ground.database, ground.work_root / "jobs", keep_of(ground), ground.outbox.clock.now())
        sweep_attempts(ground.database, ground.store, ground.outbox.clock.now())
        ground.store.remove_abandoned()
        withdraw(ground.database, ground.store)
        prune(ground.database, limits, ground.outbox.clock.now())
        notices.prune(ground.database, ground.outbox.clock.now() - keep_notices)
        keeping.prune_orders(ground.settings, ground.database, ground.outbox.clock.now())
        if in_containers:
            with suppress(EngineError):  # this host may execute none; those that do look for themselves too
                engine = find_engine(ground.settings.work.container_command)
                remove_dead_containers(ground.database, engine, ground.identity)
        return False

    return Role("housekeeping", step, idle_s=HOUSEKEEPING_S)


def _patrol_role(ground: GroundSegment) -> Role:
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.publication.patrol import Patrol  # noqa: PLC0415

    wanted = ground.settings.store
    mender = keeping.mender_of(ground.settings, ground.database, ground.store)
    patrol = Patrol(mender, ground.outbox.clock, timedelta(days=wanted.patrol_days), wanted.patrol_mb_s * 1e6)
    return Role("patrol", patrol.step, idle_s=HOUSEKEEPING_S)


def _publish_role(ground: GroundSegment) -> Role:
    from s1pdgs import keeping  # noqa: PLC0415
    from s1pdgs.publication.auxiliary import make_zip  # noqa: PLC0415
    from s1pdgs.publication.lta.dating import date  # noqa: PLC0415
    from s1pdgs.publication.publisher import Patience, publish_step  # noqa: PLC0415

    wanted = ground.settings.publication
    policy = keeping.policy_of(ground.settings, keeping.archive_of(ground.settings))
    patience = Patience(wanted.max_attempts, wanted.backoff_s, wanted.lease_s)

    def step() -> bool:
        database, store, clock = ground.database, ground.store, ground.outbox.clock
        published = publish_step(
            database,
            store,
            ground.outbox,
            clock,
            patience,
            deflated=wanted.deflated,
            date=lambda connection, numbers: date(connection, policy, numbers),
        )
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
