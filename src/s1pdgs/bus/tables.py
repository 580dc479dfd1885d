"""The outbox: events commit with the facts that they tell."""

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
