"""What searches sort by lies where they search: publication in the indexes of products, times beside boxes.

Triggers keep `product.published_at` equal to that of `publication`: a step that makes this table anew on SQLite (batch
mode) makes its triggers anew.
"""

import sqlalchemy as sa
from alembic import op

from s1pdgs.storage.upgrade import in_parts, without_indexes

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INDEXES = {
    "published": (["published_at", "id"], []),
    "name": (["name", "published_at"], ["id"]),
    "type_start": (["type", "start", "published_at"], ["id", "stop"]),
    "start": (["start", "published_at"], ["id", "stop"]),
}
"""Indexes of products: their columns, and those that PostgreSQL keeps besides."""
_DATE = "UPDATE product SET published_at = {0} WHERE id = {1}.product_id"
_TRIGGERS = (
    ("added", "INSERT", "NEW.published_at IS NOT NULL"),
    ("dated", "UPDATE OF published_at", "NEW.published_at {0} OLD.published_at"),
    ("removed", "DELETE", "OLD.published_at IS NOT NULL"),
)
_PLACE = (
    "ST_MakeLine(ST_MakePoint(west, south, start / 86400e6::float8), ST_MakePoint(east, north, stop / 86400e6::float8))"
)


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _date_products(on_sqlite=on_sqlite)
    (_keep_on_sqlite if on_sqlite else _keep_on_postgresql)()
    _time_boxes()
    if not on_sqlite:
        _index_places()


def _date_products(*, on_sqlite: bool) -> None:
    comment = "when it went out, as publication tells; null while it has not"
    op.add_column("product", sa.Column("published_at", sa.BigInteger(), nullable=True, comment=comment))
    for name in ("type_start", "start") if on_sqlite else ("type_start", "start", "name"):
        op.drop_index(f"ix_product_{name}", table_name="product")
    dated = (
        "UPDATE product SET published_at = publication.published_at FROM publication"
        " WHERE publication.product_id = product.id AND publication.published_at IS NOT NULL"
        " AND product.id {part} AND publication.product_id {part}"
    )
    with without_indexes(op.get_bind(), "product"):
        in_parts(op.get_bind(), dated, "product", "id")
    for name, (columns, more) in _INDEXES.items():
        op.create_index(f"ix_product_{name}", "product", columns, unique=False, postgresql_include=more)


def _keep_on_sqlite() -> None:
    for name, event, when in _TRIGGERS:
        act = _DATE.format("NULL", "OLD") if event == "DELETE" else _DATE.format("NEW.published_at", "NEW")
        op.execute(
            f"CREATE TRIGGER publication_{name} AFTER {event} ON publication WHEN {when.format('IS NOT')}"
            f" BEGIN {act}; END"
        )


def _keep_on_postgresql() -> None:
    op.execute(
        f"""
        CREATE FUNCTION date_product() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                {_DATE.format("NULL", "OLD")};
            ELSE
                {_DATE.format("NEW.published_at", "NEW")};
            END IF;
            RETURN NULL;
        END $$
        """
    )
    for name, event, when in _TRIGGERS:
        op.execute(
            f"CREATE TRIGGER publication_{name} AFTER {event} ON publication FOR EACH ROW"
            f" WHEN ({when.format('IS DISTINCT FROM')}) EXECUTE FUNCTION date_product()"
        )


def _time_boxes() -> None:
    for column in ("start", "stop"):
        comment = f"{column} of sensing, as the product's"
        op.add_column(
            "footprint_box", sa.Column(column, sa.BigInteger(), server_default="0", nullable=False, comment=comment)
        )
    timed = (
        "UPDATE footprint_box SET start = product.start, stop = product.stop FROM product"
        " WHERE product.id = footprint_box.product_id AND product.id {part} AND footprint_box.product_id {part}"
    )
    in_parts(op.get_bind(), timed, "footprint_box", "product_id")


def _index_places() -> None:
    """By PostGIS where it is: boxes with days since 1970 as their height."""
    if op.get_bind().exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").first() is not None:
        op.execute(f"CREATE INDEX ix_footprint_box_place ON footprint_box USING gist (({_PLACE}) gist_geometry_ops_nd)")
