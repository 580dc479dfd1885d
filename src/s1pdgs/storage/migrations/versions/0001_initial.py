"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="datatake, session or product: events of one key stay in order"
        ),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("emitted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False, comment="what to run: see jobs/spec.py"),
        sa.Column("t0", sa.BigInteger(), nullable=False),
        sa.Column("timeliness", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("visible_at", sa.BigInteger(), nullable=False, comment="not claimed before: back-off"),
        sa.Column("fence", sa.Integer(), nullable=False, comment="attempt number; only the newest may publish"),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("progress", sa.Text(), nullable=True, comment="the processor's last progress line"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the last attempt failed"),
        sa.Column("log_tail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("order_id", name=op.f("uq_job_order_id")),
    )
    op.create_index("ix_job_claim", "job", ["state", sa.literal_column("priority DESC"), "t0", "id"], unique=False)
    op.create_table(
        "product",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("generated", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("t0", sa.BigInteger(), nullable=False),
        sa.Column("timeliness", sa.Text(), nullable=True),
        sa.Column(
            "footprint",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="closed ring of [longitude, latitude] in degrees",
        ),
        sa.Column("attributes", sa.JSON(), nullable=False, comment="name -> [kind, value]; times as microseconds"),
        sa.Column("datatake", sa.Integer(), nullable=True, comment="mission data take identifier, where there is one"),
        sa.Column("catalogued_at", sa.BigInteger(), nullable=False),
        sa.Column("evicted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("name", name=op.f("uq_product_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_product_uuid")),
    )
    op.create_index("ix_product_datatake_type", "product", ["datatake", "type"], unique=False)
    op.create_index("ix_product_start", "product", ["start"], unique=False)
    op.create_index("ix_product_type_start", "product", ["type", "start"], unique=False)
    op.create_table(
        "production_order",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False, comment="what it processes: a session, a datatake, a slice"),
        sa.Column("trigger", sa.Text(), nullable=False, comment="name of the product that caused it"),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("timeliness", sa.Text(), nullable=False),
        sa.Column(
            "context", sa.JSON(), nullable=False, comment="facts of the unit that fill parameters and bind inputs"
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="what it waits for, or why it ended"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "check_at",
            sa.BigInteger(),
            nullable=True,
            comment="when waiting ends for an optional input or for the order itself",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_production_order")),
        sa.UniqueConstraint("chain", "unit", name=op.f("uq_production_order_chain_unit")),
    )
    op.create_index("ix_production_order_state", "production_order", ["state", "check_at"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True, comment="where its bytes rest, when any arrived"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "seen",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_seen")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="the configured source that announced it"),
        sa.Column("satellite", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("downlink_start", sa.BigInteger(), nullable=False),
        sa.Column("downlink_stop", sa.BigInteger(), nullable=False),
        sa.Column("downlink_orbit", sa.Integer(), nullable=False),
        sa.Column("retransfer", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open | complete | incomplete"),
        sa.Column("quality", sa.JSON(), nullable=True, comment="the station's QualityInfo per channel, verbatim"),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True, comment="the SESSION product that it became last"),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="what it waits for, what it lacks, or what its QualityInfo contradicts",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )
    op.create_table(
        "source_cursor",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False, comment="everything older was seen; polls overlap it"),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="why the last poll failed; null when it did not"),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source_cursor")),
    )
    op.create_table(
        "type_span",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("longest_us", sa.BigInteger(), nullable=False, comment="bounds interval searches by (type, start)"),
        sa.PrimaryKeyConstraint("type", name=op.f("pk_type_span")),
    )
    op.create_table(
        "footprint_box",
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False, comment="a footprint over the dateline has a box on each side"),
        sa.Column("west", sa.Float(), nullable=False),
        sa.Column("east", sa.Float(), nullable=False),
        sa.Column("south", sa.Float(), nullable=False),
        sa.Column("north", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_footprint_box_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "part", name=op.f("pk_footprint_box")),
    )
    op.create_index("ix_footprint_box_west", "footprint_box", ["west", "east"], unique=False)
    op.create_table(
        "job_attempt",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True, comment="done | failed | lost | parked"),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("log", sa.Text(), nullable=True, comment="object key of the whole log"),
        sa.Column(
            "swept_at", sa.BigInteger(), nullable=True, comment="when the objects that it left unpublished were removed"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_attempt_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "fence", name=op.f("pk_job_attempt")),
    )
    op.create_table(
        "job_input",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_input_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "product", name=op.f("pk_job_input")),
    )
    op.create_index("ix_job_input_product", "job_input", ["product"], unique=False)
    op.create_table(
        "job_output",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_output_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "product", name=op.f("pk_job_output")),
    )
    op.create_index("ix_job_output_product", "job_output", ["product"], unique=False)
    op.create_table(
        "order_need",
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("input", sa.Text(), nullable=False, comment="which input of the task table"),
        sa.Column("type", sa.Text(), nullable=False, comment="task-table type that would satisfy it"),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("mandatory", sa.Boolean(), nullable=False),
        sa.Column(
            "until",
            sa.BigInteger(),
            nullable=True,
            comment="when the order goes on without it; null when it must have it",
        ),
        sa.Column("detail", sa.Text(), nullable=False, comment="further conditions, in words"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_order_need_order_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", "input", "type", name=op.f("pk_order_need")),
    )
    op.create_index("ix_order_need_type", "order_need", ["type", "start"], unique=False)
    op.create_table(
        "product_file",
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_product_file_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "path", name=op.f("pk_product_file")),
    )
    op.create_table(
        "publication",
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending | published | failed"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True, comment="object key of the zip"),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("md5", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("quicklook", sa.Text(), nullable=True, comment="object key of the quicklook image"),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_publication_product_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_publication")),
    )
    op.create_index("ix_publication_published", "publication", ["published_at", "product_id"], unique=False)
    op.create_index("ix_publication_state", "publication", ["state", "retry_at"], unique=False)
    op.create_table(
        "received_file",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False, comment="the identifier that the source gave it"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("block", sa.Integer(), nullable=True),
        sa.Column("final_block", sa.Boolean(), nullable=False),
        sa.Column(
            "size",
            sa.BigInteger(),
            nullable=True,
            comment="bytes announced, then bytes stored; null when the source does not tell",
        ),
        sa.Column("checksum", sa.Text(), nullable=True, comment="that the source announces: MD5:<hex> or SHA256:<hex>"),
        sa.Column(
            "published", sa.BigInteger(), nullable=False, comment="t0 of the file: when its source made it available"
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="announced | stored | duplicate | quarantined"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("md5", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("stored_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the last attempt failed, or why it was set aside"),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_received_file_session_id")),
        sa.PrimaryKeyConstraint("source", "remote_id", name=op.f("pk_received_file")),
    )
    op.create_index("ix_received_file_session", "received_file", ["session_id", "channel"], unique=False)
    op.create_index("ix_received_file_state", "received_file", ["state", "retry_at"], unique=False)
