"""Orders that a gate refused are told from those that an operator dropped."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE production_order SET state = 'refused' WHERE state = 'dropped' AND reason LIKE '%; the gate wants %'"
    )
