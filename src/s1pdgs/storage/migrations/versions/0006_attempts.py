"""What attempts used."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = "of its programs; null while it runs and when its process died"
    op.add_column("job_attempt", sa.Column("cpu_s", sa.Float(), nullable=True, comment=f"processor time {told}"))
    op.add_column("job_attempt", sa.Column("peak_mb", sa.Integer(), nullable=True, comment="most memory at a time"))
    op.add_column("job_attempt", sa.Column("disk_mb", sa.Integer(), nullable=True, comment="most disk at a time"))
