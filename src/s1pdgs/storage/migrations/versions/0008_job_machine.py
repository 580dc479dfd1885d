"""What operators did to jobs, and indexes of the jobs that have not ended, small however many have."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "job_action",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("job_id", _IDENTIFIER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="who did it, and by which door"),
        sa.Column("action", sa.Text(), nullable=False, comment="retry | replan | edit | park | cancel | drop"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "changes",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="of an edit: by name, the value before and after",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_action_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_action")),
    )
    op.create_index("ix_job_action_job_id", "job_action", ["job_id"], unique=False)
    op.drop_index("ix_job_claim", table_name="job")
    _partial("ix_job_ready", "job", [sa.literal_column("priority DESC"), "t0", "id", "visible_at"], "state = 'ready'")
    _partial("ix_job_running", "job", ["lease_until"], "state = 'running'")
    op.create_index("ix_job_state", "job", ["state", "id"], unique=False)
    op.create_index("ix_job_chain", "job", ["chain", "state", "id"], unique=False)
    _partial("ix_job_attempt_unswept", "job_attempt", ["ended_at"], "outcome != 'done' AND swept_at IS NULL")


def _partial(name: str, table: str, columns: list[str | sa.ColumnElement[int]], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
