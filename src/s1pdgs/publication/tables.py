"""What goes out: the published form of products."""

import sqlalchemy as sa

from s1pdgs.catalogue.tables import product
from s1pdgs.storage.database import Identifier, Micros, metadata

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="pending | published | failed"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", Micros, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("location", sa.Text, comment="object key of the zip"),
    sa.Column("size", sa.BigInteger),
    sa.Column("md5", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("quicklook", sa.Text, comment="object key of the quicklook image"),
    sa.Column("requested_at", Micros, nullable=False),
    sa.Column("published_at", Micros),
    sa.Column("area", sa.LargeBinary, comment="footprint as well-known binary, valid and cut at the dateline"),
    sa.Column("verified_at", Micros, comment="when the stored zip was read again and was as published"),
    sa.Column("archived_at", Micros, comment="when the archive had a verified copy; null while it has none"),
    sa.Column("evicted_at", Micros, comment="when the zip went; null while it can be downloaded"),
    sa.Column("evict_at", Micros, comment="when the zip goes by its rule; null for never"),
    sa.Column("restored_until", Micros, comment="of one that was ordered: it stays until then"),
)
sa.Index("ix_publication_published", publication.c.published_at, publication.c.product_id)
sa.Index("ix_publication_state", publication.c.state, publication.c.retry_at)
_GOES = sa.and_(publication.c.evicted_at.is_(None), publication.c.evict_at.is_not(None))
sa.Index(
    "ix_publication_evict_at",
    publication.c.evict_at,
    publication.c.product_id,
    sqlite_where=_GOES,
    postgresql_where=_GOES,
)

auxiliary_offer = sa.Table(
    "auxiliary_offer",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, comment="of what is served: the file itself, or the zip of a folder"),
    sa.Column("location", sa.Text, nullable=False, comment="object key of what is served"),
    sa.Column("size", sa.BigInteger, comment="null, as the checksums, while the zip is not made"),
    sa.Column("md5", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("published_at", Micros, comment="null while the zip is not made"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="to make the zip"),
    sa.Column("retry_at", Micros, nullable=False),
    sa.Column("reason", sa.Text, comment="why the last attempt failed"),
)
sa.Index("ix_auxiliary_offer_published_at", auxiliary_offer.c.published_at, auxiliary_offer.c.product_id)
_PENDING = auxiliary_offer.c.published_at.is_(None)
sa.Index("ix_auxiliary_offer_retry_at", auxiliary_offer.c.retry_at, sqlite_where=_PENDING, postgresql_where=_PENDING)

published_type = sa.Table(
    "published_type",
    metadata,
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("held", sa.BigInteger, nullable=False, comment="how many products were published"),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("west", sa.Float, comment="of the box around all footprints, in degrees"),
    sa.Column("south", sa.Float),
    sa.Column("east", sa.Float),
    sa.Column("north", sa.Float),
    sa.Column("told", sa.JSON, nullable=False, comment="name -> values that its products have: see holdings.py"),
)

archive_copy = sa.Table(
    "archive_copy",
    metadata,
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="pending | stored | failed"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column(
        "due_at", Micros, nullable=False, comment="of a pending one: when it is tried, or taken from a dead process"
    ),
    sa.Column("reason", sa.Text),
)
_PENDING = archive_copy.c.state == sa.literal("pending", literal_execute=True)
sa.Index("ix_archive_copy_due_at", archive_copy.c.due_at, sqlite_where=_PENDING, postgresql_where=_PENDING)

restore = sa.Table(
    "lta_restore",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="queued | running | done | failed | cancelled"),
    sa.Column("priority", sa.Integer, nullable=False, comment="the highest of its orders, 1 to 100"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0, comment="only the newest may bring it online"),
    sa.Column("due_at", Micros, nullable=False, comment="when it is tried, or taken from a dead process"),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes of the zip"),
    sa.Column("files", sa.Boolean, nullable=False, comment="the files come back too, for jobs to read"),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("started_at", Micros, comment="of the last attempt"),
    sa.Column("ended_at", Micros),
)
OPEN = restore.c.ended_at.is_(None)
sa.Index("ix_lta_restore_product_id", restore.c.product_id, unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
sa.Index("ix_lta_restore_turn", restore.c.priority.desc(), restore.c.id, sqlite_where=OPEN, postgresql_where=OPEN)

lta_order = sa.Table(
    "lta_order",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("product_id", sa.ForeignKey(product.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("restore_id", sa.ForeignKey(restore.c.id), comment="null when the product was online"),
    sa.Column("status", sa.Text, nullable=False, comment="queued | in_progress | completed | failed | cancelled"),
    sa.Column("message", sa.Text),
    sa.Column("size", sa.BigInteger, nullable=False, comment="bytes of the zip"),
    sa.Column("priority", sa.Integer, nullable=False, comment="1 to 100, 100 first"),
    sa.Column("notify", sa.Text, comment="URL that is told when it has ended"),
    sa.Column("login_id", sa.BigInteger, comment="number of the user and password that the receiver wants"),
    sa.Column("submitted_at", Micros, nullable=False),
    sa.Column("estimated_at", Micros),
    sa.Column("completed_at", Micros),
    sa.Column("evict_at", Micros, comment="when the zip goes again"),
)
sa.Index("ix_lta_order_restore_id", lta_order.c.restore_id)
sa.Index("ix_lta_order_submitted_at", lta_order.c.submitted_at, lta_order.c.id)

retention_walk = sa.Table(
    "retention_walk",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rules", sa.Text, nullable=False, comment="SHA-256 of the rules that products are dated by"),
    sa.Column("begun_at", Micros, nullable=False, comment="when these rules were first seen"),
    sa.Column("reached", Identifier, nullable=False, comment="products up to this number are dated by them"),
    sa.Column("ended_at", Micros),
)
