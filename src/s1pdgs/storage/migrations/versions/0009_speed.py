"""Indexes for what policies choose among products whose bytes are here and for open needs; how far consumers are."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    here = sa.text("evicted_at IS NULL")
    for moment in ("start", "stop", "generated"):
        columns = ["type", "satellite", moment]
        op.create_index(f"ix_product_here_{moment}", "product", columns, sqlite_where=here, postgresql_where=here)
    op.drop_index("ix_order_need_type", table_name="order_need")
    op.create_index("ix_order_need_type", "order_need", ["type", "start", "stop", "order_id"], unique=False)
    told = "no event up to here is unseen"
    op.create_table(
        "caught_up",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment=told),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_caught_up")),
    )
