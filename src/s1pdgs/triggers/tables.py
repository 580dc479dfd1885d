"""What the catalogue makes possible: orders and the needs that they wait for."""

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata

order = sa.Table(
    "production_order",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("unit", sa.Text, nullable=False, comment="what it processes: a session, a datatake, a slice"),
    sa.Column("trigger", sa.Text, nullable=False, comment="name of the product that caused it"),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("timeliness", sa.Text, nullable=False),
    sa.Column("context", sa.JSON, nullable=False, comment="facts of the unit that fill parameters and bind inputs"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, comment="what it waits for, or why it ended"),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("check_at", Micros, comment="when waiting ends for an optional input or for the order itself"),
    sa.Column("round", sa.Integer, nullable=False, default=1, comment="from 1; late data opens another one"),
    sa.Column("opened_at", Micros, comment="when its later round began; null in the first"),
    sa.Column("late", sa.Boolean, nullable=False, default=False, comment="data came that its running job lacks"),
    sa.Column(
        "wanted",
        sa.JSON(none_as_null=True),
        comment="what it was asked for: see triggers/wishes.py; null for orders that data caused",
    ),
    sa.UniqueConstraint("chain", "unit"),
)
sa.Index("ix_production_order_state", order.c.state, order.c.check_at)

order_need = sa.Table(
    "order_need",
    metadata,
    sa.Column("order_id", sa.ForeignKey(order.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("input", sa.Text, primary_key=True, comment="which input of the task table"),
    sa.Column("type", sa.Text, primary_key=True, comment="task-table type that would satisfy it"),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("mandatory", sa.Boolean, nullable=False),
    sa.Column("until", Micros, comment="when the order goes on without it; null when it must have it"),
    sa.Column("detail", sa.Text, nullable=False, comment="further conditions, in words"),
)
sa.Index("ix_order_need_type", order_need.c.type, order_need.c.start)
