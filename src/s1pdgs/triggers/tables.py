"""What the catalogue makes possible: orders with the needs that they wait for, and the wishes and campaigns of them."""

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
        comment="what it was asked for: see triggers/wanted/inheritance.py; null for orders that data caused",
    ),
    sa.Column(
        "campaign",
        sa.BigInteger,
        nullable=False,
        default=0,
        server_default="0",
        comment="whose order it is: a campaign's number; 0 for systematic work and orders by hand",
    ),
    sa.Column("length_us", sa.BigInteger, sa.Computed("stop - start"), comment="of its time"),
    sa.UniqueConstraint("chain", "unit", "campaign"),
)
sa.Index("ix_production_order_state", order.c.state, order.c.check_at)
sa.Index("ix_production_order_campaign", order.c.campaign, order.c.state, order.c.id)
sa.Index("ix_production_order_time", order.c.state, order.c.start, order.c.stop, order.c.satellite)
sa.Index("ix_production_order_length", order.c.state, order.c.length_us)

order_product = sa.Table(
    "order_product",
    metadata,
    sa.Column("order_id", sa.ForeignKey(order.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "product", sa.Text, primary_key=True, comment="name of the product that caused it, or of one of its unit"
    ),
)
"""Of orders that wait, kept by triggers (0018)."""
sa.Index("ix_order_product_product", order_product.c.product, order_product.c.order_id)

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
sa.Index("ix_order_need_type", order_need.c.type, order_need.c.start, order_need.c.stop, order_need.c.order_id)

wish = sa.Table(
    "wish",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column(
        "asked", sa.JSON, nullable=False, comment="the words of the one who wished: see triggers/wanted/asked.py"
    ),
    sa.Column("held", sa.JSON, nullable=False, comment="names of the wanted products that existed already"),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("deadline", Micros),
    sa.Column("at_deadline", sa.Text, nullable=False, comment="proceed | expire"),
    sa.Column("passed_at", Micros, comment="when the deadline took effect on its orders"),
    sa.Column("notify", sa.Text, comment="URL that is told when all orders have ended"),
    sa.Column("state", sa.Text, nullable=False, comment="open | ended | cancelled"),
    sa.Column("settles_after", sa.BigInteger, comment="event up to which news may still cause orders of it"),
    sa.Column("ended_at", Micros),
    sa.Column("outcome", sa.Text, comment="done | late | expired | failed | cancelled; null while it is open"),
)
sa.Index("ix_wish_state", wish.c.state, wish.c.id)
_HAS_ENDED = wish.c.ended_at.is_not(None)
sa.Index("ix_wish_ended_at", wish.c.ended_at, sqlite_where=_HAS_ENDED, postgresql_where=_HAS_ENDED)

wish_order = sa.Table(
    "wish_order",
    metadata,
    sa.Column("wish_id", sa.ForeignKey(wish.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("order_id", sa.ForeignKey(order.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("way", sa.JSON, nullable=False, comment="chains from the order's own to the one that makes the type"),
    sa.Column("round", sa.Integer, nullable=False, comment="of the order, from which on it counts for the wish"),
    sa.Column("own", sa.Boolean, nullable=False, comment="true when data alone would not have caused the order"),
)
sa.Index("ix_wish_order_order_id", wish_order.c.order_id)

campaign = sa.Table(
    "campaign",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("start", Micros, nullable=False),
    sa.Column("stop", Micros, nullable=False),
    sa.Column("area", sa.Text, comment="well-known text, degrees; null is anywhere"),
    sa.Column("satellite", sa.Text),
    sa.Column("way", sa.JSON, nullable=False, comment="chains of each unit, the one that makes the type last"),
    sa.Column("pinned", sa.JSON, nullable=False, comment="chain file and task tables: see triggers/campaigns/pins.py"),
    sa.Column("aux_as_of", Micros, comment="only auxiliary products catalogued until then are used"),
    sa.Column("aux", sa.JSON(none_as_null=True), comment="names of the only auxiliary products that are used"),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("at_once", sa.Integer, nullable=False, comment="jobs in the queue at once"),
    sa.Column("state", sa.Text, nullable=False, comment="running | paused | cancelled"),
    sa.Column("cursor", sa.JSON(none_as_null=True), comment="the last product that was looked at; null before any"),
    sa.Column("collected_at", Micros, comment="when all its units were found"),
    sa.Column("created_at", Micros, nullable=False),
)

order_tally = sa.Table(
    "order_tally",
    metadata,
    sa.Column("state", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""How many orders, without those of campaigns, have ended in each state that is an end, kept by triggers (0014)."""
