"""Campaigns, wishes with deadlines, and notices to be sent."""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
