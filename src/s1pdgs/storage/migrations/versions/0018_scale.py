"""What eviction and the doors ask of all orders is found along indexes: who waits for a product, what was made of it.

Triggers keep `order_product`: a step that makes `production_order` anew on SQLite (batch mode) makes its triggers anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_IDENTIFIER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITED = "'waiting' IN (OLD.state, NEW.state)"
_LISTED = {
    "sqlite": "json_each({0}.context, '$.products') AS told",
    "postgresql": "json_array_elements_text({0}.context -> 'products') AS told",
}
"""The products of its unit that an order tells."""
_CHANGED = {
    "sqlite": "(OLD.state, OLD.trigger, OLD.context) IS NOT (NEW.state, NEW.trigger, NEW.context)",
    "postgresql": "(OLD.state, OLD.trigger, OLD.context::text) IS DISTINCT FROM"
    " (NEW.state, NEW.trigger, NEW.context::text)",
}


def upgrade() -> None:
    op.create_index("ix_demand_reference", "demand", ["reference", "submitted_at", "id"], unique=False)
    kind = op.get_bind().dialect.name
    computed = sa.Computed("stop - start", persisted=kind == "postgresql")  # where the other way is not known
    length = sa.Column("length_us", sa.BigInteger(), computed, nullable=True, comment="of its time")
    op.add_column("production_order", length)
    op.create_index(
        "ix_production_order_time", "production_order", ["state", "start", "stop", "satellite"], unique=False
    )
    op.create_index("ix_production_order_length", "production_order", ["state", "length_us"], unique=False)
    _name_products(kind)


def _name_products(kind: str) -> None:
    told = "name of the product that caused it, or of one of its unit"
    op.create_table(
        "order_product",
        sa.Column("order_id", _IDENTIFIER, nullable=False),
        sa.Column("product", sa.Text(), nullable=False, comment=told),
        sa.ForeignKeyConstraint(
            ["order_id"], ["production_order.id"], name=op.f("fk_order_product_order_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", "product", name=op.f("pk_order_product")),
    )
    waiting = "FROM production_order AS one{0} WHERE one.state = 'waiting'"
    listed = waiting.format(f", {_LISTED[kind].format('one')}")
    op.execute(
        f"INSERT INTO order_product SELECT one.id, one.trigger {waiting.format('')}"
        f" UNION SELECT one.id, told.value {listed}"
    )
    op.create_index("ix_order_product_product", "order_product", ["product", "order_id"], unique=False)
    _keep(kind)


def _keep(kind: str) -> None:
    """Those of orders that wait: written with the order, written again with each change, gone when its waiting ends."""
    gone = "DELETE FROM order_product WHERE order_id = NEW.id"
    named = (
        "INSERT INTO order_product SELECT NEW.id, NEW.trigger WHERE NEW.state = 'waiting'"  # noqa: S608  our words
        f" UNION SELECT NEW.id, told.value FROM {_LISTED[kind].format('NEW')} WHERE NEW.state = 'waiting'"
    )
    if kind == "postgresql":
        op.execute(
            "CREATE FUNCTION name_order_products() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {gone}; {named}; RETURN NULL; END $$"
        )
    act = f"BEGIN {gone}; {named}; END" if kind == "sqlite" else "EXECUTE FUNCTION name_order_products()"
    for event, when in (("INSERT", "NEW.state = 'waiting'"), ("UPDATE", f"{_WAITED} AND {_CHANGED[kind]}")):
        op.execute(
            f"CREATE TRIGGER order_product_{event.lower()} AFTER {event} ON production_order"
            f" FOR EACH ROW WHEN ({when}) {act}"
        )
