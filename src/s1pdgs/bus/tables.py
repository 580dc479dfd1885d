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
    sa.Column("state", sa.Text, nullable=False, comment="pending | sent | dead | withdrawn"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("due_at", Micros, nullable=False, comment="not sent before"),
    sa.Column("sent_at", Micros),
    sa.Column("reason", sa.Text, comment="why the last attempt failed"),
    sa.Column("login_id", Identifier, comment="user and password of the receiver"),
    sa.Column("bare", sa.Boolean, nullable=False, default=False, comment="the body is the payload and nothing else"),
)
sa.Index("ix_notice_state", notice.c.state, notice.c.due_at)
sa.Index("ix_notice_subject", notice.c.subject)

notice_attempt = sa.Table(
    "notice_attempt",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("notice_id", sa.ForeignKey(notice.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("begun_at", Micros, nullable=False),
    sa.Column("ended_at", Micros, comment="null while it lasts, and when its process died"),
    sa.Column("outcome", sa.Text, comment="what the receiver answered, or what went wrong"),
)
sa.Index("ix_notice_attempt_notice_id", notice_attempt.c.notice_id)

login = sa.Table(
    "login",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
)

caught_up = sa.Table(
    "caught_up",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", Identifier, nullable=False, comment="no event up to here is unseen"),
)
