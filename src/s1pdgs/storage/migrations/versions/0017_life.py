"""The life after publication: when a product changed last, files that came back, and what was found damaged."""

import sqlalchemy as sa
from alembic import op

from s1pdgs.storage.upgrade import in_parts, without_indexes

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ENDED = sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    changed = "when what users see of it changed last, for no two products the same; null before it is published"
    op.add_column("publication", sa.Column("modified_at", sa.BigInteger(), nullable=True, comment=changed))
    modified = (
        "UPDATE publication SET modified_at = coalesce(evicted_at, published_at)"
        " WHERE published_at IS NOT NULL AND product_id {part}"
    )
    with without_indexes(op.get_bind(), "publication"):
        in_parts(op.get_bind(), modified, "publication", "product_id")
    op.create_index("ix_publication_modified", "publication", ["modified_at", "product_id"], unique=False)
    returned = "when files that had gone came in again: they are kept from then on"
    op.add_column("product", sa.Column("returned_at", sa.BigInteger(), nullable=True, comment=returned))
    kept = sa.Column("location", sa.Text(), server_default="", nullable=False, comment="object key in the archive")
    op.add_column("archive_copy", kept)
    op.execute(
        "UPDATE archive_copy SET location = 'archived/' ||"
        " (SELECT name FROM product WHERE product.id = archive_copy.product_id) || '.zip'"
    )
    op.create_table(
        "damaged_object",
        sa.Column("product_id", _IDENTIFIER, nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="store | archive"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False, comment="missing | damaged"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_damaged_object_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "place", "key", name=op.f("pk_damaged_object")),
    )
    op.create_table(
        "patrol",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reached", _IDENTIFIER, nullable=False, comment="the product that was looked at last"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol")),
    )
    for table in ("wish", "demand", "lta_restore"):
        op.create_index(
            f"ix_{table}_ended_at", table, ["ended_at"], unique=False, sqlite_where=_ENDED, postgresql_where=_ENDED
        )
