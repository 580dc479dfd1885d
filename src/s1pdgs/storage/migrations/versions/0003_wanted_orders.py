"""Orders that somebody wants: what of, with which parameters and priority."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "what it was asked for: see triggers/wanted/inheritance.py; null for orders that data caused"
    op.add_column("production_order", sa.Column("wanted", sa.JSON(none_as_null=True), nullable=True, comment=comment))
