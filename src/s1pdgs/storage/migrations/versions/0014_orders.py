"""Orders that a gate refused are told from those that an operator dropped; jobs and orders are counted as they end.

Triggers count: whoever ends a job or an order, the numbers of `job_tally` and `order_tally` are those of the rows.
A step that makes `job` or `production_order` anew on SQLite (batch mode) must make its triggers anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TALLIES = (
    ("job", "job_tally", "{row}state IN ('done', 'dropped')"),
    (
        "production_order",
        "order_tally",
        "{row}state IN ('done', 'expired', 'dropped', 'refused') AND {row}campaign = 0",
    ),
)
"""Table, where its ended rows are counted, and which rows have ended."""


def upgrade() -> None:
    op.execute(
        "UPDATE production_order SET state = 'refused' WHERE state = 'dropped' AND reason LIKE '%; the gate wants %'"
    )
    for table, tally, ended in _TALLIES:
        op.create_table(
            tally,
            sa.Column("state", sa.Text(), nullable=False),
            sa.Column("number", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("state", name=op.f(f"pk_{tally}")),
        )
        held = f"SELECT state, count(*) FROM {table} WHERE {ended.format(row='')} GROUP BY state"  # noqa: S608  our words
        op.execute(f"INSERT INTO {tally} {held}")
        count = _count_on_sqlite if op.get_bind().dialect.name == "sqlite" else _count_on_postgresql
        count(table, tally, ended)


def _count_on_sqlite(table: str, tally: str, ended: str) -> None:
    old, new = ended.format(row="OLD."), ended.format(row="NEW.")
    less = f"UPDATE {tally} SET number = number - 1 WHERE state = OLD.state"  # noqa: S608
    more = f"INSERT INTO {tally} VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET number = number + 1"  # noqa: S608
    for name, event, when, act in (
        ("insert", "INSERT", new, more),
        ("delete", "DELETE", old, less),
        ("leave", "UPDATE OF state", f"OLD.state <> NEW.state AND {old}", less),
        ("reach", "UPDATE OF state", f"OLD.state <> NEW.state AND {new}", more),
    ):
        op.execute(f"CREATE TRIGGER {tally}_{name} AFTER {event} ON {table} WHEN {when} BEGIN {act}; END")


def _count_on_postgresql(table: str, tally: str, ended: str) -> None:
    """By statements, not by rows: each row that is counted would leave a dead version of the number behind."""
    op.execute(
        f"""
        CREATE FUNCTION count_{tally}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                UPDATE {tally} SET number = {tally}.number - gone.number
                FROM (SELECT state, count(*) AS number FROM old_rows WHERE {ended.format(row="")} GROUP BY state) gone
                WHERE {tally}.state = gone.state;
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO {tally}
                SELECT state, count(*) FROM new_rows WHERE {ended.format(row="")} GROUP BY state
                ON CONFLICT (state) DO UPDATE SET number = {tally}.number + excluded.number;
            END IF;
            RETURN NULL;
        END $$
        """  # noqa: S608
    )
    for event, rows in (
        ("INSERT", "NEW TABLE AS new_rows"),
        ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        ("DELETE", "OLD TABLE AS old_rows"),
    ):
        op.execute(
            f"CREATE TRIGGER {tally}_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION count_{tally}()"
        )
