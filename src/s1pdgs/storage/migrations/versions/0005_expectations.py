"""Planned data takes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "acquisition_plan",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the product MPL_ACQPLN that it was read from"),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="of the time that it is about"),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column(
            "made", sa.BigInteger(), nullable=False, comment="of two plans for one time the one made later counts"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acquisition_plan")),
        sa.UniqueConstraint("name", name=op.f("uq_acquisition_plan_name")),
    )
    op.create_index("ix_acquisition_plan_satellite", "acquisition_plan", ["satellite", "stop"], unique=False)
    op.create_table(
        "planned_datatake",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("plan_id", _IDENTIFIER, nullable=False),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column(
            "datatake", sa.Integer(), nullable=True, comment="mission data take identifier, where the plan tells it"
        ),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("swath", sa.Text(), nullable=True, comment="of modes with a single one"),
        sa.Column("polarisation", sa.Text(), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("orbit", sa.Integer(), nullable=True, comment="absolute, at its start"),
        sa.Column(
            "replaced_by",
            sa.BigInteger(),
            nullable=True,
            comment="the newer plan for its time; null while it is planned",
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["acquisition_plan.id"], name=op.f("fk_planned_datatake_plan_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_datatake")),
    )
    op.create_index("ix_planned_datatake_start", "planned_datatake", ["start"], unique=False)
    op.create_index("ix_planned_datatake_identifier", "planned_datatake", ["datatake", "satellite"], unique=False)
