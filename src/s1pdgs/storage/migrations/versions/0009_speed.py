"""Indexes for what selection policies look for among products whose bytes are here."""

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
