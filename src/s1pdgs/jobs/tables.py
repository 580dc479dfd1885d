"""What must run: jobs with their lease and fence, and the attempts at them."""

from typing import Any

import sqlalchemy as sa

from s1pdgs.model.job import JobState
from s1pdgs.storage.database import Identifier, Micros, metadata

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("round", sa.Integer, nullable=False, comment="of its order, from 1"),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False, comment="what to run: see jobs/spec.py"),
    sa.Column("t0", Micros, nullable=False),
    sa.Column("timeliness", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("visible_at", Micros, nullable=False, comment="not claimed before: back-off"),
    sa.Column("fence", sa.Integer, nullable=False, default=0, comment="attempt number; only the newest may publish"),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", Micros),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("started_at", Micros),
    sa.Column("finished_at", Micros),
    sa.Column("progress", sa.Text, comment="the processor's last progress line"),
    sa.Column("reason", sa.Text, comment="why the last attempt failed"),
    sa.Column("log_tail", sa.Text),
    sa.UniqueConstraint("order_id", "round"),
)


def _partial(name: str, *columns: sa.ColumnElement[Any], where: sa.ColumnElement[bool]) -> None:
    sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


READY, RUNNING = (
    job.c.state == sa.literal(str(state), literal_execute=True) for state in (JobState.READY, JobState.RUNNING)
)
"""Conditions that stand in a statement as text, so that both databases see which partial index serves it."""
_partial("ix_job_ready", job.c.priority.desc(), job.c.t0, job.c.id, job.c.visible_at, where=READY)
_partial("ix_job_running", job.c.lease_until, where=RUNNING)
sa.Index("ix_job_state", job.c.state, job.c.id)
sa.Index("ix_job_chain", job.c.chain, job.c.state, job.c.id)

attempt = sa.Table(
    "job_attempt",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("fence", sa.Integer, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("started_at", Micros, nullable=False),
    sa.Column("ended_at", Micros),
    sa.Column("outcome", sa.Text, comment="done | failed | lost | parked"),
    sa.Column("exit_code", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("log", sa.Text, comment="object key of the whole log"),
    sa.Column("swept_at", Micros, comment="when the objects that it left unpublished were removed"),
    sa.Column(
        "cpu_s", sa.Float, comment="processor time of its programs; null while it runs and when its process died"
    ),
    sa.Column("peak_mb", sa.Integer, comment="most memory at a time"),
    sa.Column("disk_mb", sa.Integer, comment="most disk at a time"),
)

UNSWEPT = sa.and_(attempt.c.outcome != sa.literal("done", literal_execute=True), attempt.c.swept_at.is_(None))
"""Attempts that may have left objects which nobody published."""
_partial("ix_job_attempt_unswept", attempt.c.ended_at, where=UNSWEPT)

action = sa.Table(
    "job_action",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.ForeignKey(job.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("at", Micros, nullable=False),
    sa.Column("actor", sa.Text, nullable=False, comment="who did it, and by which door"),
    sa.Column("action", sa.Text, nullable=False, comment="retry | replan | edit | park | cancel | drop"),
    sa.Column("reason", sa.Text),
    sa.Column("changes", sa.JSON(none_as_null=True), comment="of an edit: by name, the value before and after"),
)
sa.Index("ix_job_action_job_id", action.c.job_id)

job_input = sa.Table(
    "job_input",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
)

sa.Index("ix_job_input_product", job_input.c.product)

job_output = sa.Table(
    "job_output",
    metadata,
    sa.Column("job_id", sa.ForeignKey(job.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("product", sa.Text, primary_key=True),
)
sa.Index("ix_job_output_product", job_output.c.product)

tally = sa.Table(
    "job_tally",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""How many jobs have ended in each state that is an end, kept by triggers (migration 0014)."""
