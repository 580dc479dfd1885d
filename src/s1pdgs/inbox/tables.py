"""What has arrived: sessions, their files, auxiliary downloads and what was set aside."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata

_NAMESPACE = UUID("5b1e1d0a-4f3c-5b7e-9c55-0f6a7f1c2d15")


def _identifier_of(table: str, *columns: str) -> Callable[[Any], str]:
    """Makes the public identifier of a new row: the same for the same session or file always."""

    def make(context: Any) -> str:
        row = context.get_current_parameters()
        return str(uuid5(_NAMESPACE, "/".join((table, *(row[name] for name in columns)))))

    return make


session = sa.Table(
    "session",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="of this delivery: <session_id>, then <session_id>_R<delivery>"),
    sa.Column("uuid", sa.Text, nullable=False, default=_identifier_of("session", "id"), comment="by which we offer it"),
    sa.Column("session_id", sa.Text, nullable=False, comment="as the station calls it; its deliveries share it"),
    sa.Column("delivery", sa.Integer, nullable=False, comment="0 for the first, n for the one called R<n>"),
    sa.Column("remote_id", sa.Text, nullable=False, comment="the station's own key of it, empty where there is none"),
    sa.Column("source", sa.Text, nullable=False, comment="the configured source that announced it"),
    sa.Column("satellite", sa.Text, nullable=False),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("published", Micros, nullable=False),
    sa.Column("downlink_start", Micros, nullable=False),
    sa.Column("downlink_stop", Micros, nullable=False),
    sa.Column("downlink_orbit", sa.Integer, nullable=False),
    sa.Column("retransfer", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="open | complete | incomplete"),
    sa.Column("quality", sa.JSON, comment="the station's QualityInfo per channel, verbatim"),
    sa.Column("first_seen", Micros, nullable=False),
    sa.Column("completed_at", Micros),
    sa.Column("product", sa.Text, comment="the SESSION product that it became last"),
    sa.Column("reason", sa.Text, comment="what it waits for, what it lacks, or what its QualityInfo contradicts"),
)
sa.Index("ix_session_session_id", session.c.session_id)
sa.Index("ix_session_uuid", session.c.uuid, unique=True)
sa.Index("ix_session_first_seen", session.c.first_seen, session.c.id)

received_file = sa.Table(
    "received_file",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("remote_id", sa.Text, primary_key=True, comment="the identifier that the source gave it"),
    sa.Column(
        "uuid",
        sa.Text,
        nullable=False,
        default=_identifier_of("received_file", "source", "remote_id"),
        comment="by which we offer it",
    ),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("session_id", sa.ForeignKey(session.c.id), comment="the delivery of a session that it belongs to"),
    sa.Column("channel", sa.Integer),
    sa.Column("block", sa.Integer),
    sa.Column("final_block", sa.Boolean, nullable=False, default=False),
    sa.Column("size", sa.BigInteger, comment="bytes announced, then bytes stored; null when the source does not tell"),
    sa.Column("checksum", sa.Text, comment="that the source announces: MD5:<hex> or SHA256:<hex>"),
    sa.Column("published", Micros, nullable=False, comment="t0 of the file: when its source made it available"),
    sa.Column("state", sa.Text, nullable=False, comment="announced | stored | duplicate | quarantined"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("retry_at", Micros, nullable=False),
    sa.Column("location", sa.Text),
    sa.Column("md5", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("stored_at", Micros),
    sa.Column("reason", sa.Text, comment="why the last attempt failed, or why it was set aside"),
)
_c = received_file.c
sa.Index("ix_received_file_session", _c.session_id, _c.channel, _c.block, _c.published)
sa.Index("ix_received_file_state", _c.state, _c.source, _c.published, _c.block, _c.remote_id, _c.retry_at)
sa.Index("ix_received_file_uuid", _c.uuid, unique=True)
sa.Index("ix_received_file_stored_at", _c.stored_at, _c.uuid)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("remote_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("location", sa.Text, comment="where its bytes rest, when any arrived"),
    sa.Column("at", Micros, nullable=False),
)

cursor = sa.Table(
    "source_cursor",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("published", Micros, nullable=False, comment="everything older was seen; polls overlap it"),
    sa.Column("polled_at", Micros, nullable=False),
    sa.Column("error", sa.Text, comment="why the last poll failed; null when it did not"),
)
