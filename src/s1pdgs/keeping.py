"""What the settings say of how long products are kept, of the archive, and of what brings them back."""

from datetime import datetime, timedelta

from s1pdgs.bus.outbox import Outbox, deliver
from s1pdgs.catalogue.lifecycle import sweep_garbage
from s1pdgs.catalogue.retention import SHIPPED, Retention, RetentionError
from s1pdgs.publication.lta import pruning as lta
from s1pdgs.publication.lta.copying import Archive
from s1pdgs.publication.lta.dating import Policy, subscriber, walk
from s1pdgs.publication.lta.eviction import Evictor, evict_step
from s1pdgs.publication.lta.orders import Terms, forget_logins
from s1pdgs.publication.lta.restore import Restorer
from s1pdgs.publication.mending import Mender
from s1pdgs.publication.on_demand import pruning as on_demand
from s1pdgs.publication.publisher import Patience
from s1pdgs.settings import Settings, SettingsError
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import ObjectStore
from s1pdgs.store import open_archive
from s1pdgs.triggers.wanted import pruning as wanted


def archive_of(settings: Settings) -> Archive | None:
    """The archive, None where none is set. `SettingsError` for a folder that is not there."""
    store = open_archive(settings)
    return None if store is None else Archive.of(store, settings.archive.types)


def policy_of(settings: Settings, archive: Archive | None) -> Policy:
    """When products go. `SettingsError` for rules that cannot be used."""
    wanted = settings.retention
    try:
        rules = Retention.read(wanted.rules or SHIPPED)
    except RetentionError as error:
        raise SettingsError(str(error)) from None
    return Policy(rules, timedelta(seconds=wanted.notice_s), archive)


def evictor_of(settings: Settings, database: Database, store: ObjectStore, outbox: Outbox) -> Evictor:
    """What lets products go."""
    return Evictor(database, store, outbox, archive_of(settings), timedelta(seconds=settings.retention.grace_s))


def mender_of(settings: Settings, database: Database, store: ObjectStore) -> Mender:
    """What reads objects again and lets them be made again."""
    archive = archive_of(settings)
    return Mender(database, store, None if archive is None else archive.store)


def terms_of(settings: Settings, archive: Archive | None) -> Terms:
    """How orders of what is offline are served."""
    wanted = settings.archive
    store = None if archive is None else archive.store
    return Terms.of(timedelta(seconds=wanted.stay_s), store, wanted.files_of)


def patience_of(settings: Settings) -> Patience:
    """How often copies and restores are tried."""
    wanted = settings.archive
    return Patience(wanted.max_attempts, wanted.backoff_s, wanted.lease_s)


def restorer_of(settings: Settings, database: Database, store: ObjectStore, outbox: Outbox) -> Restorer:
    """What brings products back."""
    archive = archive_of(settings)
    terms, policy = terms_of(settings, archive), policy_of(settings, archive)
    return Restorer(database, store, outbox, terms, policy, patience_of(settings), settings.publication.deflated)


def keep(evictor: Evictor, policy: Policy) -> bool:
    """Date what came or what new rules are for, let go what is due, and remove the objects of what went; whether there
    was anything to do. Logins of orders that are done and told are forgotten.
    """
    database, now = evictor.database, evictor.outbox.clock.now()
    with database.write() as connection:
        forget_logins(connection)
    walked = walk(database, policy, now)
    dated = deliver(database, subscriber(policy))
    evicted = evict_step(evictor)
    return bool(sweep_garbage(database, evictor.store, now)) | walked | bool(dated) | evicted


def prune_orders(settings: Settings, database: Database, now: datetime) -> int:
    """Delete orders and wishes that ended longer ago than the settings keep them; how many rows."""

    def before(seconds: float) -> datetime:
        return now - timedelta(seconds=seconds)

    return (
        lta.prune(database, before(settings.archive.keep_orders_s))
        + on_demand.prune(database, before(settings.on_demand.keep_s))
        + wanted.prune(database, before(settings.triggers.keep_wishes_s), on_demand.keeps_wish())
    )
