"""Production orders and jobs of OGC API Processes."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Nothing yet."""
