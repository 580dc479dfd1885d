"""What we offer as a station: identifiers of sessions and files; auxiliary products in the form that they leave in."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAMESPACE = uuid.UUID("5b1e1d0a-4f3c-5b7e-9c55-0f6a7f1c2d15")
_TOGETHER = 1000


def upgrade() -> None:
    _identify("session", ["id"])
    _identify("received_file", ["source", "remote_id"])
    op.create_index("ix_session_first_seen", "session", ["first_seen", "id"], unique=False)
    op.create_index("ix_received_file_stored_at", "received_file", ["stored_at", "uuid"], unique=False)
    op.create_table(
        "auxiliary_offer",
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="of what is served: the file itself, or the zip of a folder"
        ),
        sa.Column("location", sa.Text(), nullable=False, comment="object key of what is served"),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="null, as the checksums, while the zip is not made"),
        sa.Column("md5", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True, comment="null while the zip is not made"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="to make the zip"),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the last attempt failed"),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_auxiliary_offer_product_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_auxiliary_offer")),
    )
    op.create_index("ix_auxiliary_offer_published_at", "auxiliary_offer", ["published_at", "product_id"], unique=False)
    pending = sa.text("published_at IS NULL")
    op.create_index(
        "ix_auxiliary_offer_retry_at",
        "auxiliary_offer",
        ["retry_at"],
        unique=False,
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _identify(name: str, key: Sequence[str]) -> None:
    """Give the rows of a table the identifiers that new ones get (inbox/tables.py)."""
    comment = "by which we offer it"
    op.add_column(name, sa.Column("uuid", sa.Text(), server_default="", nullable=False, comment=comment))
    columns = [sa.column(one, sa.Text) for one in key]
    table = sa.table(name, *columns, sa.column("uuid", sa.Text))
    known = op.get_bind().execute(sa.select(*columns)).all()
    change = (
        table.update()
        .where(*(table.c[one] == sa.bindparam(f"key_{one}") for one in key))
        .values(uuid=sa.bindparam("made"))
    )
    for begin in range(0, len(known), _TOGETHER):
        made = [
            {"made": str(uuid.uuid5(_NAMESPACE, "/".join((name, *row))))}
            | {f"key_{one}": value for one, value in zip(key, row, strict=True)}
            for row in known[begin : begin + _TOGETHER]
        ]
        op.get_bind().execute(change, made)
    op.create_index(f"ix_{name}_uuid", name, ["uuid"], unique=True)
