"""Doors: footprints in a form that databases search, and what is published of each type."""

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
    op.create_table(
        "published_type",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False, comment="how many products were published"),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("west", sa.Float(), nullable=True, comment="of the box around all footprints, in degrees"),
        sa.Column("south", sa.Float(), nullable=True),
        sa.Column("east", sa.Float(), nullable=True),
        sa.Column("north", sa.Float(), nullable=True),
        sa.Column("told", sa.JSON(), nullable=False, comment="name -> values that its products have: see holdings.py"),
        sa.PrimaryKeyConstraint("type", name=op.f("pk_published_type")),
    )
    op.drop_index("ix_footprint_box_west", table_name="footprint_box")
    edges = ["west", "east", "south", "north", "product_id"]
    op.create_index("ix_footprint_box_west", "footprint_box", edges, unique=False)
    _fill_areas()
    _fill_types()
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


_TYPES = """
INSERT INTO published_type (type, held, start, stop, west, south, east, north, told)
SELECT product.type, count(DISTINCT product.id), min(product.start), max(product.stop), min(box.west), min(box.south),
       max(box.east), max(box.north), '{}'
FROM product JOIN publication ON publication.product_id = product.id
LEFT JOIN footprint_box AS box ON box.product_id = product.id
WHERE publication.published_at IS NOT NULL GROUP BY product.type"""
_TOLD = ("operationalMode", "polarisationChannels", "processingLevel", "orbitDirection", "processingCenter")


def _fill_types() -> None:
    connection = op.get_bind()
    connection.execute(sa.text(_TYPES))
    rows = connection.execute(
        sa.text(
            "SELECT product.type, product.satellite, product.timeliness, product.attributes FROM product"
            " JOIN publication ON publication.product_id = product.id WHERE publication.published_at IS NOT NULL"
        )
    )
    told: dict[str, dict[str, set[str]]] = {}
    for kind, satellite, timeliness, stored in rows:
        attributes = json.loads(stored) if isinstance(stored, str) else stored
        values = {"satellite": satellite, "timeliness": timeliness}
        values |= {name: attributes[name][1] for name in _TOLD if name in attributes}
        for name, value in values.items():
            if value is not None:
                told.setdefault(kind, {}).setdefault(name, set()).add(str(value))
    fill = sa.text("UPDATE published_type SET told = :told WHERE type = :type")
    for kind, found in told.items():
        listed = json.dumps({name: sorted(values) for name, values in found.items()})
        connection.execute(fill, {"told": listed, "type": kind})


def _index_areas() -> None:
    """By PostGIS where the server has it and lets this user make it; without it, searches by area are refused."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
    except sa.exc.DBAPIError:
        return
    connection.exec_driver_sql("CREATE INDEX ix_publication_area ON publication USING gist (ST_GeomFromWKB(area))")
