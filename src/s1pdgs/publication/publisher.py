"""From the catalogue to the users: what is to go out, and its way there."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from attrs import field, frozen

from s1pdgs.bus.events import AnyEvent, ProductCatalogued, ProductPublished, ProductRestored
from s1pdgs.bus.outbox import Outbox, Subscriber
from s1pdgs.catalogue.query import Held
from s1pdgs.catalogue.query import find as find_held
from s1pdgs.catalogue.tables import product as product_table
from s1pdgs.formats.names import NamingError, ProductName
from s1pdgs.model.product import Product
from s1pdgs.model.time import Clock
from s1pdgs.publication import versions
from s1pdgs.publication.archive import DEFLATED, verified_chunks, zip_chunks
from s1pdgs.publication.changes import note_changed
from s1pdgs.publication.errors import CorruptProductError, PublicationError
from s1pdgs.publication.holdings import note
from s1pdgs.publication.tables import publication
from s1pdgs.publication.versions import area_of, first_key, fresh
from s1pdgs.storage.database import Database
from s1pdgs.storage.objects import Checksums, KeyTaken, MissingObject, ObjectStore, StorageError

QUICKLOOK = "preview/quick-look.png"
SUBSCRIBER = "publication"
_log = structlog.get_logger(__name__)


@frozen
class Selection:
    """Which products go out: patterns of whole types; and what stays inside, by "type polarisation consolidation
    processor" (`-` for what a product does not tell).
    """

    types: tuple[re.Pattern[str], ...]
    internal: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, types: Sequence[str], internal: Sequence[str] = ()) -> "Selection":
        return cls(tuple(map(re.compile, types)), tuple(map(re.compile, internal)))

    def wants(self, product: Product) -> bool:
        """Whether a product goes out."""
        if not any(pattern.fullmatch(product.type) for pattern in self.types):
            return False
        told = [str(product.attributes.get(name, "-")) for name in ("productConsolidation", "processorName")]
        kind = " ".join([product.type, _polarisation(product), *told])
        return not any(pattern.fullmatch(kind) for pattern in self.internal)


def _polarisation(product: Product) -> str:
    try:
        return ProductName.parse(product.name).polarisation
    except NamingError:
        return "-"


@frozen
class Patience:
    """How often a publication is tried, how long is waited after the first failure (doubled after each), and after
    how long a publisher that fell silent is taken for dead."""

    max_attempts: int = 5
    backoff_s: float = 10.0
    lease_s: float = 120.0

    def wait(self, attempts: int) -> timedelta:
        return timedelta(seconds=self.backoff_s * 2.0 ** min(attempts - 1, 12))


DEFAULT_PATIENCE = Patience()


@frozen
class _Claim:
    """A publication that this process works on; `key` is where its zip goes when another version was there before."""

    held: Held
    attempts: int
    key: str | None


@frozen
class _Archived:
    """What a publication stored."""

    key: str
    sums: Checksums
    quicklook: str | None


def subscriber(selection: Selection, clock: Clock) -> Subscriber:
    """The consumer of news that asks for the publication of what goes out: new products, new versions of published
    ones, and what came in again.
    """

    def handle(connection: sa.Connection, event: AnyEvent) -> None:
        assert isinstance(event, ProductCatalogued | ProductRestored)  # noqa: S101  the only types subscribed to
        held = find_held(connection, event.product)
        if held is None or (isinstance(event, ProductRestored) and held.returned_at is None):
            return
        row = connection.execute(sa.select(publication).where(publication.c.product_id == held.id)).one_or_none()
        if row is None and selection.wants(held.product):
            request(connection, held.name, clock.now())
        elif row is not None and isinstance(event, ProductRestored):
            versions.go_online_again(connection, held, row, clock.now())
        elif row is not None and row.requested_at < held.catalogued_at:
            versions.replace(connection, held, row, clock.now())

    return Subscriber(SUBSCRIBER, frozenset({ProductCatalogued.__name__, ProductRestored.__name__}), handle)


def request(connection: sa.Connection, product: str, now: datetime) -> bool:
    """Ask for the publication of a product; False, with nothing changed, when it was asked for before.

    Raises `PublicationError` for a name that the catalogue does not have.
    """
    known = sa.select(product_table.c.id, product_table.c.footprint).where(product_table.c.name == product)
    held = connection.execute(known).one_or_none()
    if held is None:
        raise PublicationError(f"product {product} is not in the catalogue; only catalogued products are published")
    asked = connection.scalar(sa.select(publication.c.state).where(publication.c.product_id == held.id))
    if asked is not None:
        return False
    row = {"product_id": held.id, "requested_at": now, "area": area_of(held.footprint), **fresh(now)}
    connection.execute(publication.insert().values(**row))
    return True


def publish_again(connection: sa.Connection, product: str, now: datetime) -> bool:
    """Give a failed publication new attempts; False when the product has no failed one."""
    failed = sa.and_(
        publication.c.state == "failed",
        publication.c.product_id.in_(sa.select(product_table.c.id).where(product_table.c.name == product)),
    )
    return connection.execute(publication.update().where(failed).values(**fresh(now))).rowcount == 1


def publish_step(
    database: Database,
    store: ObjectStore,
    outbox: Outbox,
    clock: Clock,
    patience: Patience = DEFAULT_PATIENCE,
    *,
    deflated: Sequence[str] = DEFLATED,
    date: Callable[[sa.Connection, Sequence[int]], object] = lambda _connection, _numbers: None,
) -> bool:
    """Publish the product that waits longest; False when none is due. Files that match `deflated` shrink in its zip;
    `date` writes when it goes.

    A failed attempt is recorded with its reason and tried again later, or given up as `failed`. A store that is full or
    away is waited for as long as it takes, for that is not held against the product. A publisher that dies
    is replaced after its lease; the zip that it left behind has the bytes that the next one writes.
    """
    claim = _claim(database, clock, patience)
    if claim is None:
        return False
    try:
        lease = _Lease(database, clock, claim.held.id, patience.lease_s)
        archived = _archive(database, store, claim, lease, deflated)
        with database.write() as connection:
            if _mark_published(connection, claim.held.id, archived, clock.now()):
                date(connection, [claim.held.id])
                outbox.emit(connection, ProductPublished(claim.held.name))
    except (OSError, PublicationError) as error:
        _record_failure(database, clock, claim, patience, error)
    else:
        _log.info("product published", product=claim.held.name, bytes=archived.sums.size, attempt=claim.attempts)
    return True


def _claim(database: Database, clock: Clock, patience: Patience) -> _Claim | None:
    """Take the publication that is due first; the attempt counts from now, so one that kills its process ends too."""
    now = clock.now()
    due = (
        sa.select(publication.c.product_id, publication.c.attempts, publication.c.location, product_table.c.name)
        .join(product_table, product_table.c.id == publication.c.product_id)
        .where(publication.c.state == "pending", publication.c.retry_at <= now)
        .order_by(publication.c.retry_at, publication.c.product_id)
        .limit(1)
    )
    with database.write() as connection:
        row = connection.execute(due).first()
        if row is None:
            return None
        attempts = row.attempts + 1
        if row.attempts >= patience.max_attempts:
            reason = f"the publisher died in each of {row.attempts} attempts"
            given_up = {"state": "failed", "reason": reason}
            connection.execute(_of(row.product_id).values(**given_up))
            return None
        lease = now + timedelta(seconds=patience.lease_s)
        still_due = _of(row.product_id).where(publication.c.state == "pending", publication.c.attempts == row.attempts)
        if connection.execute(still_due.values(attempts=attempts, retry_at=lease)).rowcount != 1:
            return None
        held = find_held(connection, row.name)
    return None if held is None else _Claim(held, attempts, row.location)


def _archive(
    database: Database, store: ObjectStore, claim: _Claim, lease: "_Lease", deflated: Sequence[str]
) -> _Archived:
    product = claim.held.product
    if claim.held.evicted_at is not None:
        raise CorruptProductError(f"{product.name} was evicted before it could be published")
    key = claim.key or first_key(product.name)
    try:
        sums = store.put(key, zip_chunks(store, product, lease.renew, deflated))
    except KeyTaken:
        _remove_leftover(database, store, claim.held.id, key)
        raise
    return _Archived(key, sums, _store_quicklook(store, product, f"{key.removesuffix('.zip')}.png"))


def _store_quicklook(store: ObjectStore, product: Product, key: str) -> str | None:
    image = next((stored for stored in product.files if stored.path == QUICKLOOK), None)
    if image is None:
        return None
    store.put(key, verified_chunks(store, product, image))
    return key


def _mark_published(connection: sa.Connection, number: int, archived: _Archived, now: datetime) -> bool:
    """False when another publisher was quicker: the product is told once."""
    done = {
        "state": "published", "reason": None, "location": archived.key, "size": archived.sums.size,
        "md5": archived.sums.md5, "sha256": archived.sums.sha256, "quicklook": archived.quicklook, "published_at": now,
    }  # fmt: skip
    if connection.execute(_of(number).where(publication.c.state == "pending").values(**done)).rowcount != 1:
        return False
    note(connection, number)
    note_changed(connection, [number], now)
    return True


def _remove_leftover(database: Database, store: ObjectStore, number: int, key: str) -> None:
    """A zip that nobody was told of, of an attempt under other rules or another zlib, or of a replaced product."""
    with database.write() as connection:
        state = connection.scalar(sa.select(publication.c.state).where(publication.c.product_id == number))
        if state == "pending":
            store.delete(key)


def _record_failure(database: Database, clock: Clock, claim: _Claim, patience: Patience, error: Exception) -> None:
    is_stores = isinstance(error, StorageError) and not isinstance(error, KeyTaken | MissingObject)
    final, reason = claim.attempts >= patience.max_attempts and not is_stores, str(error)
    changes = {
        "state": "failed" if final else "pending",
        "attempts": claim.attempts - is_stores,
        "reason": reason,
        "retry_at": clock.now() + patience.wait(patience.max_attempts if is_stores else claim.attempts),
    }
    with database.write() as connection:
        connection.execute(_of(claim.held.id).where(publication.c.state == "pending").values(**changes))
    _log.warning("publication failed", product=claim.held.name, attempt=claim.attempts, final=final, reason=reason)


def _of(number: int) -> sa.Update:
    return publication.update().where(publication.c.product_id == number)


@frozen
class _Lease:
    """Keeps other publishers away while this one is at work on a large product."""

    database: Database
    clock: Clock
    number: int
    length_s: float
    _renewed: list[datetime] = field(factory=list)

    def renew(self) -> None:
        """Prolong the lease when a third of it has passed."""
        now = self.clock.now()
        if not self._renewed:
            self._renewed.append(now)
        if now - self._renewed[0] < timedelta(seconds=self.length_s / 3):
            return
        self._renewed[0] = now
        until = now + timedelta(seconds=self.length_s)
        with self.database.write() as connection:
            connection.execute(_of(self.number).where(publication.c.state == "pending").values(retry_at=until))
