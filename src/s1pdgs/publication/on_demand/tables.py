"""What was ordered on demand. Each row is the same thing at both doors: a production order and a job of processes."""

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata
from s1pdgs.triggers.tables import wish

demand = sa.Table(
    "demand",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("wish_id", sa.ForeignKey(wish.c.id, ondelete="SET NULL"), comment="null before it is placed"),
    sa.Column("workflow", sa.Text, nullable=False, comment="name of the type that is wanted"),
    sa.Column("workflow_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, comment="name of the product that it is made of"),
    sa.Column("start", Micros, comment="of the time of which it is made"),
    sa.Column("stop", Micros),
    sa.Column("options", sa.JSON, nullable=False, comment="name -> value, as they were told"),
    sa.Column("parameters", sa.JSON, nullable=False, comment="the options that differ from their defaults"),
    sa.Column("priority", sa.Integer, nullable=False, comment="1 to 100"),
    sa.Column("status", sa.Text, nullable=False, comment="queued | in_progress | completed | failed | cancelled"),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("products", sa.JSON, nullable=False, comment="names of the products that are its result"),
    sa.Column("product_id", sa.Text, comment="public identifier of the first product, when completed"),
    sa.Column("size", sa.BigInteger, comment="bytes of all its zips, when completed"),
    sa.Column("submitted_at", Micros, nullable=False),
    sa.Column("estimated_at", Micros, comment="when it will be done by the pace of late"),
    sa.Column("started_at", Micros),
    sa.Column("ended_at", Micros),
    sa.Column("looked_at", Micros, nullable=False, comment="when its status was brought up to date"),
    sa.Column("told", sa.JSON, nullable=False, comment="whom it tells, and how: see asked.Listener"),
    sa.Column("login_id", Identifier, comment="user and password of the one who is told"),
    sa.Column("request_id", sa.Text, unique=True, comment="Repeatability-Request-ID of its request"),
    sa.Column("request_digest", sa.Text, comment="SHA-256 of that request"),
)
sa.Index("ix_demand_status", demand.c.status, demand.c.looked_at, demand.c.id)
sa.Index("ix_demand_submitted_at", demand.c.submitted_at, demand.c.id)
sa.Index("ix_demand_workflow", demand.c.workflow, demand.c.submitted_at, demand.c.id)
sa.Index("ix_demand_reference", demand.c.reference, demand.c.submitted_at, demand.c.id)
sa.Index("ix_demand_wish_id", demand.c.wish_id)
_HAS_LOGIN = demand.c.login_id.is_not(None)
_HAS_ENDED = demand.c.ended_at.is_not(None)
sa.Index("ix_demand_ended_at", demand.c.ended_at, sqlite_where=_HAS_ENDED, postgresql_where=_HAS_ENDED)
sa.Index("ix_demand_login_id", demand.c.login_id, sqlite_where=_HAS_LOGIN, postgresql_where=_HAS_LOGIN)
