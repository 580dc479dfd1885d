"""The outbox: events commit with the facts that they tell. Notices to the world outside commit alike."""

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata

event = sa.Table(
    "event",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, comment="datatake, session or product: events of one key stay in order"),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("emitted_at", Micros, nullable=False),
)

seen = sa.Table(
    "seen",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", Identifier, primary_key=True),
)

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("subject", sa.Text, nullable=False, comment="what it is about, like wish-7"),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="pending | sent | dead"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("due_at", Micros, nullable=False, comment="not sent before"),
    sa.Column("sent_at", Micros),
    sa.Column("reason", sa.Text, comment="why the last attempt failed"),
)
sa.Index("ix_notice_state", notice.c.state, notice.c.due_at)
sa.Index("ix_notice_subject", notice.c.subject)

caught_up = sa.Table(
    "caught_up",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", Identifier, nullable=False, comment="no event up to here is unseen"),
)
