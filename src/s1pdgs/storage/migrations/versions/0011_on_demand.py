"""Production orders and jobs of OGC API Processes."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The orders that users place, each with its wish."""
    op.create_table(
        "demand",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("wish_id", _IDENTIFIER, nullable=True, comment="null before it is placed"),
        sa.Column("workflow", sa.Text(), nullable=False, comment="name of the type that is wanted"),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="name of the product that it is made of"),
        sa.Column("start", sa.BigInteger(), nullable=True, comment="of the time of which it is made"),
        sa.Column("stop", sa.BigInteger(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False, comment="name -> value, as they were told"),
        sa.Column("parameters", sa.JSON(), nullable=False, comment="the options that differ from their defaults"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="1 to 100"),
        sa.Column("status", sa.Text(), nullable=False, comment="queued | in_progress | completed | failed | cancelled"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False, comment="names of the products that are its result"),
        sa.Column(
            "product_id", sa.Text(), nullable=True, comment="public identifier of the first product, when completed"
        ),
        sa.Column("size", sa.BigInteger(), nullable=True, comment="bytes of all its zips, when completed"),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("estimated_at", sa.BigInteger(), nullable=True, comment="when it will be done by the pace of late"),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), nullable=False, comment="when its status was brought up to date"),
        sa.Column("told", sa.JSON(), nullable=False, comment="whom it tells, and how: see asked.Listener"),
        sa.Column("login_id", _IDENTIFIER, nullable=True, comment="user and password of the one who is told"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="Repeatability-Request-ID of its request"),
        sa.Column("request_digest", sa.Text(), nullable=True, comment="SHA-256 of that request"),
        sa.ForeignKeyConstraint(["wish_id"], ["wish.id"], name=op.f("fk_demand_wish_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demand")),
        sa.UniqueConstraint("request_id", name=op.f("uq_demand_request_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_demand_uuid")),
    )
    op.create_index("ix_demand_status", "demand", ["status", "looked_at", "id"], unique=False)
    op.create_index("ix_demand_submitted_at", "demand", ["submitted_at", "id"], unique=False)
    op.create_index("ix_demand_workflow", "demand", ["workflow", "submitted_at", "id"], unique=False)
    op.create_index("ix_demand_wish_id", "demand", ["wish_id"], unique=False)
    has_login = sa.text("login_id IS NOT NULL")
    op.create_index(
        "ix_demand_login_id", "demand", ["login_id"], unique=False, sqlite_where=has_login, postgresql_where=has_login
    )
