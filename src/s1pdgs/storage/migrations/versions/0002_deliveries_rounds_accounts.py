"""Several deliveries of a session, several rounds of an order, and the accounts of receptions and data takes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _deliveries()
    _rounds()
    _same_products()
    _datatakes()
    _receptions()


def _deliveries() -> None:
    with op.batch_alter_table("session") as table:
        table.add_column(
            sa.Column(
                "session_id",
                sa.Text(),
                server_default="",
                nullable=False,
                comment="as the station calls it; its deliveries share it",
            )
        )
        table.add_column(
            sa.Column(
                "delivery",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="0 for the first, n for the one called R<n>",
            )
        )
        table.add_column(
            sa.Column(
                "remote_id",
                sa.Text(),
                server_default="",
                nullable=False,
                comment="the station's own key of it, empty where there is none",
            )
        )
    op.execute("UPDATE session SET session_id = id")
    op.create_index("ix_session_session_id", "session", ["session_id"], unique=False)


def _rounds() -> None:
    op.drop_index("ix_job_claim", table_name="job")
    with op.batch_alter_table("job") as table:
        table.add_column(
            sa.Column("round", sa.Integer(), server_default="1", nullable=False, comment="of its order, from 1")
        )
        table.drop_constraint(op.f("uq_job_order_id"), type_="unique")
        table.create_unique_constraint(op.f("uq_job_order_id_round"), ["order_id", "round"])
    op.create_index("ix_job_claim", "job", ["state", sa.literal_column("priority DESC"), "t0", "id"], unique=False)
    op.add_column(
        "production_order",
        sa.Column(
            "round",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="from 1; late data opens another one",
        ),
    )
    op.add_column(
        "production_order",
        sa.Column("opened_at", sa.BigInteger(), nullable=True, comment="when its later round began; null in the first"),
    )
    op.add_column(
        "production_order",
        sa.Column(
            "late",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="data came that its running job lacks",
        ),
    )


def _same_products() -> None:
    op.create_table(
        "same_product",
        sa.Column("name", sa.Text(), nullable=False, comment="a product that was made and is no news"),
        sa.Column("product", sa.Text(), nullable=False, comment="the held product with the same measurements"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_same_product")),
    )


def _datatakes() -> None:
    op.create_table(
        "datatake",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("datatake", sa.Integer(), nullable=False, comment="mission data take identifier"),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False, comment="the REP_L0PSA_ that told it last"),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("lost_in_downlink", sa.BigInteger(), nullable=False, comment="packets"),
        sa.Column("lost_in_instrument", sa.BigInteger(), nullable=False, comment="packets"),
        sa.Column("slices", sa.Integer(), nullable=False, comment="places on the grid of slices"),
        sa.Column("slices_made", sa.Integer(), nullable=False),
        sa.Column(
            "whole",
            sa.Boolean(),
            nullable=False,
            comment="every polarisation from its first packet to its postamble",
        ),
        sa.Column("account", sa.JSON(), nullable=False, comment="all that the report told: see catalogue/datatakes.py"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datatake")),
    )
    op.create_index("ix_datatake_identifier", "datatake", ["datatake", "satellite"], unique=False)
    op.create_index("ix_datatake_start", "datatake", ["start"], unique=False)
    op.create_table(
        "datatake_product",
        sa.Column("datatake_id", _IDENTIFIER, nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("slice", sa.Integer(), nullable=False, comment="its place on the grid; 0 for the whole data take"),
        sa.Column(
            "superseded_by",
            sa.Text(),
            nullable=True,
            comment="the newer version of the same; null for the current one",
        ),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["datatake_id"], ["datatake.id"], name=op.f("fk_datatake_product_datatake_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("datatake_id", "product", name=op.f("pk_datatake_product")),
    )
    op.create_table(
        "datatake_segment",
        sa.Column("datatake_id", _IDENTIFIER, nullable=False),
        sa.Column("segment", sa.Text(), nullable=False, comment="name of a segment that the last report was made from"),
        sa.ForeignKeyConstraint(
            ["datatake_id"], ["datatake.id"], name=op.f("fk_datatake_segment_datatake_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("datatake_id", "segment", name=op.f("pk_datatake_segment")),
    )


def _receptions() -> None:
    op.create_table(
        "reception",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False, comment="the REP_ACQNR_ that told it"),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "account", sa.JSON(), nullable=False, comment="all that the report told: see catalogue/receptions.py"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reception")),
        sa.UniqueConstraint("report", name=op.f("uq_reception_report")),
    )
    op.create_index("ix_reception_satellite", "reception", ["satellite", "start"], unique=False)
    op.create_table(
        "reception_product",
        sa.Column("reception_id", _IDENTIFIER, nullable=False),
        sa.Column("product", sa.Text(), nullable=False, comment="name of a product that was made of it"),
        sa.ForeignKeyConstraint(
            ["reception_id"], ["reception.id"], name=op.f("fk_reception_product_reception_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reception_id", "product", name=op.f("pk_reception_product")),
    )
    op.create_index("ix_reception_product_product", "reception_product", ["product"], unique=False)
