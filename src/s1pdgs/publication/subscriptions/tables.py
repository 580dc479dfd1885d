"""Subscriptions, the news that they tell, the notifications of each, and what people did to them."""

import sqlalchemy as sa

from s1pdgs.storage.database import Identifier, Micros, metadata

subscription = sa.Table(
    "subscription",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("uuid", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False, comment="who made it, as far as the door can tell"),
    sa.Column("type", sa.Text, nullable=False, comment="push | pull"),
    sa.Column("status", sa.Text, nullable=False, comment="running | paused | cancelled"),
    sa.Column("filter", sa.Text, comment="of products, as it was given; null for all"),
    sa.Column("events", sa.JSON, nullable=False, comment="of created, modified, deleted"),
    sa.Column("stage_order", sa.Boolean, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.Text, comment="URL that is told, of push"),
    sa.Column("login_id", Identifier, comment="user and password that the endpoint asks for"),
    sa.Column("submitted_at", Micros, nullable=False),
    sa.Column("since_event", Identifier, nullable=False, comment="events up to here came before it"),
    sa.Column("last_notified_at", Micros),
    sa.Column("queued", sa.Integer, nullable=False, default=0, comment="notifications in the queue"),
    sa.Column("dropped", sa.Integer, nullable=False, default=0, comment="notifications that fell out of a full queue"),
    sa.Column("reason", sa.Text, comment="why the service itself paused it"),
    sa.Column("ended_at", Micros, comment="when it was cancelled"),
)

product_news = sa.Table(
    "product_news",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("event_id", Identifier, nullable=False, unique=True),
    sa.Column("event", sa.Text, nullable=False, comment="created | modified | deleted"),
    sa.Column("product_uuid", sa.Text, nullable=False),
    sa.Column("product_name", sa.Text, nullable=False, comment="the name under which it goes out"),
    sa.Column("at", Micros, nullable=False),
    sa.Column("value", sa.JSON(none_as_null=True), comment="the product as it was then; null when that is long ago"),
)
_HAS_VALUE = product_news.c.value.is_not(None)
sa.Index("ix_product_news_at", product_news.c.at)
sa.Index("ix_product_news_with_value", product_news.c.at, sqlite_where=_HAS_VALUE, postgresql_where=_HAS_VALUE)

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("subscription_id", sa.ForeignKey(subscription.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("news_id", sa.ForeignKey(product_news.c.id), nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="queued | told | dead | dropped"),
    sa.Column("notice_id", Identifier, comment="the notice that carries it, of push"),
    sa.Column("ended_at", Micros, comment="when it left the queue"),
    sa.UniqueConstraint("subscription_id", "news_id"),
)
_ENDED = notification.c.ended_at.is_not(None)
sa.Index("ix_notification_state", notification.c.subscription_id, notification.c.state, notification.c.id)
sa.Index("ix_notification_news_id", notification.c.news_id)
sa.Index("ix_notification_ended", notification.c.ended_at, sqlite_where=_ENDED, postgresql_where=_ENDED)

subscription_action = sa.Table(
    "subscription_action",
    metadata,
    sa.Column("id", Identifier, primary_key=True, autoincrement=True),
    sa.Column("subscription", sa.Text, nullable=False, comment="its uuid: what was done outlives it"),
    sa.Column("at", Micros, nullable=False),
    sa.Column("actor", sa.Text, nullable=False, comment="who did it, and by which door"),
    sa.Column("action", sa.Text, nullable=False, comment="create | change | pause | resume | cancel | delete | again"),
    sa.Column("changes", sa.JSON(none_as_null=True), comment="by property, the value before and after"),
)
sa.Index("ix_subscription_action_subscription", subscription_action.c.subscription, subscription_action.c.id)
sa.Index("ix_subscription_action_at", subscription_action.c.at)
