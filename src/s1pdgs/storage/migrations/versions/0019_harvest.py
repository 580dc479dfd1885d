"""What is to be downloaded is read in its order along an index, and a block is found by its place in its session."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INDEXES = {
    "state": ["state", "source", "published", "block", "remote_id", "retry_at"],
    "session": ["session_id", "channel", "block", "published"],
}


def upgrade() -> None:
    for name, columns in _INDEXES.items():
        op.drop_index(f"ix_received_file_{name}", table_name="received_file")
        op.create_index(f"ix_received_file_{name}", "received_file", columns, unique=False)
