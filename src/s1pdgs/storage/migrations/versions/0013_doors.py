"""Searching among millions: orbits in columns of their own, and on SQLite footprints with their times in an R*Tree.

The triggers belong to `footprint_box`: a step that makes this table anew makes them anew.
"""

import sqlalchemy as sa
from alembic import op

from s1pdgs.storage.upgrade import without_indexes

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ORBITS = {"orbit": "orbitNumber", "relative_orbit": "relativeOrbitNumber"}
_ATTRIBUTE = {
    "sqlite": "UPDATE product SET {0} = json_extract(attributes, '$.{1}[1]')"
    " WHERE json_extract(attributes, '$.{1}[0]') = 'Integer'",
    "postgresql": "UPDATE product SET {0} = CAST(attributes #>> '{{{1},1}}' AS BIGINT)"
    " WHERE attributes #>> '{{{1},0}}' = 'Integer'",
}
_ENTRY = """
INSERT INTO footprint_tree SELECT {0}.product_id * 1024 + {0}.part, {0}.west, max({0}.west, {0}.east), {0}.south,
 max({0}.south, {0}.north), product.start / 86400e6 - 14610.0, max(product.start, product.stop) / 86400e6 - 14610.0
FROM product"""  # days since 2010


def upgrade() -> None:
    kind = op.get_bind().dialect.name
    for column, attribute in _ORBITS.items():
        comment = f"attribute {attribute}, where it is a whole number"
        op.add_column("product", sa.Column(column, sa.BigInteger(), nullable=True, comment=comment))
    with without_indexes(op.get_bind(), "product"):
        for column, attribute in _ORBITS.items():
            op.execute(_ATTRIBUTE[kind].format(column, attribute))
    op.create_index("ix_product_orbit", "product", ["orbit", "type"], unique=False)
    op.create_index("ix_product_relative_orbit", "product", ["relative_orbit", "type", "start"], unique=False)
    op.drop_index("ix_footprint_box_west", table_name="footprint_box")
    if kind == "sqlite":
        _plant_tree()
    else:
        _cover()


def _plant_tree() -> None:
    op.execute("CREATE VIRTUAL TABLE footprint_tree USING rtree(id, west, east, south, north, start, stop)")
    op.execute(_ENTRY.format("footprint_box") + " JOIN footprint_box ON footprint_box.product_id = product.id")
    op.execute(
        "CREATE TRIGGER footprint_box_added AFTER INSERT ON footprint_box BEGIN "
        + _ENTRY.format("new")
        + " WHERE product.id = new.product_id; END"
    )
    op.execute(
        "CREATE TRIGGER footprint_box_removed AFTER DELETE ON footprint_box BEGIN "
        "DELETE FROM footprint_tree WHERE id = old.product_id * 1024 + old.part; END"
    )


def _cover() -> None:
    """Indexes that hold numbers of products too, as those of SQLite do: wide rows are not read to count and sort."""
    for column, leading in (("type_start", ["type", "start"]), ("start", ["start"])):
        op.drop_index(f"ix_product_{column}", table_name="product")
        op.create_index(f"ix_product_{column}", "product", leading, unique=False, postgresql_include=["id", "stop"])
    op.create_index("ix_product_name", "product", ["name"], unique=False, postgresql_include=["id"])
