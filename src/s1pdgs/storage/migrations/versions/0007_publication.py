"""Doors: the footprints of published products in a form that databases search."""

import json

import sqlalchemy as sa
from alembic import op

from s1pdgs.model.globe import footprint_shape, to_binary

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    comment = "footprint as well-known binary, valid and cut at the dateline"
    op.add_column("publication", sa.Column("area", sa.LargeBinary(), nullable=True, comment=comment))
    _fill_areas()
    if op.get_bind().dialect.name == "postgresql":
        _index_areas()


def _fill_areas() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT product.id, product.footprint FROM product JOIN publication ON publication.product_id = product.id"
        )
    )
    fill = sa.text("UPDATE publication SET area = :area WHERE product_id = :id")
    for number, footprint in rows.all():
        ring = json.loads(footprint) if isinstance(footprint, str) else footprint
        if ring is not None:
            connection.execute(fill, {"area": to_binary(footprint_shape(ring)), "id": number})


def _index_areas() -> None:
    """By PostGIS where the server has it and lets this user make it; without it, searches by area are refused."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
    except sa.exc.DBAPIError:
        return
    connection.exec_driver_sql("CREATE INDEX ix_publication_area ON publication USING gist (ST_GeomFromWKB(area))")
