"""Retention, eviction and orders of what is offline.

What was evicted before has neither files nor zip.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    comment = "when its files go by their rule; null for never"
    op.add_column("product", sa.Column("evict_at", sa.BigInteger(), nullable=True, comment=comment))
    comment = "since when neither files nor zip are here; null while one of them is"
    op.add_column("product", sa.Column("gone_at", sa.BigInteger(), nullable=True, comment=comment))
    _partial("ix_product_evict_at", "product", ["evict_at", "id"], "evicted_at IS NULL AND evict_at IS NOT NULL")
    for name, comment in _PUBLICATION.items():
        op.add_column("publication", sa.Column(name, sa.BigInteger(), nullable=True, comment=comment))
    op.execute(
        "UPDATE publication SET evicted_at = (SELECT evicted_at FROM product WHERE product.id = publication.product_id)"
        " WHERE product_id IN (SELECT id FROM product WHERE evicted_at IS NOT NULL)"
    )
    _partial(
        "ix_publication_evict_at",
        "publication",
        ["evict_at", "product_id"],
        "evicted_at IS NULL AND evict_at IS NOT NULL",
    )
    op.execute("UPDATE product SET gone_at = evicted_at WHERE evicted_at IS NOT NULL")
    _make_catalogue()
    _make_archive()
    _make_orders()


_PUBLICATION = {
    "verified_at": "when the stored zip was read again and was as published",
    "archived_at": "when the archive had a verified copy; null while it has none",
    "evicted_at": "when the zip went; null while it can be downloaded",
    "evict_at": "when the zip goes by its rule; null for never",
    "restored_until": "of one that was ordered: it stays until then",
}


def _make_catalogue() -> None:
    op.create_table(
        "legal_hold",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="who ordered it, and by which door"),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True, comment="null while it holds"),
        sa.Column("released_by", sa.Text(), nullable=True),
        _of_product("legal_hold"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index("ix_legal_hold_product_id", "legal_hold", ["product_id"], unique=False)
    op.create_table(
        "garbage",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False, comment="of objects that no row claims any more"),
        sa.Column(
            "product_id",
            _IDENTIFIER,
            nullable=True,
            comment="of its files below the prefix only; null for all that is there",
        ),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=False,
            comment="they are left alone before: somebody may still read them",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_garbage")),
    )
    op.create_index("ix_garbage_due_at", "garbage", ["due_at"], unique=False)


def _make_archive() -> None:
    op.create_table(
        "archive_copy",
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending | stored | failed"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "due_at",
            sa.BigInteger(),
            nullable=False,
            comment="of a pending one: when it is tried, or taken from a dead process",
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        _of_product("archive_copy"),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_archive_copy")),
    )
    _partial("ix_archive_copy_due_at", "archive_copy", ["due_at"], "state = 'pending'")
    op.create_table(
        "retention_walk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False, comment="SHA-256 of the rules that products are dated by"),
        sa.Column("begun_at", sa.BigInteger(), nullable=False, comment="when these rules were first seen"),
        sa.Column("reached", _IDENTIFIER, nullable=False, comment="products up to this number are dated by them"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_walk")),
    )


def _make_orders() -> None:
    op.create_table(
        "lta_restore",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="queued | running | done | failed | cancelled"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="the highest of its orders, 1 to 100"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="only the newest may bring it online"),
        sa.Column("due_at", sa.BigInteger(), nullable=False, comment="when it is tried, or taken from a dead process"),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes of the zip"),
        sa.Column("files", sa.Boolean(), nullable=False, comment="the files come back too, for jobs to read"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True, comment="of the last attempt"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        _of_product("lta_restore"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lta_restore")),
    )
    _partial("ix_lta_restore_product_id", "lta_restore", ["product_id"], "ended_at IS NULL", unique=True)
    turn: list[str | sa.ColumnElement[int]] = [sa.literal_column("priority DESC"), "id"]
    _partial("ix_lta_restore_turn", "lta_restore", turn, "ended_at IS NULL")
    op.create_table(
        "lta_order",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column("restore_id", _IDENTIFIER, nullable=True, comment="null when the product was online"),
        sa.Column("status", sa.Text(), nullable=False, comment="queued | in_progress | completed | failed | cancelled"),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="bytes of the zip"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="1 to 100, 100 first"),
        sa.Column("notify", sa.Text(), nullable=True, comment="URL that is told when it has ended"),
        sa.Column("login_id", sa.BigInteger(), nullable=True, comment="number of the login that the receiver wants"),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("estimated_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("evict_at", sa.BigInteger(), nullable=True, comment="when the zip goes again"),
        _of_product("lta_order"),
        sa.ForeignKeyConstraint(["restore_id"], ["lta_restore.id"], name=op.f("fk_lta_order_restore_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lta_order")),
        sa.UniqueConstraint("uuid", name=op.f("uq_lta_order_uuid")),
    )
    op.create_index("ix_lta_order_restore_id", "lta_order", ["restore_id"], unique=False)
    _partial("ix_lta_order_login_id", "lta_order", ["login_id"], "login_id IS NOT NULL")
    op.create_index("ix_lta_order_submitted_at", "lta_order", ["submitted_at", "id"], unique=False)


def _of_product(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["product_id"], ["product.id"], name=op.f(f"fk_{table}_product_id"), ondelete="CASCADE"
    )


def _partial(
    name: str, table: str, columns: list[str | sa.ColumnElement[int]], condition: str, *, unique: bool = False
) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
