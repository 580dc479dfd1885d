"""Copies in the archive, restores and the orders that want them, and how far products are dated by new rules."""

import sqlalchemy as sa

from s1pdgs.catalogue.tables import product
from s1pdgs.storage.database import Identifier, Micros, metadata

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
    sa.Column("location", sa.Text, nullable=False, server_default="", comment="object key in the archive"),
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
_HAS_ENDED = restore.c.ended_at.is_not(None)
sa.Index("ix_lta_restore_ended_at", restore.c.ended_at, sqlite_where=_HAS_ENDED, postgresql_where=_HAS_ENDED)
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
_HAS_LOGIN = lta_order.c.login_id.is_not(None)
sa.Index("ix_lta_order_login_id", lta_order.c.login_id, sqlite_where=_HAS_LOGIN, postgresql_where=_HAS_LOGIN)
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
