"""Subscriptions and what they tell; notices with the receiver's login, and their attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _extend_notices()
    _make_subscriptions()
    _make_queues()
    # what was told before there were subscriptions is told to none: their consumer begins with what comes
    op.execute(
        "INSERT INTO caught_up (consumer, event_id)"
        " SELECT 'subscriptions', max(id) FROM event HAVING max(id) IS NOT NULL"
    )


def _extend_notices() -> None:
    receiver, bare = "user and password of the receiver", "the body is the payload and nothing else"
    op.add_column("notice", sa.Column("login_id", _IDENTIFIER, nullable=True, comment=receiver))
    op.add_column("notice", sa.Column("bare", sa.Boolean(), nullable=False, server_default=sa.false(), comment=bare))
    op.create_table(
        "notice_attempt",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("notice_id", _IDENTIFIER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="null while it lasts, and when its process died"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="what the receiver answered, or what went wrong"),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.id"], name=op.f("fk_notice_attempt_notice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_attempt")),
    )
    op.create_index("ix_notice_attempt_notice_id", "notice_attempt", ["notice_id"], unique=False)
    op.create_table(
        "login",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login")),
    )


def _make_subscriptions() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False, comment="who made it, as far as the door can tell"),
        sa.Column("type", sa.Text(), nullable=False, comment="push | pull"),
        sa.Column("status", sa.Text(), nullable=False, comment="running | paused | cancelled"),
        sa.Column("filter", sa.Text(), nullable=True, comment="of products, as it was given; null for all"),
        sa.Column("events", sa.JSON(), nullable=False, comment="of created, modified, deleted"),
        sa.Column("stage_order", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=True, comment="URL that is told, of push"),
        sa.Column("login_id", _IDENTIFIER, nullable=True, comment="user and password that the endpoint asks for"),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("since_event", _IDENTIFIER, nullable=False, comment="events up to here came before it"),
        sa.Column("last_notified_at", sa.BigInteger(), nullable=True),
        sa.Column("queued", sa.Integer(), nullable=False, comment="notifications in the queue"),
        sa.Column("dropped", sa.Integer(), nullable=False, comment="notifications that fell out of a full queue"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why the service itself paused it"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="when it was cancelled"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("uuid", name=op.f("uq_subscription_uuid")),
    )
    op.create_table(
        "subscription_action",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False, comment="its uuid: what was done outlives it"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="who did it, and by which door"),
        sa.Column(
            "action", sa.Text(), nullable=False, comment="create | change | pause | resume | cancel | delete | again"
        ),
        sa.Column(
            "changes", sa.JSON(none_as_null=True), nullable=True, comment="by property, the value before and after"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_action")),
    )
    op.create_index("ix_subscription_action_subscription", "subscription_action", ["subscription", "id"], unique=False)
    op.create_index("ix_subscription_action_at", "subscription_action", ["at"], unique=False)


def _make_queues() -> None:
    op.create_table(
        "product_news",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("event_id", _IDENTIFIER, nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="created | modified | deleted"),
        sa.Column("product_uuid", sa.Text(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False, comment="the name under which it goes out"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column(
            "value",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="the product as it was then; null when that is long ago",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_news")),
        sa.UniqueConstraint("event_id", name=op.f("uq_product_news_event_id")),
    )
    op.create_index("ix_product_news_at", "product_news", ["at"], unique=False)
    _partial("ix_product_news_with_value", "product_news", ["at"], "value IS NOT NULL")
    op.create_table(
        "notification",
        sa.Column("id", _IDENTIFIER, autoincrement=True, nullable=False),
        sa.Column("subscription_id", _IDENTIFIER, nullable=False),
        sa.Column("news_id", _IDENTIFIER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="queued | told | dead | dropped"),
        sa.Column("notice_id", _IDENTIFIER, nullable=True, comment="the notice that carries it, of push"),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="when it left the queue"),
        sa.ForeignKeyConstraint(["news_id"], ["product_news.id"], name=op.f("fk_notification_news_id")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_notification_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("subscription_id", "news_id", name=op.f("uq_notification_subscription_id_news_id")),
    )
    op.create_index("ix_notification_state", "notification", ["subscription_id", "state", "id"], unique=False)
    op.create_index("ix_notification_news_id", "notification", ["news_id"], unique=False)
    _partial("ix_notification_ended", "notification", ["ended_at"], "ended_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
