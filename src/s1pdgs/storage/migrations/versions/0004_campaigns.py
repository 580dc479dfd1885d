"""Campaigns, wishes with deadlines, notices to be sent, and versions of telemetry products."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _orders_of_campaigns()
    _wishes()
    _campaigns()
    _notices()
    _versions_of_telemetry()


def _orders_of_campaigns() -> None:
    comment = "whose order it is: a campaign's number; 0 for systematic work and orders by hand"
    with op.batch_alter_table("production_order") as table:
        table.add_column(sa.Column("campaign", sa.BigInteger(), server_default="0", nullable=False, comment=comment))
        table.drop_constraint(op.f("uq_production_order_chain_unit"), type_="unique")
        table.create_unique_constraint(op.f("uq_production_order_chain_unit_campaign"), ["chain", "unit", "campaign"])
    op.create_index("ix_production_order_campaign", "production_order", ["campaign", "state", "id"], unique=False)


def _wishes() -> None:
    op.create_table(
        "wish",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "asked",
            sa.JSON(),
            nullable=False,
            comment="the words of the one who wished: see triggers/wanted/asked.py",
        ),
        sa.Column("held", sa.JSON(), nullable=False, comment="names of the wanted products that existed already"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("at_deadline", sa.Text(), nullable=False, comment="proceed | expire"),
        sa.Column("passed_at", sa.BigInteger(), nullable=True, comment="when the deadline took effect on its orders"),
        sa.Column("notify", sa.Text(), nullable=True, comment="URL that is told when all orders have ended"),
        sa.Column("state", sa.Text(), nullable=False, comment="open | ended | cancelled"),
        sa.Column(
            "settles_after",
            sa.BigInteger(),
            nullable=True,
            comment="event up to which news may still cause orders of it",
        ),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column(
            "outcome",
            sa.Text(),
            nullable=True,
            comment="done | late | expired | failed | cancelled; null while it is open",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wish")),
    )
    op.create_index("ix_wish_state", "wish", ["state", "id"], unique=False)
    op.create_table(
        "wish_order",
        sa.Column("wish_id", _IDENTIFIER, nullable=False),
        sa.Column("order_id", _IDENTIFIER, nullable=False),
        sa.Column(
            "way", sa.JSON(), nullable=False, comment="chains from the order's own to the one that makes the type"
        ),
        sa.Column("round", sa.Integer(), nullable=False, comment="of the order, from which on it counts for the wish"),
        sa.Column("own", sa.Boolean(), nullable=False, comment="true when data alone would not have caused the order"),
        sa.ForeignKeyConstraint(["wish_id"], ["wish.id"], name=op.f("fk_wish_order_wish_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_wish_order_order_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("wish_id", "order_id", name=op.f("pk_wish_order")),
    )
    op.create_index("ix_wish_order_order_id", "wish_order", ["order_id"], unique=False)


def _campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True, comment="well-known text, degrees; null is anywhere"),
        sa.Column("satellite", sa.Text(), nullable=True),
        sa.Column("way", sa.JSON(), nullable=False, comment="chains of each unit, the one that makes the type last"),
        sa.Column(
            "pinned",
            sa.JSON(),
            nullable=False,
            comment="chain file and task tables: see triggers/campaigns/pins.py",
        ),
        sa.Column(
            "aux_as_of",
            sa.BigInteger(),
            nullable=True,
            comment="only auxiliary products catalogued until then are used",
        ),
        sa.Column(
            "aux",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="names of the only auxiliary products that are used",
        ),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("at_once", sa.Integer(), nullable=False, comment="jobs in the queue at once"),
        sa.Column("state", sa.Text(), nullable=False, comment="running | paused | cancelled"),
        sa.Column(
            "cursor",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="the last product that was looked at; null before any",
        ),
        sa.Column("collected_at", sa.BigInteger(), nullable=True, comment="when all its units were found"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="what it is about, like wish-7"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending | sent | dead"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False, comment="not sent before"),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the last attempt failed"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_state", "notice", ["state", "due_at"], unique=False)
    op.create_index("ix_notice_subject", "notice", ["subject"], unique=False)


def _versions_of_telemetry() -> None:
    comment = "the telemetry product of more deliveries; null for current ones"
    op.add_column("reception_product", sa.Column("superseded_by", sa.Text(), nullable=True, comment=comment))
    op.add_column("reception_product", sa.Column("superseded_at", sa.BigInteger(), nullable=True))
