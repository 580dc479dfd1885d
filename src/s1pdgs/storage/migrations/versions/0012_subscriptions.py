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
